"""SNP_PAGE_UNSMASH."""

import pytest

from spec.firmware.page_unsmash import PageUnsmash, page_unsmash
from spec.record import replace
from spec.rmp.authority import effective
from spec.rmp.page_state import page_state
from spec.vocabulary import PageSize, PageState, Status
from tests.spec.firmware.pages import (
    ASID,
    PRE_GUEST,
    PRE_SWAP,
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
OP = PageUnsmash(address=at(HEAD), reserved=False, overlaps_rmp=False)


def region(entry):
    pages = {HEAD + i: replace(entry, gfn=entry.gfn + i, subpage_count=0 if i else 511) for i in range(512)}
    system = world(pages)
    return replace(system, asid_pages=system.asid_pages.set(ASID, 512))


READY = region(PRE_GUEST)


def moved(gfn):
    return lambda s: replace(s, rmp=s.rmp.set_range(HEAD, 512, lambda p: replace(s.rmp[p], gfn=gfn + p - HEAD)))


CASES = (
    Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}),
    Case("alignment", Status.INVALID_PARAM, {"address": at(HEAD + 1)}, uninitialised),
    Case("platform-state", Status.INVALID_PLATFORM_STATE, system=uninitialised),
    Case("rmp-page", Status.INVALID_PARAM, {"address": at(HEAD, in_rmp=True)}),
    Case("covered", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, HEAD)),
    Case("rmp-overlap", Status.INVALID_ADDRESS, {"overlaps_rmp": True}),
    Case("address", Status.INVALID_ADDRESS, {"address": at(HEAD, forbidden=True)}),
    Case(
        "page-state",
        Status.INVALID_PAGE_STATE,
        system=lambda s: with_entry(s, HEAD + 5, immutable=False),
        name="mutable",
    ),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, HEAD + 5, vmsa=True), name="vmsa"),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, HEAD + 511, asid=0), name="ownerless"),
    Case(
        "page-state",
        Status.INVALID_PAGE_STATE,
        name="large",
        system=lambda s: with_entry(s, HEAD, page_size=PageSize.SIZE_2M),
    ),
    Case("guest-alignment", Status.INVALID_PAGE_STATE, system=moved(0x201)),
    Case("consecutive", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, HEAD + 9, gfn=0), name="gap"),
    Case("consecutive", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, HEAD + 9, asid=6), name="owner"),
    Case(
        "consecutive", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, HEAD + 9, validated=True), name="state"
    ),
    Case(
        "consecutive",
        Status.INVALID_PAGE_STATE,
        name="masks",
        system=lambda s: with_entry(s, HEAD + 9, masks=replace(PRE_GUEST.masks, vmpl3=1)),
    ),
)


@cases(*CASES)
def test_page_unsmash_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(page_unsmash, READY, OP, case)


def test_page_unsmash_every_check_has_a_case():
    assert {(case.result, case.check) for case in CASES} | {(Status.SUCCESS, "joined")} == every_check(page_unsmash)


@pytest.mark.parametrize(("entry", "state"), [(PRE_GUEST, PageState.PRE_GUEST), (PRE_SWAP, PageState.PRE_SWAP)])
def test_page_unsmash_of_512_consecutive_pages_keeps_the_flattened_view(entry, state):
    """Conformance vector 34."""
    before = region(entry)
    outcome = page_unsmash(before, OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "joined")
    after = outcome.system.rmp
    assert page_state(after[HEAD]) == state
    assert after[HEAD] == replace(before.rmp[HEAD], page_size=PageSize.SIZE_2M, subpage_count=0)
    for page in (HEAD, HEAD + 1, HEAD + 511):
        small = replace(effective(after, page), page_size=PageSize.SIZE_4K, subpage_count=0)
        assert small == replace(effective(before.rmp, page), subpage_count=0)


def test_page_unsmash_rewrites_four_fields_of_the_other_entries():
    after = page_unsmash(region(PRE_SWAP), OP).system.rmp[HEAD + 2]
    expected = replace(PRE_SWAP, gfn=PRE_SWAP.gfn + 2, asid=0, immutable=False, lock=False)
    assert after == expected


def test_page_unsmash_leaves_the_asid_counters_alone():
    assert page_unsmash(READY, OP).system.asid_pages == READY.asid_pages
