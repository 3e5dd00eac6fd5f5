"""SNP_PAGE_SWAP_IN."""

import pytest

from spec.firmware.page_swap_in import PageSwapIn, page_swap_in
from spec.firmware.sealing import sealed_slot
from spec.firmware.state import EMPTY_METADATA, MetadataEntry
from spec.record import replace
from spec.rmp.entry import UNASSIGNED
from spec.rmp.page_state import page_state
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import GuestState, Limit, PageSize, PageState, Status, SwapPageType
from tests.spec.firmware.pages import (
    CONTEXT_PAGE,
    FIRMWARE,
    GUEST,
    LARGE,
    METADATA,
    PRE_GUEST,
    Case,
    assert_refused,
    at,
    cases,
    every_check,
    guest,
    uncovered,
    with_entry,
    with_guest,
    with_knobs,
    world,
)
from tests.spec.firmware.swaps import ENTRIES, ENTRY, ROOT, SHARED, SLOT, SOURCE, TARGET

DATA_ENTRY = MetadataEntry(
    software_data=1,
    iv=2,
    valid=True,
    page_validated=True,
    vmsa=False,
    metadata=False,
    page_size=PageSize.SIZE_4K,
    gfn=0x777,
    masks=VmplMasks(0xF, 7, 0, 1),
    tag_oek=GUEST.oek,
)


def holding(**changes):
    """The metadata entry has these fields."""

    def change(system):
        metadata = system.firmware.metadata.set(SLOT, replace(DATA_ENTRY, **changes))
        return replace(system, firmware=replace(system.firmware, metadata=metadata))

    return change


READY = holding()(world({SOURCE: UNASSIGNED, TARGET: PRE_GUEST, ENTRIES: METADATA}))
OP = PageSwapIn(
    context=at(CONTEXT_PAGE),
    source=at(SOURCE),
    destination=at(TARGET),
    entry=ENTRY,
    page_size=PageSize.SIZE_4K,
    page_type=SwapPageType.DATA,
    in_place=False,
    reserved=False,
    sealed_oek=GUEST.oek,
    sealed_iv=2,
)
OF_VMSA = {"page_type": SwapPageType.VMSA}
OF_METADATA = {"page_type": SwapPageType.METADATA}
IN_PLACE = {"in_place": True, "source": at(TARGET)}


def destination(entry):
    return lambda s: replace(s, rmp=s.rmp.set(TARGET, entry))


def large_vmsa(system):
    system = holding(vmsa=True, **LARGE)(system)
    return with_entry(with_entry(system, TARGET, **LARGE), SOURCE, **LARGE)


CASES = (
    *SHARED,
    Case("entry-type", Status.INVALID_MDATA_ENTRY, OF_VMSA),
    Case("entry-type", Status.INVALID_MDATA_ENTRY, {"page_type": 3}, name="no-type"),
    Case("entry-type", Status.INVALID_MDATA_ENTRY, OF_VMSA, holding(vmsa=True, metadata=True), "both-bits"),
    Case("entry-valid", Status.INVALID_MDATA_ENTRY, system=holding(valid=False)),
    Case("covered", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, TARGET)),
    Case(
        "covered",
        Limit.UNSPECIFIED,
        name="uncovered-open",
        system=lambda s: with_knobs(uncovered(s, TARGET), default_page_state_error=False),
    ),
    Case("source-size", Status.INVALID_PAGE_SIZE, system=lambda s: with_entry(s, SOURCE, **LARGE)),
    Case("destination-size", Status.INVALID_PAGE_SIZE, system=lambda s: with_entry(s, TARGET, **LARGE)),
    Case("entry-size", Status.INVALID_PAGE_SIZE, system=holding(**LARGE)),
    Case("in-place-type", Status.INVALID_PARAM, {**OF_VMSA, **IN_PLACE}, holding(vmsa=True), "vmsa-in-place"),
    Case(
        "in-place-type", Status.INVALID_PARAM, {**OF_METADATA, **IN_PLACE}, holding(metadata=True), "metadata-in-place"
    ),
    Case("vmsa-size", Status.INVALID_PAGE_SIZE, {**OF_VMSA, **LARGE}, large_vmsa),
    Case("in-place-address", Status.INVALID_ADDRESS, {"in_place": True}),
    Case("destination-state", Status.INVALID_PAGE_STATE, system=destination(FIRMWARE)),
    Case(
        "destination-state", Status.INVALID_PAGE_STATE, OF_METADATA, holding(metadata=True), "metadata-into-guest-page"
    ),
    Case("destination-state", Status.INVALID_PAGE_STATE, IN_PLACE, destination(FIRMWARE), "in-place-state"),
    Case("destination-owner", Status.INVALID_PAGE_OWNER, system=lambda s: with_entry(s, TARGET, asid=6)),
    Case("tag", Status.BAD_MEASUREMENT, {"sealed_iv": 3}, name="other-iv"),
    Case("tag", Status.BAD_MEASUREMENT, {"sealed_oek": 8}),
    Case(
        "tag", Status.BAD_MEASUREMENT, {"sealed_oek": 0}, lambda s: with_guest(holding(tag_oek=0)(s), oek=0), "unsealed"
    ),
    Case("tag", Status.BAD_MEASUREMENT, system=holding(tag_oek=6), name="entry-of-an-earlier-guest"),
)


@cases(*CASES)
def test_page_swap_in_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(page_swap_in, READY, OP, case)


def test_page_swap_in_every_check_has_a_case():
    expected = {(case.result, case.check) for case in CASES} | {(Status.SUCCESS, "swapped-in")}
    assert expected == every_check(page_swap_in)


@pytest.mark.parametrize(("validated", "state"), [(True, PageState.PRE_SWAP), (False, PageState.PRE_GUEST)])
@pytest.mark.parametrize("guest_state", [GuestState.LAUNCH, GuestState.RUNNING])
def test_page_swap_in_of_a_data_page_restores_the_entry_and_uses_it_up(validated, state, guest_state):
    before = with_guest(holding(page_validated=validated)(READY), state=guest_state)
    outcome = page_swap_in(before, OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "swapped-in")
    reached = outcome.system.rmp[TARGET]
    assert page_state(reached) == state
    assert reached == replace(PRE_GUEST, gfn=0x777, masks=DATA_ENTRY.masks, validated=validated, vmsa=False)
    entry = replace(DATA_ENTRY, page_validated=validated, valid=False)
    assert outcome.system.firmware.metadata[SLOT] == entry
    assert guest(outcome.system) == guest(before)


def test_page_swap_in_of_the_same_entry_twice_is_invalid_mdata_entry():
    """Conformance vector 29."""
    once = page_swap_in(READY, OP).system
    ready_again = destination(PRE_GUEST)(once)
    assert page_swap_in(ready_again, OP)[:3] == (Status.INVALID_MDATA_ENTRY, "entry-valid", ready_again)


def test_page_swap_in_of_a_vmsa_gives_the_attribute():
    outcome = page_swap_in(holding(vmsa=True)(READY), replace(OP, **OF_VMSA))
    assert outcome.check == "swapped-in"
    assert outcome.system.rmp[TARGET].vmsa


def test_page_swap_in_in_place_and_from_an_uncovered_page_succeeds():
    assert page_swap_in(READY, replace(OP, **IN_PLACE)).check == "swapped-in"
    system = uncovered(with_entry(READY, SOURCE, **LARGE), SOURCE)
    assert page_swap_in(system, OP).check == "swapped-in"


def test_page_swap_in_from_the_root_entry_uses_it_up():
    system = with_guest(holding(valid=False)(READY), root_metadata=DATA_ENTRY)
    after = page_swap_in(system, replace(OP, entry=ROOT)).system
    assert guest(after).root_metadata == replace(DATA_ENTRY, valid=False)
    assert after.firmware.metadata == system.firmware.metadata
    assert after.rmp[TARGET].gfn == 0x777


def test_page_swap_in_of_a_metadata_page_brings_its_entries_back():
    live = replace(EMPTY_METADATA, valid=True, iv=1)
    system = destination(FIRMWARE)(holding(metadata=True)(READY))
    sealed = system.firmware.sealed.set(sealed_slot(GUEST.oek, 2) | 9, live)
    stale = system.firmware.metadata.set((TARGET << 6) | 8, live)
    system = replace(system, firmware=replace(system.firmware, sealed=sealed, metadata=stale))
    after = page_swap_in(system, replace(OP, **OF_METADATA)).system
    assert after.rmp[TARGET] == METADATA
    assert after.firmware.metadata[(TARGET << 6) | 9] == live
    assert after.firmware.metadata[(TARGET << 6) | 8] == EMPTY_METADATA
    assert not after.firmware.metadata[SLOT].valid
