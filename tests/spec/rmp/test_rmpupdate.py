"""RMPUPDATE and PSMASH: one test for each check; the effects are in test_conformance.py."""

import itertools

import pytest

from spec.knobs import EntryCheckOrder, HostInstruction, PsmashGuard
from spec.maps import Map
from spec.record import replace
from spec.rmp.cpu import HOST_CPU
from spec.rmp.entry import SUBENTRY, UNASSIGNED
from spec.rmp.psmash import Psmash, psmash
from spec.rmp.rmpupdate import rmpupdate
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import Eax, Event, PageSize
from tests.spec.rmp.scene import (
    ASID,
    BASE,
    GUEST,
    LARGE_GFN,
    LARGE_HEAD,
    LARGE_VALID,
    ON_TURIN,
    VALID,
    G,
    X,
    assign,
    checks_of,
    deny,
    done,
    holding,
    in_use,
    named,
    with_features,
    with_knobs,
)

BIG = PageSize.SIZE_2M
LARGE = holding(LARGE_HEAD, LARGE_VALID)
WHOLE = assign(LARGE_HEAD, LARGE_GFN, size=BIG)
IN_GUEST = assign(X, G, cpu=GUEST)
OFF = with_features(BASE, snp_enabled=False)
FIXED = replace(UNASSIGNED, immutable=True)
MASKED = replace(LARGE_VALID, immutable=True)

UPDATES = {
    "snp_disabled": (OFF, assign(X, G), Event.UD, "feature"),
    "user_mode": (BASE, assign(X, G, cpu=replace(HOST_CPU, cpl=3)), Event.GP, "cpl"),
    "guest": (BASE, IN_GUEST, Eax.FAIL_PERMISSION, "guest"),
    "guest_ud": (with_knobs(BASE, host_instruction=HostInstruction.UD), IN_GUEST, Event.UD, "guest"),
    "guest_exit": (with_knobs(BASE, host_instruction=HostInstruction.VMEXIT), IN_GUEST, Event.VMEXIT, "guest"),
    "odd_page": (BASE, assign(X, G, spa=(X << 12) + 8), Eax.FAIL_INPUT, "spa-alignment"),
    "odd_region": (BASE, assign(X, LARGE_GFN, size=BIG), Eax.FAIL_INPUT, "spa-alignment"),
    "uncovered": (replace(BASE, covered=Map(False)), assign(X, G), Eax.FAIL_INPUT, "covered"),
    "reserved": (BASE, assign(X, G, reserved=True), Eax.FAIL_INPUT, "reserved-bits"),
    "region_status": (BASE, assign(X, G, region_status=True), Eax.FAIL_INPUT, "reserved-bits"),
    "unassigned_with_owner": (BASE, assign(X, G, assigned=False), Eax.FAIL_INPUT, "unassigned-operand"),
    "reclaim": (with_knobs(BASE, host_may_reclaim=False), assign(X, 0, 0), Eax.FAIL_INPUT, "reclaim-operand"),
    "locking_asid": (BASE, assign(X, G, 0x3FF), Eax.FAIL_INPUT, "asid-range"),
    "asid_above_maximum": (
        with_knobs(BASE, rmpupdate_asid_by_maximum=True),
        assign(X, G, 510),
        Eax.FAIL_INPUT,
        "asid-range",
    ),
    "odd_guest_region": (BASE, assign(LARGE_HEAD, G, size=BIG), Eax.FAIL_INPUT, "gpa-alignment"),
    "held": (in_use(X, BASE), assign(X, G), Eax.FAIL_INUSE, "in-use"),
    "held_in_region": (in_use(LARGE_HEAD + 511, BASE), WHOLE, Eax.FAIL_INUSE, "in-use"),
    "contended": (BASE, assign(X, G, contended=True), Eax.FAIL_INUSE, "in-use"),
    "immutable": (holding(X, FIXED), assign(X, G), Eax.FAIL_PERMISSION, "immutable"),
    "immutable_in_region": (holding(LARGE_HEAD + 3, FIXED), WHOLE, Eax.FAIL_PERMISSION, "immutable"),
    "inside_an_immutable_2m_page": (
        holding(LARGE_HEAD, MASKED),
        assign(LARGE_HEAD + 3, G),
        Eax.FAIL_PERMISSION,
        "immutable",
    ),
    "inside_a_2m_page": (LARGE, assign(LARGE_HEAD + 3, G), Eax.FAIL_OVERLAP, "overlap"),
    "head_of_a_2m_page_by_knob": (
        with_knobs(LARGE, shrink_frees_region=False),
        assign(LARGE_HEAD, G),
        Eax.FAIL_OVERLAP,
        "overlap",
    ),
    "over_assigned_pages": (done(BASE, assign(LARGE_HEAD + 9, G)), WHOLE, Eax.FAIL_OVERLAP, "overlap"),
    "overlap_contended": (BASE, assign(X, G, overlap_contended=True), Eax.FAIL_OVERLAP, "overlap"),
}


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(UPDATES))
def test_rmpupdate_refused_changes_nothing(system, request_, result, check):
    deny(system, request_, result, check)


def test_rmpupdate_refusals_are_all_tested():
    tested = {(result, check) for _, _, result, check in UPDATES.values()}
    assert checks_of(rmpupdate) == tested | {(Eax.SUCCESS, "page-updated"), (Eax.SUCCESS, "region-updated")}


RESULTS = {"U": (Eax.FAIL_INUSE, "in-use"), "I": (Eax.FAIL_PERMISSION, "immutable"), "O": (Eax.FAIL_OVERLAP, "overlap")}


@pytest.mark.parametrize("order", list(EntryCheckOrder))
@pytest.mark.parametrize("failing", [set(c) for n in (1, 2, 3) for c in itertools.combinations("UIO", n)], ids=sorted)
def test_rmpupdate_reports_the_first_failing_check_of_the_order(order, failing):
    system = with_knobs(holding(X, FIXED) if "I" in failing else BASE, rmpupdate_order=order)
    request = assign(X, G, contended="U" in failing, overlap_contended="O" in failing)
    first = next(letter for letter in order.name.split("_") if letter in failing)
    deny(system, request, *RESULTS[first])


def test_rmpupdate_without_contention_is_deterministic_by_knob():
    system = with_knobs(BASE, contention=False)
    done(system, assign(X, G, contended=True, overlap_contended=True))


def test_rmpupdate_2m_tests_only_the_head_for_immutable_by_knob():
    done(with_knobs(holding(LARGE_HEAD + 3, FIXED), immutable_tests_all=False), WHOLE)


@pytest.mark.parametrize(("system", "stored"), [(BASE, 0xF_FFFF_FFFF), (ON_TURIN, 0x7F_FFFF_FFFF)])
def test_rmpupdate_4k_accepts_an_all_ones_address(system, stored):
    assert done(system, assign(X, 0, gpa=(1 << 64) - 1)).rmp[X].gfn == stored


def test_rmpupdate_full_mask_follows_vmpl_sss():
    assert done(BASE, assign(X, G)).rmp[X].masks == VmplMasks(0x0F, 0, 0, 0)
    assert done(ON_TURIN, assign(X, G)).rmp[X].masks == VmplMasks(0x1F, 0, 0, 0)


def test_rmpupdate_2m_writes_a_head_and_ownerless_subentries():
    system = done(BASE, WHOLE)
    assert system.rmp[LARGE_HEAD] == replace(LARGE_VALID, validated=False)
    assert all(system.rmp[LARGE_HEAD + n] == SUBENTRY for n in range(1, 512))
    assert system.asid_pages[ASID] == 512
    back = done(system, assign(LARGE_HEAD, 0, 0, BIG, assigned=False))
    assert back.asid_pages[ASID] == 0
    assert all(not back.rmp[LARGE_HEAD + n].assigned for n in range(512))


def test_rmpupdate_unassigned_entry_is_never_2m_except_by_knob():
    gone = assign(LARGE_HEAD, 0, 0, BIG, assigned=False)
    assert done(BASE, gone).rmp[LARGE_HEAD].page_size == PageSize.SIZE_4K
    assert done(with_knobs(BASE, unassigned_is_4k=False), gone).rmp[LARGE_HEAD].page_size == PageSize.SIZE_2M


def test_rmpupdate_counts_the_other_511_pages():
    system = done(BASE, assign(LARGE_HEAD + 1, G), assign(LARGE_HEAD + 2, G), assign(LARGE_HEAD, G))
    assert system.rmp[LARGE_HEAD].subpage_count == 2
    gone = assign(LARGE_HEAD + 1, 0, 0, assigned=False)
    assert done(system, gone).rmp[LARGE_HEAD].subpage_count == 1


SPLIT = Psmash(cpu=HOST_CPU, spa=LARGE_HEAD << 12, contended=False)
SPECIAL = holding(LARGE_HEAD, replace(LARGE_VALID, immutable=True))
SPLITS = {
    "snp_disabled": (OFF, SPLIT, Event.UD, "feature"),
    "user_mode": (LARGE, replace(SPLIT, cpu=replace(HOST_CPU, cpl=3)), Event.GP, "cpl"),
    "guest": (LARGE, replace(SPLIT, cpu=GUEST), Eax.FAIL_PERMISSION, "guest"),
    "guest_ud": (with_knobs(LARGE, host_instruction=HostInstruction.UD), replace(SPLIT, cpu=GUEST), Event.UD, "guest"),
    "guest_exit": (
        with_knobs(LARGE, host_instruction=HostInstruction.VMEXIT),
        replace(SPLIT, cpu=GUEST),
        Event.VMEXIT,
        "guest",
    ),
    "odd_page": (LARGE, replace(SPLIT, spa=(LARGE_HEAD + 1) << 12), Eax.FAIL_INPUT, "spa-alignment"),
    "uncovered": (replace(LARGE, covered=Map(False)), SPLIT, Eax.FAIL_INPUT, "covered"),
    "contended": (LARGE, replace(SPLIT, contended=True), Eax.FAIL_INUSE, "in-use"),
    "4k_page": (holding(LARGE_HEAD, VALID), SPLIT, Eax.FAIL_NOT_SPLITTABLE, "page-size"),
    "immutable": (SPECIAL, SPLIT, Eax.FAIL_NOT_SPLITTABLE, "splittable"),
    "immutable_permission": (
        with_knobs(SPECIAL, psmash_guard=PsmashGuard.FAIL_PERMISSION),
        SPLIT,
        Eax.FAIL_PERMISSION,
        "splittable",
    ),
    "immutable_input": (with_knobs(SPECIAL, psmash_guard=PsmashGuard.FAIL_INPUT), SPLIT, Eax.FAIL_INPUT, "splittable"),
}


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(SPLITS))
def test_psmash_refused_changes_nothing(system, request_, result, check):
    deny(system, request_, result, check)


def test_psmash_refusals_are_all_tested():
    tested = {(result, check) for _, _, result, check in SPLITS.values()}
    assert checks_of(psmash) == tested | {(Eax.SUCCESS, "split")}


def test_psmash_splits_special_pages_by_knob():
    done(with_knobs(SPECIAL, psmash_guard=PsmashGuard.ACCEPTED), SPLIT)
