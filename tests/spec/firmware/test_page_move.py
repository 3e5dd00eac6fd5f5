"""SNP_PAGE_MOVE, of guest pages and of METADATA pages."""

import pytest

from spec.firmware.page_move import PageMove, page_move
from spec.firmware.state import EMPTY_METADATA
from spec.record import replace
from spec.rmp.page_state import page_state
from spec.vocabulary import GuestPolicy, GuestState, Limit, PageSize, PageState, Status
from tests.spec.firmware.pages import (
    CONTEXT_PAGE,
    FIRMWARE,
    LARGE,
    METADATA,
    PRE_GUEST,
    PRE_SWAP,
    Case,
    assert_refused,
    at,
    cases,
    early,
    every_check,
    uncovered,
    with_entry,
    with_guest,
    with_knobs,
    world,
)

SOURCE, TARGET = 0x400, 0x800
FREE = replace(PRE_GUEST, gfn=0x999, subpage_count=4, masks=replace(PRE_GUEST.masks, vmpl1=0))
READY = world({SOURCE: PRE_SWAP, TARGET: FREE})
METADATA_READY = world({SOURCE: METADATA, TARGET: FIRMWARE})
OP = PageMove(
    context=at(CONTEXT_PAGE),
    page_size=PageSize.SIZE_4K,
    reserved=False,
    source=at(SOURCE),
    destination=at(TARGET),
)


def states(source, destination):
    return lambda s: replace(s, rmp=s.rmp.set(SOURCE, source).set(TARGET, destination))


CASES = (
    *early(),
    Case(
        "reserved-bits", Status.INVALID_PARAM, {"source": at(SOURCE, spa=(SOURCE << 12) + 8)}, name="source-unaligned"
    ),
    Case("address", Status.INVALID_ADDRESS, {"destination": at(TARGET, forbidden=True)}, name="destination-address"),
    Case(
        "rmp-page", Status.INVALID_PARAM, {"source": at(SOURCE, in_rmp=True), "context": at(SOURCE)}, name="read-first"
    ),
    Case("covered", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, SOURCE)),
    Case("covered", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, TARGET), name="destination-uncovered"),
    Case(
        "covered",
        Limit.UNSPECIFIED,
        {},
        name="uncovered-open",
        system=lambda s: with_knobs(uncovered(s, TARGET), default_page_state_error=False),
    ),
    Case("source-size", Status.INVALID_PAGE_SIZE, system=lambda s: with_entry(s, SOURCE, **LARGE)),
    Case("destination-size", Status.INVALID_PAGE_SIZE, system=lambda s: with_entry(s, TARGET, **LARGE)),
    Case("guest-state", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, state=GuestState.INIT)),
    Case("activated", Status.INACTIVE, system=lambda s: with_guest(s, asid=0)),
    Case("policy", Status.POLICY_FAILURE, system=lambda s: with_guest(s, policy=GuestPolicy.PAGE_SWAP_DISABLE)),
    Case("source-asid", Status.INVALID_PAGE_OWNER, system=lambda s: with_entry(s, SOURCE, asid=6)),
    Case("destination-asid", Status.INVALID_PAGE_OWNER, system=lambda s: with_entry(s, TARGET, asid=6)),
    Case("metadata-owner", Status.INVALID_PAGE_OWNER, system=states(replace(METADATA, gfn=METADATA.gfn + 1), FIRMWARE)),
    Case("page-states", Status.INVALID_PAGE_STATE, system=states(PRE_SWAP, PRE_SWAP), name="into-a-valid-page"),
    Case("page-states", Status.INVALID_PAGE_STATE, system=states(PRE_SWAP, FIRMWARE), name="guest-page-into-firmware"),
    Case("page-states", Status.INVALID_PAGE_STATE, system=states(METADATA, PRE_GUEST), name="metadata-into-guest-page"),
)


@cases(*CASES)
def test_page_move_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(page_move, READY, OP, case)


def test_page_move_every_check_has_a_case():
    done = {(Status.SUCCESS, "guest-page-moved"), (Status.SUCCESS, "metadata-page-moved")}
    assert {(case.result, case.check) for case in CASES} | done == every_check(page_move)


@pytest.mark.parametrize(
    ("source", "result"),
    [(PRE_SWAP, PageState.GUEST_VALID), (PRE_GUEST, PageState.GUEST_INVALID)],
)
def test_page_move_of_a_guest_page_takes_address_attribute_and_masks_along(source, result):
    """Conformance vector 30. The VMSA attribute stays in the source too."""
    source = replace(source, vmsa=True)
    outcome = page_move(states(source, FREE)(READY), OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "guest-page-moved")
    left, reached = outcome.system.rmp[SOURCE], outcome.system.rmp[TARGET]
    assert (page_state(left), page_state(reached)) == (PageState.GUEST_INVALID, result)
    assert left == replace(source, validated=False, immutable=False, lock=False)
    assert reached == replace(source, immutable=False, lock=False, subpage_count=FREE.subpage_count)


def test_page_move_of_a_page_onto_itself_releases_it():
    system = world({SOURCE: PRE_GUEST})
    outcome = page_move(system, replace(OP, destination=at(SOURCE)))
    assert outcome.system.rmp[SOURCE] == replace(PRE_GUEST, immutable=False, lock=False)


def test_page_move_of_a_metadata_page_takes_its_entries_along():
    live = replace(EMPTY_METADATA, valid=True, iv=9)
    metadata = METADATA_READY.firmware.metadata.set((SOURCE << 6) | 5, live).set((TARGET << 6) | 6, live)
    system = replace(METADATA_READY, firmware=replace(METADATA_READY.firmware, metadata=metadata))
    outcome = page_move(system, OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "metadata-page-moved")
    after = outcome.system
    assert (after.rmp[SOURCE], after.rmp[TARGET]) == (FIRMWARE, METADATA)
    assert after.firmware.metadata[(TARGET << 6) | 5] == live
    assert after.firmware.metadata[(TARGET << 6) | 6] == EMPTY_METADATA
