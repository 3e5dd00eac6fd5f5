"""SNP_PAGE_SET_STATE: the command, and firmware's walks over its list."""

from typing import Any

import pytest

from spec.firmware.initial_table import HV_FIXED_ENTRY
from spec.firmware.page_set_state import PageSetState, page_set_state
from spec.firmware.page_set_state_walk import PageSetStateWalk, page_set_state_walk
from spec.firmware.range_list import NO_WALK, PageRange, WalkPhase
from spec.maps import Map
from spec.record import replace
from spec.rmp.cpu import HOST_CPU
from spec.rmp.page_state import page_state
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.system.state import System
from spec.vocabulary import Eax, Event, Limit, PageSize, PageState, Status
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
NEXT = HEAD + 512


def donated(system_pages: Any) -> dict[int, Any]:
    return {page: replace(FIRMWARE, subpage_count=511 if page % 512 == 0 else 0) for page in system_pages}


def listed(*ranges: tuple[int, int], reserved: bool = False) -> Map[int, PageRange]:
    found = Map(PageRange(base=0, page_count=0, reserved=False))
    for number, (page, count) in enumerate(ranges):
        found = found.set(number, PageRange(base=page << 12, page_count=count, reserved=reserved))
    return found


READY = world(donated(range(HEAD, HEAD + 1024)))
OP = PageSetState(
    wrong_length=False,
    reserved=False,
    list_address=at(0x10),
    list_reserved=False,
    count=1,
    ranges=listed((HEAD, COUNT)),
    rmp_pages=Map(False),
)

CASES = (
    Case("busy", Limit.NOT_MODELLED, {"wrong_length": True}, lambda s: walking(s, phase=WalkPhase.WRITING)),
    Case("length", Status.INVALID_LENGTH, {"wrong_length": True, "reserved": True}, uninitialised),
    Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}, uninitialised),
    Case("reserved-bits", Status.INVALID_PARAM, {"list_address": at(0x10, spa=0x10008)}, name="list-unaligned"),
    Case("platform-state", Status.INVALID_PLATFORM_STATE, system=uninitialised),
    Case("list-address", Status.INVALID_ADDRESS, {"list_address": at(0x10, forbidden=True)}),
    Case("list-address", Status.INVALID_ADDRESS, {"list_address": at(0x10, in_rmp=True)}, name="list-in-rmp"),
    Case("list-reserved", Status.INVALID_PARAM, {"list_reserved": True, "count": 256}),
    Case("list-length", Status.INVALID_PARAM, {"count": 256, "ranges": listed((HEAD + 1, 1))}),
    Case("range-reserved", Status.INVALID_PARAM, {"ranges": listed((HEAD + 1, COUNT), reserved=True)}),
    Case("range-alignment", Status.INVALID_PARAM, {"ranges": listed((HEAD + 1, COUNT))}),
    Case(
        "range-alignment",
        Status.INVALID_PARAM,
        {"ranges": listed((HEAD, 1)).set(0, PageRange(base=(HEAD << 12) + 1, page_count=1, reserved=False))},
        name="one-byte",
    ),
    Case(
        "range-alignment", Status.INVALID_PARAM, {"count": 2, "ranges": listed((HEAD, 1), (HEAD + 1, 0))}, name="second"
    ),
)


def walking(system: System, **changes: Any) -> System:
    walk = replace(NO_WALK, **changes)
    return replace(system, firmware=replace(system.firmware, walk=walk))


def accepted(system: System = READY, **changes: Any) -> System:
    outcome = page_set_state(system, replace(OP, **changes))
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "list-accepted")
    assert outcome.system.rmp == system.rmp
    return outcome.system


def walked(system: System) -> list[Any]:
    """Every outcome until firmware answers."""
    outcomes = []
    while system.firmware.walk.phase != WalkPhase.DONE:
        outcomes.append(page_set_state_walk(system, PageSetStateWalk()))
        system = outcomes[-1].system
    return outcomes


def checks(outcomes: list[Any]) -> list[str]:
    return [outcome.check for outcome in outcomes]


@cases(*CASES)
def test_page_set_state_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(page_set_state, READY, OP, case)


def test_page_set_state_every_check_has_a_case():
    done = {(Status.SUCCESS, "list-accepted")}
    assert {(case.result, case.check) for case in CASES} | done == every_check(page_set_state)


def test_page_set_state_ranges_behind_the_count_are_not_looked_at():
    accepted(ranges=listed((HEAD, 1), (HEAD + 1, 1)))


def test_page_set_state_walk_without_a_list_does_nothing():
    assert page_set_state_walk(READY, PageSetStateWalk())[:3] == (Event.COMPLETES, "no-list", READY)


def test_page_set_state_of_donated_pages_makes_them_hv_fixed_and_keeps_the_counts_exact():
    outcomes = walked(accepted())
    first, second = ["page-donated"] * COUNT, ["page-fixed"] * COUNT
    assert checks(outcomes) == [*first, "range-done", "all-donated", *second, "range-done", "fixed"]
    assert outcomes[-1].result == Status.SUCCESS
    assert all(outcome.result == Event.COMPLETES for outcome in outcomes[:-1])
    after = outcomes[-1].system
    assert all(page_state(after.rmp[page]) == PageState.HV_FIXED for page in range(HEAD, HEAD + COUNT))
    assert after.rmp[HEAD] == replace(HV_FIXED_ENTRY, subpage_count=512 - COUNT)
    assert after.rmp[HEAD + COUNT] == READY.rmp[HEAD + COUNT]
    assert after.rmp[HEAD].subpage_count == after.rmp.count_in_range(HEAD + 1, 511, lambda entry: entry.assigned)
    assert after.asid_pages == READY.asid_pages


def test_page_set_state_of_several_regions_and_ranges_fixes_all_of_them():
    after = walked(accepted(count=2, ranges=listed((NEXT, 3), (HEAD, 513))))[-1].system
    assert after.rmp[HEAD] == after.rmp[HEAD + 511] == HV_FIXED_ENTRY
    assert after.rmp[NEXT] == replace(HV_FIXED_ENTRY, subpage_count=512 - 3)
    assert [page_state(after.rmp[NEXT + n]) for n in (2, 3)] == [PageState.HV_FIXED, PageState.FIRMWARE]


def test_page_set_state_of_a_page_in_two_ranges_counts_it_once():
    outcomes = walked(accepted(count=2, ranges=listed((HEAD, 2), (HEAD, 3))))
    assert checks(outcomes).count("page-fixed") == 3
    assert checks(outcomes).count("page-fixed-before") == 2
    assert outcomes[-1].system.rmp[HEAD].subpage_count == 509


@pytest.mark.parametrize("changes", [{"count": 0}, {"ranges": listed((HEAD, 0))}, {"ranges": listed((1 << 40, 0))}])
def test_page_set_state_of_no_page_succeeds_and_changes_no_entry(changes):
    outcomes = walked(accepted(**changes))
    assert (outcomes[-1].result, outcomes[-1].check) == (Status.SUCCESS, "fixed")
    assert outcomes[-1].system.rmp == READY.rmp


def test_page_set_state_leaves_out_the_rmp_itself():
    own = Map(False).set(HEAD + 1, True)
    outcomes = walked(accepted(rmp_pages=own, ranges=listed((HEAD, 3))))
    assert checks(outcomes).count("rmp-left-out") == 2
    after = outcomes[-1].system.rmp
    states = [page_state(after[HEAD + n]) for n in range(3)]
    assert states == [PageState.HV_FIXED, PageState.FIRMWARE, PageState.HV_FIXED]


BAD_PAGES = {
    "context": lambda s: with_entry(s, HEAD + COUNT - 1, vmsa=True),
    "unlocked": lambda s: with_entry(s, HEAD + COUNT - 1, lock=False),
    "large": lambda s: with_entry(s, HEAD + COUNT - 1, page_size=PageSize.SIZE_2M),
    "uncovered": lambda s: uncovered(s, HEAD),
}


@pytest.mark.parametrize("name", BAD_PAGES)
def test_page_set_state_of_one_page_that_was_not_donated_writes_nothing(name):
    system = BAD_PAGES[name](READY)
    outcomes = walked(accepted(system))
    assert (outcomes[-1].result, outcomes[-1].check) == (Status.INVALID_PAGE_STATE, "page-state")
    assert outcomes[-1].system.rmp == system.rmp
    assert page_set_state_walk(outcomes[-1].system, PageSetStateWalk()).check == "no-list"


def test_page_set_state_beyond_52_bits_names_no_page():
    outcomes = walked(accepted(ranges=listed((1 << 40, 1))))
    assert checks(outcomes) == ["page-state"]
    last = (1 << 40) - 512
    outcomes = walked(accepted(world(donated(range(last, last + 512))), ranges=listed((last, 513))))
    assert checks(outcomes) == [*["page-donated"] * 512, "page-state"]


def test_page_set_state_every_check_of_the_walk_was_seen():
    own = Map(False).set(HEAD + 1, True)
    seen = {*checks(walked(accepted(rmp_pages=own, count=2, ranges=listed((HEAD, 2), (HEAD, 1)))))}
    seen |= {"no-list", *checks(walked(accepted(ranges=listed((1 << 40, 1)))))}
    assert seen == {check for _, check in every_check(page_set_state_walk)}


def test_host_cannot_take_a_page_that_is_being_walked():
    taken = RmpUpdate(
        cpu=HOST_CPU, spa=HEAD << 12, gpa=0, assigned=False, page_size=PageSize.SIZE_4K, region_status=False,
        immutable=False, reserved=False, asid=0, contended=False, overlap_contended=False,
    )  # fmt: skip
    for outcome in walked(accepted()):
        refused = rmpupdate(outcome.system, taken)
        assert (refused.result, refused.check) == (Eax.FAIL_PERMISSION, "immutable")
