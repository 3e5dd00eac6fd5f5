"""SNP_PAGE_RECLAIM."""

import pytest

from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.record import replace
from spec.rmp.entry import UNASSIGNED
from spec.rmp.page_state import page_state
from spec.vocabulary import IOMMU_TAG, TAG_SHIFT, Limit, PageSize, PageState, Status
from tests.spec.firmware.pages import (
    CONTEXT,
    CONTEXT_PAGE,
    FIRMWARE,
    GUEST_VALID,
    LARGE,
    METADATA,
    PRE_GUEST,
    PRE_SWAP,
    RECLAIM,
    Case,
    assert_refused,
    at,
    cases,
    early,
    every_check,
    uncovered,
    with_knobs,
    world,
)

PAGE = 0x400
READY = world({PAGE: FIRMWARE})
OP = PageReclaim(address=at(PAGE), page_size=PageSize.SIZE_4K, reserved=False)

CASES = (
    *early(context=False),
    Case("address", Status.INVALID_ADDRESS, {"address": at(PAGE, forbidden=True)}),
    Case("rmp-page", Status.INVALID_PARAM, {"address": at(PAGE, in_rmp=True)}),
    Case("covered", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, PAGE)),
    Case(
        "covered",
        Limit.UNSPECIFIED,
        {},
        lambda s: with_knobs(uncovered(s, PAGE), default_page_state_error=False),
        "open",
    ),
    Case("page-size", Status.INVALID_PAGE_SIZE, LARGE),
    Case(
        "alignment",
        Status.INVALID_ADDRESS,
        {**LARGE, "address": at(PAGE + 1)},
        lambda s: replace(s, rmp=s.rmp.set(PAGE + 1, replace(FIRMWARE, **LARGE))),
    ),
    Case(
        "page-state",
        Status.INVALID_PAGE_STATE,
        system=lambda s: replace(s, rmp=s.rmp.set(PAGE, CONTEXT)),
        name="CONTEXT",
    ),
    Case(
        "page-state",
        Status.INVALID_PAGE_STATE,
        name="HV_FIXED",
        system=lambda s: replace(s, rmp=s.rmp.set(PAGE, replace(UNASSIGNED, immutable=True))),
    ),
    Case(
        "page-state",
        Status.INVALID_PAGE_STATE,
        name="FIRMWARE_IOMMU",
        system=lambda s: replace(s, rmp=s.rmp.set(PAGE, replace(FIRMWARE, gfn=(IOMMU_TAG << TAG_SHIFT) | 1))),
    ),
)


@cases(*CASES)
def test_page_reclaim_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(page_reclaim, READY, OP, case)


def test_page_reclaim_every_check_has_a_case():
    done = {(Status.SUCCESS, "already-mutable"), (Status.SUCCESS, "reclaimed")}
    assert {(case.result, case.check) for case in CASES} | done == every_check(page_reclaim)


@pytest.mark.parametrize("entry", [GUEST_VALID, UNASSIGNED, RECLAIM])
def test_page_reclaim_of_a_mutable_page_succeeds_and_changes_nothing(entry):
    """Conformance vector 26; for a CONTEXT page see the case of that name."""
    system = world({PAGE: entry})
    assert page_reclaim(system, OP)[:3] == (Status.SUCCESS, "already-mutable", system)


@pytest.mark.parametrize(
    ("before", "state", "gfn"),
    [
        (FIRMWARE, PageState.RECLAIM, 0),
        (METADATA, PageState.RECLAIM, CONTEXT_PAGE),
        (PRE_GUEST, PageState.GUEST_INVALID, PRE_GUEST.gfn),
        (PRE_SWAP, PageState.GUEST_VALID, PRE_SWAP.gfn),
        (replace(PRE_SWAP, subpage_count=7), PageState.GUEST_VALID, PRE_SWAP.gfn),
    ],
)
def test_page_reclaim_of_an_immutable_page_drops_immutable_alone(before, state, gfn):
    outcome = page_reclaim(world({PAGE: before}), OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "reclaimed")
    assert page_state(outcome.system.rmp[PAGE]) == state
    assert outcome.system.rmp[PAGE] == replace(before, immutable=False, lock=False, gfn=gfn)


def test_page_reclaim_inside_a_2m_page_sees_the_raw_entry_and_changes_nothing():
    system = world({PAGE: replace(PRE_GUEST, **LARGE), PAGE + 3: RECLAIM})
    assert page_reclaim(system, replace(OP, address=at(PAGE + 3)))[:3] == (Status.SUCCESS, "already-mutable", system)
