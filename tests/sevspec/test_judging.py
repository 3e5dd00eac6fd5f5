"""Reports, certificates and reference values at random: the machine on bytes and the specification agree on each."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from impl.attestation.reference import Reference
from impl.attestation.report import AttestationReport, SignedReport
from sevspec.attesting.twins import judge
from spec.vocabulary import HOST_REQUESTED, GuestPolicy, PlatformInfo, Product
from tests.impl.attestation.cases import CASES
from tests.impl.attestation.made import (
    CHIP,
    CSP,
    NOW,
    OTHER_CHIP,
    TCB,
    VLEK,
    genuine,
    reference,
    signed_by,
    vcek_bundle,
    vlek_bundle,
)

BUNDLES = (vlek_bundle, *dict.fromkeys(case.certificates for case in CASES))
RESERVED_TCB = 0xFFFF_FFFF << 16
"""Parts that no certificate can have."""
TCBS = st.sampled_from([TCB, TCB - 1, TCB + 1, TCB | 1 << 16, 0, TCB + (1 << 56)])
POLICIES = st.integers(0, 31).map(lambda bits: bits << 16 | 0x100)
SOME_BITS = st.sampled_from([0, 1, 2, 3, 0x20])
DIGESTS = st.sampled_from([bytes(48), b"d" * 48])


def optional_set(items: st.SearchStrategy[Any]) -> st.SearchStrategy[frozenset[Any] | None]:
    return st.none() | st.frozensets(items, max_size=2)


CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "version": st.integers(1, 6),
    "guest_svn": st.integers(0, 2),
    "policy": POLICIES | st.just(1 << 26 | 1 << 17),
    "family_id": st.sampled_from([bytes(16), b"f" * 16]),
    "image_id": st.sampled_from([bytes(16), b"i" * 16]),
    "vmpl": st.sampled_from([0, 1, 3, 4, HOST_REQUESTED]),
    "signature_algo": st.integers(0, 2),
    "current_tcb": TCBS,
    "platform_info": SOME_BITS | st.just(1 << 8),
    "author_key_en": st.integers(0, 1),
    "mask_chip_key": st.integers(0, 1),
    "signing_key": st.integers(0, 7),
    "report_data": st.sampled_from([bytes(64), b"n" * 64]),
    "measurement": DIGESTS,
    "host_data": st.sampled_from([bytes(32), b"h" * 32]),
    "id_key_digest": DIGESTS,
    "author_key_digest": DIGESTS,
    "report_id_ma": st.sampled_from([bytes(32), b"\xff" * 32]),
    "reported_tcb": TCBS,
    "cpuid_fam_id": st.sampled_from([0, 0x19, 0x1A]),
    "cpuid_mod_id": st.sampled_from([0, 0x0F, 0x10, 0x11, 0x1F, 0x20, 0x9F, 0xA0, 0xAF, 0xB0]),
    "cpuid_step": st.integers(0, 1),
    "chip_id": st.sampled_from([CHIP.chip_id, OTHER_CHIP.chip_id, bytes(64)]),
    "committed_tcb": TCBS,
    "committed_build": st.integers(24, 26),
    "committed_minor": st.integers(54, 56),
    "launch_tcb": TCBS,
    "launch_mit_vector": SOME_BITS,
    "current_mit_vector": SOME_BITS,
}
ASKED: dict[str, st.SearchStrategy[Any]] = {
    "products": st.frozensets(st.sampled_from(Product)),
    "vlek_accepted": st.booleans(),
    "list_required": st.booleans(),
    "chips": optional_set(st.sampled_from([CHIP.chip_id, OTHER_CHIP.chip_id])),
    "masked_chip_accepted": st.booleans(),
    "services": optional_set(st.sampled_from([CSP, "CN=another.example"])),
    "tcb_floors": st.dictionaries(st.sampled_from(Product), TCBS),
    "firmware_floor": st.tuples(st.integers(0, 2), st.integers(54, 56), st.integers(24, 26)),
    "mitigations": SOME_BITS,
    "platform_required": SOME_BITS,
    "platform_forbidden": SOME_BITS,
    "policy_required": st.sampled_from([0, int(GuestPolicy.SMT)]),
    "policy_forbidden": st.sampled_from([0, int(GuestPolicy.SMT), int(GuestPolicy.DEBUG | GuestPolicy.MIGRATE_MA)]),
    "policy_abi_floor": st.tuples(st.integers(0, 1), st.integers(0, 1)),
    "agent_accepted": st.booleans(),
    "measurements": optional_set(DIGESTS),
    "id_keys": optional_set(DIGESTS),
    "author_keys": optional_set(DIGESTS),
    "family_id": st.none() | CHANGES["family_id"],
    "image_id": st.none() | CHANGES["image_id"],
    "guest_svn": st.integers(0, 2),
    "host_data": st.none() | CHANGES["host_data"],
    "vmpl": st.none() | st.integers(0, 3),
    "report_data": st.none() | CHANGES["report_data"],
}


def some_of(strategies: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A few of these, so that checks far down the list are met as well."""
    names = st.lists(st.sampled_from(sorted(strategies)), max_size=4, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: strategies[name] for name in chosen}))


@st.composite
def reports(draw: st.DrawFn) -> SignedReport:
    """A report with some fields changed, by the right key or by another, perhaps with a byte changed afterwards."""
    changed = draw(some_of(CHANGES))
    made = genuine(draw(st.sampled_from([2, 3, 5])))
    tcb = changed.get("reported_tcb", made.reported_tcb)
    key = draw(st.sampled_from([CHIP.vcek(tcb), CHIP.vcek(tcb), OTHER_CHIP.vcek(tcb), VLEK]))
    report = signed_by(key, made, **changed)
    if draw(st.integers(0, 9)) == 0:
        report = replace(report, signature=replace(report.signature, reserved_set=True))
    return report


TIMES = st.sampled_from([NOW, NOW, NOW, datetime(2040, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)])


@given(data=st.data(), report=reports(), asked=some_of(ASKED), at=TIMES)
def test_machine_and_specification_agree(data: st.DataObject, report: SignedReport, asked: Any, at: datetime) -> None:
    fitting = vcek_bundle(report.fields.reported_tcb & ~RESERVED_TCB)
    certificates = data.draw(st.just(fitting) | st.sampled_from(BUNDLES).map(lambda make: make()))
    event(judge(report, certificates, reference(**asked), at).judgement.decided)


def test_every_field_and_every_reference_value_is_drawn() -> None:
    of_report = {each.name for each in fields(AttestationReport)} - {"reserved_set"}
    no_check = {"report_id", "current_build", "current_minor", "current_major", "committed_major"}
    assert set(CHANGES) == of_report - no_check
    assert set(ASKED) == {each.name for each in fields(Reference)} - {"roots"}
    assert PlatformInfo.ALIAS_CHECK_COMPLETE == 0x20
