"""SNP_PAGE_MD_INIT."""

import pytest

from spec.firmware.page_md_init import PageMdInit, page_md_init
from spec.firmware.state import EMPTY_METADATA
from spec.record import replace
from spec.rmp.page_state import page_state
from spec.vocabulary import GuestState, PageState, Status
from tests.spec.firmware.pages import (
    CONTEXT_PAGE,
    FIRMWARE,
    LARGE,
    METADATA,
    Case,
    assert_refused,
    at,
    cases,
    early,
    every_check,
    uncovered,
    with_entry,
    with_guest,
    world,
)

PAGE = 0x400
READY = world({PAGE: FIRMWARE})
OP = PageMdInit(context=at(CONTEXT_PAGE), page=at(PAGE))

CASES = (
    *(case for case in early() if "reserved" not in case.op),
    Case("reserved-bits", Status.INVALID_PARAM, {"page": at(PAGE, spa=(PAGE << 12) + 8)}, name="page-unaligned"),
    Case("address", Status.INVALID_ADDRESS, {"page": at(PAGE, forbidden=True)}, name="page-address"),
    Case("rmp-page", Status.INVALID_PARAM, {"page": at(PAGE, in_rmp=True)}, name="page-in-rmp"),
    Case(
        "rmp-page", Status.INVALID_PARAM, {"page": at(PAGE, in_rmp=True), "context": at(PAGE)}, name="page-read-first"
    ),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, PAGE, vmsa=True)),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, PAGE), name="page-uncovered"),
    Case("guest-state", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, state=GuestState.INIT)),
)


@cases(*CASES)
def test_page_md_init_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(page_md_init, READY, OP, case)


def test_page_md_init_every_check_has_a_case():
    expected = {(case.result, case.check) for case in CASES} | {(Status.SUCCESS, "metadata-initialised")}
    assert expected == every_check(page_md_init)


@pytest.mark.parametrize(("changes", "slots"), [({}, 64), (LARGE, 64 * 512)])
def test_page_md_init_binds_the_page_to_the_context_and_zeroes_it(changes, slots):
    stale = replace(EMPTY_METADATA, valid=True)
    first = PAGE << 6
    metadata = READY.firmware.metadata.set_range(first, 64 * 512, lambda _: stale)
    system = replace(with_entry(READY, PAGE, **changes), firmware=replace(READY.firmware, metadata=metadata))
    outcome = page_md_init(system, OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "metadata-initialised")
    assert outcome.system.rmp[PAGE] == replace(METADATA, **changes)
    assert page_state(outcome.system.rmp[PAGE]) == PageState.METADATA
    entries = outcome.system.firmware.metadata
    assert entries.count_in_range(first, 64 * 512, lambda entry: entry.valid) == 64 * 512 - slots
    assert entries[first + slots - 1] == EMPTY_METADATA


def test_page_md_init_needs_no_asid():
    assert page_md_init(with_guest(READY, asid=0), OP).result == Status.SUCCESS
