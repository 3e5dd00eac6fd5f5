"""RMPADJUST: one test for each check, and its effect."""

import pytest

from spec.maps import Map
from spec.record import replace
from spec.rmp.fault import Fault
from spec.rmp.rmpadjust import rmpadjust
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import Eax, Event, MappingSize, PageSize
from tests.spec.rmp.scene import (
    ASID,
    BASE,
    GUEST,
    INVALID,
    LARGE_GFN,
    LARGE_HEAD,
    LARGE_VALID,
    VALID,
    G,
    X,
    checks_of,
    deny,
    grant,
    holding,
    in_use,
    named,
    via,
    with_features,
    with_knobs,
)

START = holding(X, VALID)
SMALL_HEAD = holding(LARGE_HEAD, replace(LARGE_VALID, page_size=PageSize.SIZE_4K))


def large(**more):
    """A 2 MiB request through a 2 MiB mapping."""
    mapping = via(LARGE_GFN, LARGE_HEAD, MappingSize.MAP_2M)
    return grant(LARGE_GFN, LARGE_HEAD, 1, 1, page_size=PageSize.SIZE_2M, translation=mapping, **more)


REFUSALS = {
    "snp_disabled": (with_features(START, snp_enabled=False), grant(G, X, 1, 1), Event.UD, "feature"),
    "legacy_guest": (START, grant(G, X, 1, 1, cpu=replace(GUEST, snp_active=False)), Event.UD, "snp-guest"),
    "user_mode": (START, grant(G, X, 1, 1, cpu=replace(GUEST, cpl=3)), Event.GP, "cpl"),
    "misaligned_2m": (START, grant(G + 1, X, 1, 1, page_size=PageSize.SIZE_2M), Eax.FAIL_INPUT, "gva-alignment"),
    "reserved": (START, grant(G, X, 1, 1, reserved=True), Eax.FAIL_INPUT, "reserved-bits"),
    "2m_vmsa": (holding(LARGE_HEAD, LARGE_VALID), large(vmsa=True), Eax.FAIL_INPUT, "vmsa-size"),
    "no_such_vmpl": (START, grant(G, X, 4, 1), Eax.FAIL_PERMISSION, "vmpl-range"),
    "no_such_vmpl_other_reading": (
        with_knobs(START, rmpadjust_vmpl_range_permission=False),
        grant(G, X, 4, 1),
        Eax.FAIL_INPUT,
        "vmpl-range",
    ),
    "own_vmpl": (START, grant(G, X, 1, 1, vmpl=1), Eax.FAIL_PERMISSION, "target-vmpl"),
    "more_privileged_vmpl": (START, grant(G, X, 0, 1, vmpl=1), Eax.FAIL_PERMISSION, "target-vmpl"),
    "uncovered": (replace(START, covered=Map(False)), grant(G, X, 1, 1), Event.NPF, "covered"),
    "unassigned": (BASE, grant(G, X, 1, 1), Event.NPF, "assigned"),
    "foreign_page": (holding(X, replace(VALID, asid=ASID + 1)), grant(G, X, 1, 1), Event.NPF, "owner-asid"),
    "immutable": (holding(X, replace(VALID, immutable=True)), grant(G, X, 1, 1), Event.NPF, "immutable"),
    "other_address": (START, grant(G + 1, X, 1, 1), Event.NPF, "reverse-map"),
    "held_by_vmrun": (in_use(X, START), grant(G, X, 1, 1), Event.NPF, "in-use"),
    "4k_request_2m_mapping": (
        START,
        grant(G, X, 1, 1, translation=via(G, X, MappingSize.MAP_2M)),
        Event.NPF,
        "page-size",
    ),
    "2m_request_4k_entry": (SMALL_HEAD, large(), Eax.FAIL_SIZEMISMATCH, "page-size"),
    "not_validated": (holding(X, INVALID), grant(G, X, 1, 1), Event.VC, "validated"),
    "not_validated_reflected": (
        holding(X, INVALID),
        grant(G, X, 1, 1, cpu=replace(GUEST, reflect_vc=True)),
        Event.VMEXIT,
        "validated",
    ),
    "more_than_it_has": (START, grant(G, X, 2, 3, vmpl=1), Eax.FAIL_PERMISSION, "permission-subset"),
    "reserved_permission": (START, grant(G, X, 1, 0x20), Eax.FAIL_PERMISSION, "permission-subset"),
}


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(REFUSALS))
def test_rmpadjust_refused_changes_nothing(system, request_, result, check):
    deny(system, request_, result, check)


def test_rmpadjust_refusals_are_all_tested():
    tested = {(result, check) for _, _, result, check in REFUSALS.values()}
    assert checks_of(rmpadjust) == tested | {(Eax.SUCCESS, "adjusted")}


def test_rmpadjust_not_validated_reports_404_and_the_virtual_address():
    outcome = deny(holding(X, INVALID), grant(G, X, 1, 1), Event.VC, "validated")
    assert outcome.output == Fault(0x404, G << 12)


def test_rmpadjust_4k_inside_a_2m_page_reports_sizem():
    page, gfn = LARGE_HEAD + 1, LARGE_GFN + 1
    outcome = deny(holding(LARGE_HEAD, LARGE_VALID), grant(gfn, page, 1, 1), Event.NPF, "page-size")
    assert outcome.output.error == 0xC_8000_0005


@pytest.mark.parametrize(
    ("vc_first", "result", "check"),
    [(True, Event.VC, "validated"), (False, Eax.FAIL_SIZEMISMATCH, "page-size")],
)
def test_rmpadjust_of_an_unvalidated_page_of_the_wrong_size_by_knob(vc_first, result, check):
    entry = replace(SMALL_HEAD.rmp[LARGE_HEAD], validated=False)
    deny(with_knobs(holding(LARGE_HEAD, entry), rmpadjust_vc_before_size=vc_first), large(), result, check)


def test_rmpadjust_changes_the_mask_of_the_target_only():
    outcome = rmpadjust(START, grant(G, X, 2, 5))
    assert (outcome.result, outcome.check) == (Eax.SUCCESS, "adjusted")
    assert outcome.system == holding(X, replace(VALID, masks=VmplMasks(0xF, 0, 5, 0)))


def test_rmpadjust_2m_changes_the_head_only():
    outcome = rmpadjust(holding(LARGE_HEAD, LARGE_VALID), large())
    assert outcome.result == Eax.SUCCESS
    assert outcome.system == holding(LARGE_HEAD, replace(LARGE_VALID, masks=VmplMasks(0xF, 1, 0, 0)))


def test_rmpadjust_at_vmpl0_sets_and_clears_the_vmsa_attribute():
    made = rmpadjust(START, grant(G, X, 1, 0, vmsa=True)).system
    assert made == holding(X, replace(VALID, vmsa=True))
    assert rmpadjust(made, grant(G, X, 1, 0)).system == START


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("present", [False, True])
def test_rmpadjust_below_vmpl0_leaves_the_vmsa_attribute_alone(wanted, present):
    entry = replace(VALID, vmsa=present, masks=VmplMasks(0xF, 3, 0, 0))
    outcome = rmpadjust(holding(X, entry), grant(G, X, 2, 1, vmpl=1, vmsa=wanted))
    assert outcome.result == Eax.SUCCESS
    assert outcome.system.rmp[X] == replace(entry, masks=VmplMasks(0xF, 3, 1, 0))


def test_rmpadjust_reserved_bits_are_ignored_by_knob():
    system = with_knobs(START, rmpadjust_reserved_rejected=False)
    assert rmpadjust(system, grant(G, X, 1, 1, reserved=True)).check == "adjusted"


def test_rmpadjust_2m_vmsa_is_accepted_by_knob():
    system = with_knobs(holding(LARGE_HEAD, LARGE_VALID), rmpadjust_vmsa_2m_refused=False)
    assert rmpadjust(system, large(vmsa=True)).system.rmp[LARGE_HEAD].vmsa


def test_rmpadjust_vmpl3_never_succeeds():
    everything = replace(VALID, masks=VmplMasks(0xF, 0xF, 0xF, 0xF))
    for target in range(4):
        deny(holding(X, everything), grant(G, X, target, 0, vmpl=3), Eax.FAIL_PERMISSION, "target-vmpl")
