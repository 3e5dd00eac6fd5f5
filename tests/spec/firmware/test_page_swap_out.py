"""SNP_PAGE_SWAP_OUT."""

import pytest

from spec.firmware.page_swap_out import PageSwapOut, page_swap_out
from spec.firmware.sealing import LAST_IV, Sealed, sealed_slot
from spec.firmware.state import EMPTY_METADATA, MetadataEntry
from spec.record import replace
from spec.rmp.authority import GFN_MAX
from spec.rmp.page_state import page_state
from spec.vmpl.permissions import NO_MASKS
from spec.vocabulary import Limit, PageSize, PageState, Status, SwapPageType
from tests.spec.firmware.pages import (
    CONTEXT_PAGE,
    FIRMWARE,
    GFN,
    GUEST,
    GUEST_VALID,
    LARGE,
    MASKS,
    METADATA,
    PRE_GUEST,
    PRE_SWAP,
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

READY = world({SOURCE: PRE_SWAP, TARGET: FIRMWARE, ENTRIES: METADATA})
OP = PageSwapOut(
    context=at(CONTEXT_PAGE),
    source=at(SOURCE),
    destination=at(TARGET),
    entry=ENTRY,
    software_data=0x1234,
    page_size=PageSize.SIZE_4K,
    page_type=SwapPageType.DATA,
    reserved=False,
)
OF_METADATA = {"page_type": SwapPageType.METADATA}


def source(entry):
    return lambda s: replace(s, rmp=s.rmp.set(SOURCE, entry))


CASES = (
    *SHARED,
    Case("mdata-overlap", Status.INVALID_PARAM, {**LARGE, "source": at(ENTRIES - 0x1FF)}, name="mdata-in-large-source"),
    Case("covered", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, SOURCE)),
    Case(
        "covered",
        Limit.UNSPECIFIED,
        name="uncovered-open",
        system=lambda s: with_knobs(uncovered(s, SOURCE), default_page_state_error=False),
    ),
    Case("source-size", Status.INVALID_PAGE_SIZE, system=lambda s: with_entry(s, SOURCE, **LARGE)),
    Case("destination-size", Status.INVALID_PAGE_SIZE, system=lambda s: with_entry(s, TARGET, **LARGE)),
    Case("page-type", Status.INVALID_PAGE_STATE, {"page_type": 3}),
    Case("source-state", Status.INVALID_PAGE_STATE, system=source(GUEST_VALID)),
    Case("source-state", Status.INVALID_PAGE_STATE, system=source(METADATA), name="metadata-as-data"),
    Case("source-state", Status.INVALID_PAGE_STATE, OF_METADATA, name="data-as-metadata"),
    Case("destination-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, TARGET, vmsa=True)),
    Case("source-owner", Status.INVALID_PAGE_OWNER, system=lambda s: with_entry(s, SOURCE, asid=6)),
    Case(
        "source-owner",
        Status.INVALID_PAGE_OWNER,
        OF_METADATA,
        source(replace(METADATA, gfn=METADATA.gfn + 1)),
        "metadata",
    ),
    Case(
        "vmsa-attribute",
        Status.INVALID_PAGE_STATE,
        {"page_type": SwapPageType.VMSA},
        lambda s: with_knobs(s, swap_type_checked=True),
    ),
    Case(
        "vmsa-attribute",
        Status.INVALID_PAGE_STATE,
        name="vmsa-as-data",
        system=lambda s: with_knobs(with_entry(s, SOURCE, vmsa=True), swap_type_checked=True),
    ),
    Case("iv-count", Status.AEAD_OFLOW, system=lambda s: with_guest(s, iv_count=LAST_IV)),
)


@cases(*CASES)
def test_page_swap_out_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(page_swap_out, READY, OP, case)


def test_page_swap_out_every_check_has_a_case():
    expected = {(case.result, case.check) for case in CASES} | {(Status.SUCCESS, "swapped-out")}
    assert expected == every_check(page_swap_out)


@pytest.mark.parametrize("before", [PRE_SWAP, PRE_GUEST, replace(PRE_SWAP, vmsa=True)])
def test_page_swap_out_of_a_data_page_fills_an_entry_and_invalidates_the_source(before):
    outcome = page_swap_out(source(before)(READY), OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "swapped-out")
    assert outcome.output == Sealed(GUEST.oek, GUEST.iv_count)
    after = outcome.system
    assert after.rmp[SOURCE] == replace(before, validated=False)
    assert page_state(after.rmp[SOURCE]) == PageState.PRE_GUEST
    assert after.rmp[TARGET] == FIRMWARE
    assert guest(after) == replace(GUEST, iv_count=GUEST.iv_count + 1)
    assert after.firmware.sealed == READY.firmware.sealed
    assert after.firmware.metadata[SLOT] == MetadataEntry(
        software_data=0x1234,
        iv=GUEST.iv_count,
        valid=True,
        page_validated=before.validated,
        vmsa=False,
        metadata=False,
        page_size=PageSize.SIZE_4K,
        gfn=GFN,
        masks=MASKS,
        tag_oek=GUEST.oek,
    )


def test_page_swap_out_takes_the_vmsa_flag_from_the_command():
    """Knob K-SWAP-TYPE: a data page swapped out as a VMSA."""
    after = page_swap_out(READY, replace(OP, page_type=SwapPageType.VMSA)).system
    assert after.firmware.metadata[SLOT].vmsa
    checked = with_knobs(with_entry(READY, SOURCE, vmsa=True), swap_type_checked=True)
    assert page_swap_out(checked, replace(OP, page_type=SwapPageType.VMSA)).result == Status.SUCCESS


def test_page_swap_out_into_the_root_entry_leaves_the_metadata_pages_alone():
    after = page_swap_out(READY, replace(OP, entry=ROOT)).system
    assert after.firmware.metadata == READY.firmware.metadata
    assert guest(after).root_metadata.valid
    assert guest(after).iv_count == GUEST.iv_count + 1


def test_page_swap_out_to_an_uncovered_page_ignores_its_size():
    system = uncovered(with_entry(READY, TARGET, **LARGE), TARGET)
    assert page_swap_out(system, OP).check == "swapped-out"


def test_page_swap_out_of_a_metadata_page_seals_its_entries():
    live = replace(EMPTY_METADATA, valid=True, iv=1)
    system = source(METADATA)(READY)
    metadata = system.firmware.metadata.set((SOURCE << 6) | 9, live)
    system = replace(system, firmware=replace(system.firmware, metadata=metadata))
    outcome = page_swap_out(system, replace(OP, **OF_METADATA))
    after = outcome.system
    assert after.rmp[SOURCE] == FIRMWARE
    assert after.firmware.sealed[sealed_slot(GUEST.oek, GUEST.iv_count) | 9] == live
    assert after.firmware.sealed[sealed_slot(GUEST.oek, GUEST.iv_count + 1) | 9] == EMPTY_METADATA
    entry = after.firmware.metadata[SLOT]
    assert (entry.metadata, entry.vmsa, entry.page_validated, entry.gfn) == (True, False, False, GFN_MAX)
    assert entry.masks == NO_MASKS


def test_page_swap_out_uses_the_last_iv_but_one():
    after = page_swap_out(with_guest(READY, iv_count=LAST_IV - 1), OP).system
    assert guest(after).iv_count == LAST_IV
