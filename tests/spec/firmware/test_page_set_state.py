"""SNP_PAGE_SET_STATE."""

import pytest

from spec.firmware.page_set_state import HV_FIXED, PageSetState, page_set_state
from spec.record import replace
from spec.rmp.page_state import page_state
from spec.vocabulary import Limit, PageSize, PageState, Status
from tests.spec.firmware.pages import (
    FIRMWARE,
    Case,
    assert_refused,
    at,
    cases,
    every_check,
    uncovered,
    uninitialised,
    with_entry,
    world,
)

HEAD = 0x400
COUNT = 8
"""The head and seven pages of its region."""


def donated(system_pages):
    return {page: replace(FIRMWARE, subpage_count=511 if page % 512 == 0 else 0) for page in system_pages}


READY = world(donated(range(HEAD, HEAD + 512)))
OP = PageSetState(
    wrong_length=False,
    reserved=False,
    list_address=at(0x10),
    list_reserved=False,
    ranges=1,
    base=HEAD << 12,
    page_count=COUNT,
    range_reserved=False,
    in_rmp=False,
)

CASES = (
    Case("length", Status.INVALID_LENGTH, {"wrong_length": True, "reserved": True}, uninitialised),
    Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}, uninitialised),
    Case("reserved-bits", Status.INVALID_PARAM, {"list_address": at(0x10, spa=0x10008)}, name="list-unaligned"),
    Case("platform-state", Status.INVALID_PLATFORM_STATE, system=uninitialised),
    Case("list-address", Status.INVALID_ADDRESS, {"list_address": at(0x10, forbidden=True)}),
    Case("list-address", Status.INVALID_ADDRESS, {"list_address": at(0x10, in_rmp=True)}, name="list-in-rmp"),
    Case("list-reserved", Status.INVALID_PARAM, {"list_reserved": True}),
    Case("list-length", Status.INVALID_PARAM, {"ranges": 256}),
    Case("range-reserved", Status.INVALID_PARAM, {"range_reserved": True}),
    Case("range-length", Limit.NOT_MODELLED, {"page_count": 513}),
    Case("range-alignment", Status.INVALID_PARAM, {"base": (HEAD + 1) << 12}),
    Case(
        "page-state",
        Status.INVALID_PAGE_STATE,
        name="last-page-is-a-context",
        system=lambda s: with_entry(s, HEAD + COUNT - 1, vmsa=True),
    ),
    Case(
        "page-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, HEAD + 3, lock=False), name="unlocked"
    ),
    Case(
        "page-state",
        Status.INVALID_PAGE_STATE,
        name="large",
        system=lambda s: with_entry(s, HEAD, page_size=PageSize.SIZE_2M),
    ),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, HEAD), name="uncovered"),
    Case("page-state", Status.INVALID_PAGE_STATE, {"base": 1 << 52}, name="beyond-52-bits"),
)


@cases(*CASES)
def test_page_set_state_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(page_set_state, READY, OP, case)


def test_page_set_state_every_check_has_a_case():
    done = {(Status.SUCCESS, "rmp-left-out"), (Status.SUCCESS, "fixed")}
    assert {(case.result, case.check) for case in CASES} | done == every_check(page_set_state)


def test_page_set_state_of_the_rmp_itself_succeeds_and_changes_nothing():
    assert page_set_state(READY, replace(OP, in_rmp=True))[:3] == (Status.SUCCESS, "rmp-left-out", READY)


@pytest.mark.parametrize("base", [HEAD << 12, 1 << 52])
def test_page_set_state_of_an_empty_range_succeeds_and_changes_nothing(base):
    assert page_set_state(READY, replace(OP, base=base, page_count=0))[:3] == (Status.SUCCESS, "fixed", READY)


def test_page_set_state_of_donated_pages_makes_them_hv_fixed_and_keeps_the_counts_exact():
    outcome = page_set_state(READY, OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "fixed")
    after = outcome.system.rmp
    assert all(page_state(after[page]) == PageState.HV_FIXED for page in range(HEAD, HEAD + COUNT))
    assert after[HEAD] == replace(HV_FIXED, subpage_count=512 - COUNT)
    assert after[HEAD + COUNT] == READY.rmp[HEAD + COUNT]
    assert after[HEAD].subpage_count == after.count_in_range(HEAD + 1, 511, lambda entry: entry.assigned)


def test_page_set_state_of_a_whole_region_leaves_nothing_assigned():
    after = page_set_state(READY, replace(OP, page_count=512)).system.rmp
    assert after[HEAD] == after[HEAD + 511] == HV_FIXED
