"""Each check of the verifier refuses what it is for, and by its own name."""

import pytest

from impl.attestation.chip import Chip
from impl.attestation.reference import Reference
from impl.attestation.report import Malformed, read_report
from impl.attestation.verifier import verify
from sevspec.attesting.told import known_checks
from sevspec.attesting.twins import judge
from spec.vocabulary import Product, Verdict
from tests.impl.attestation.cases import CASES, Case, listing, name_of, of_vlek, whole
from tests.impl.attestation.made import (
    CSP,
    NOW,
    OTHER_CHIP,
    TURIN_TCB,
    authority,
    bundle,
    forged,
    genuine,
    reference,
    signed_by,
    vcek_bundle,
    vlek_bundle,
)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_check_refuses_by_its_own_name(case: Case) -> None:
    judgement = verify(case.report(), case.certificates(), case.asked(), case.at)
    assert (judgement.decided, judgement.verdict) == (case.check, Verdict.REFUSED)
    assert [one.name for one in judgement.checks if not one.holds] == [case.check]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_specification_refuses_by_the_same_name(case: Case) -> None:
    agreed = judge(case.report(), case.certificates(), case.asked(), case.at)
    assert agreed.judgement.decided == case.check


def test_every_check_of_the_specification_has_a_case_and_stands_in_the_same_order() -> None:
    judgement = verify(read_report(whole()), vcek_bundle(), reference(), NOW)
    made = [one.name for one in judgement.checks]
    assert [*made, "accepted"] == list(known_checks())
    assert {case.check for case in CASES} == {*made}


def test_what_is_asked_and_met_is_accepted() -> None:
    fields = genuine(3)
    asked = reference(
        products=frozenset({Product.GENOA}),
        list_required=True,
        chips=frozenset({fields.chip_id}),
        tcb_floors={Product.GENOA: fields.launch_tcb},
        firmware_floor=(1, 55, 25),
        measurements=frozenset({fields.measurement}),
        id_keys=frozenset({fields.id_key_digest}),
        host_data=fields.host_data,
        vmpl=0,
        report_data=fields.report_data,
    )
    assert judge(forged(), listing(), asked, NOW).judgement.decided == "accepted"


def test_vlek_is_accepted_for_its_service() -> None:
    judgement = judge(of_vlek(), vlek_bundle(), reference(services=frozenset({CSP})), NOW).judgement
    assert judgement.decided == "accepted"


def test_amd_roots_are_believed_without_being_named() -> None:
    assert judge(forged(), vcek_bundle(), Reference(), NOW).judgement.decided == "root-trusted"


def test_turin_has_its_own_order_of_tcb_parts_and_a_short_chip_identifier() -> None:
    chip = Chip(Product.TURIN, b"turin id".ljust(64, b"\0"), b"secret of a Turin")
    versions = dict.fromkeys(("current_tcb", "committed_tcb", "reported_tcb", "launch_tcb"), TURIN_TCB)
    report = signed_by(
        chip.vcek(TURIN_TCB), genuine(3), cpuid_fam_id=0x1A, cpuid_mod_id=2, chip_id=chip.chip_id, **versions
    )
    assert judge(report, vcek_bundle(TURIN_TCB, chip), reference(), NOW).judgement.decided == "accepted"


def test_certificate_of_this_chip_is_found_among_many() -> None:
    made = authority(Product.GENOA)
    others = [made.vcek(OTHER_CHIP.vcek(n).public_key(), n, OTHER_CHIP.hw_id) for n in (genuine(3).reported_tcb, 1)]
    many = bundle(*others, *vcek_bundle().certificates, *vlek_bundle().certificates)
    assert judge(forged(), many, reference(), NOW).judgement.decided == "accepted"


@pytest.mark.parametrize("length", [0, 0x49F, 0x4A1])
def test_other_lengths_are_no_report(length: int) -> None:
    with pytest.raises(Malformed, match=f"a report has 1184 bytes, these are {length}"):
        read_report(bytes(length))


@pytest.mark.parametrize("bit", range(3, 8 * 0x4A0, 97))
def test_flipped_bit_of_a_report_is_refused(bit: int) -> None:
    content = bytearray(whole())
    content[bit // 8] ^= 1 << bit % 8
    judgement = judge(read_report(bytes(content)), vcek_bundle(), reference(), NOW).judgement
    assert judgement.verdict is Verdict.REFUSED
    if bit >= 8 * 0x330:
        assert judgement.decided == "unsigned-bytes"
    elif bit >= 8 * 0x2A0:
        assert judgement.decided == "signature"
