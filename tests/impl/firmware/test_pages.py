"""Page commands beyond the order of their checks: entries, content, swapping, 2 MiB pages, DEFAULT pages."""

from dataclasses import replace
from typing import Any

import pytest

from impl.firmware.buffers import GuestStatusBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.page_buffers import (
    DebugBuffer,
    PageMdInitBuffer,
    PageMoveBuffer,
    PageReclaimBuffer,
    PageSetStateBuffer,
    PageUnsmashBuffer,
)
from impl.firmware.page_states import write_entry
from impl.firmware.processor import Answer
from impl.machine import GENOA
from impl.rmp.layout import RmpEntry
from spec.knobs import DEFAULT_KNOBS
from spec.vocabulary import GuestPolicy, PageState, PlatformState, SevFeatures, Status
from tests.impl.firmware.host import (
    ASID,
    GCTX,
    GPA,
    METADATA,
    OTHER_SPA,
    PAGE,
    POLICY,
    REGION,
    SPA,
    TARGET,
    UNCOVERED,
    Host,
)
from tests.impl.firmware.test_init import range_list
from tests.impl.firmware.test_traces import counts_are_right, reclaim

METADATA_GFN = 1 << 36 | GCTX >> 12
SECRET = b"private " * 512


@pytest.fixture
def host() -> Host:
    ready = Host().initialise()
    ready.run_guest()
    return ready


# --- the write of an entry ---


def test_writing_a_small_aligned_entry_keeps_the_count_that_the_processors_hold(host):
    host.donate(SPA + PAGE)
    assert host.entry(SPA).subpage_count == 1
    write_entry(host.machine, SPA >> 12, RmpEntry(assigned=True, subpage_count=99))
    assert host.entry(SPA) == RmpEntry(assigned=True, subpage_count=1)


# --- reclaim ---


def test_reclaim_of_a_metadata_page_clears_the_tag_only(host):
    host.add_metadata()
    assert host.entry(METADATA).gfn == METADATA_GFN
    assert reclaim(host, METADATA) == Answer(Status.SUCCESS, "reclaimed")
    assert (host.state(METADATA), host.entry(METADATA).gfn) == (PageState.RECLAIM, GCTX >> 12)


def test_reclaim_of_a_subpage_sees_only_its_raw_entry(host):
    host.rmpupdate(SPA, asid=ASID, gpa=GPA, size=1)
    assert reclaim(host, SPA + PAGE) == Answer(Status.SUCCESS, "already-mutable")
    assert host.state(SPA + PAGE) == PageState.PRE_GUEST


def test_reclaim_of_a_2m_page_must_be_aligned(host):
    host.donate(SPA + PAGE)
    host.change_entry(SPA + PAGE, page_size=host.entry(SPA).page_size.__class__(1))
    assert reclaim(host, SPA + PAGE, 1) == Answer(Status.INVALID_ADDRESS, "page-alignment")


@pytest.mark.parametrize(
    ("spa", "status", "check"),
    [
        (UNCOVERED, Status.INVALID_PAGE_STATE, "covered"),
        (0x10_0000, Status.INVALID_PARAM, "rmp-address"),
        (0xF000_0000, Status.INVALID_ADDRESS, "address"),
        (0xA_0000, Status.INVALID_ADDRESS, "address"),
        (7 << 40, Status.INVALID_PAGE_STATE, "covered"),
        (8 << 40, Status.INVALID_ADDRESS, "address"),
    ],
)
def test_reclaim_of_addresses_that_are_nobodys(host, spa, status, check):
    assert reclaim(host, spa) == Answer(status, check)


def test_default_page_status_is_a_knob():
    knobs = DEFAULT_KNOBS.__class__(default_page_state_error=False)
    host = Host(replace(GENOA, knobs=knobs)).initialise()
    assert reclaim(host, UNCOVERED) == Answer(Status.INVALID_ADDRESS, "covered")
    # SNP_PAGE_UNSMASH says itself what it answers.
    host.refused(Status.INVALID_PAGE_STATE, "covered", CommandId.PAGE_UNSMASH, PageUnsmashBuffer(page_paddr=UNCOVERED))


# --- set state ---


def set_state(host: Host, *ranges: tuple[int, int, int], count: int | None = None) -> Answer:
    host.machine.memory.write_raw(TARGET, range_list(*ranges, count=count))
    return host.run(CommandId.PAGE_SET_STATE, PageSetStateBuffer(length=0x10, list_paddr=TARGET))


def test_set_state_fixes_pages_for_good_and_counts_them_off(host):
    host.donate(*range(SPA, SPA + 4 * PAGE, PAGE))
    assert set_state(host, (SPA, 3, 0), (SPA, 2, 0)) == Answer(Status.SUCCESS, "fixed")
    assert [host.state(SPA + index * PAGE) for index in range(4)] == [PageState.HV_FIXED] * 3 + [PageState.FIRMWARE]
    assert counts_are_right(host, SPA)
    assert reclaim(host, SPA) == Answer(Status.INVALID_PAGE_STATE, "page-state")


def test_set_state_passes_over_the_rmp_and_takes_no_uncovered_page(host):
    assert set_state(host, (0x20_0000, 3, 0)) == Answer(Status.SUCCESS, "fixed")
    assert set_state(host, (UNCOVERED, 1, 0)) == Answer(Status.INVALID_PAGE_STATE, "page-state")
    assert host.state(0x20_0000) == PageState.FIRMWARE


def test_set_state_changes_nothing_if_one_page_is_not_donated(host):
    host.donate(SPA)
    assert set_state(host, (SPA, 2, 0)) == Answer(Status.INVALID_PAGE_STATE, "page-state")
    assert host.state(SPA) == PageState.FIRMWARE


def test_set_state_refuses_a_donated_2m_page(host):
    host.donate(SPA, size=1)
    assert set_state(host, (SPA, 512, 0)) == Answer(Status.INVALID_PAGE_STATE, "page-state")


@pytest.mark.parametrize(
    ("ranges", "count", "check"),
    [(((SPA + PAGE, 1, 0),), None, "range"), (((SPA, 1, 1),), None, "range"), ((), 256, "list")],
)
def test_set_state_refuses_a_malformed_list(host, ranges, count, check):
    assert set_state(host, *ranges, count=count) == Answer(Status.INVALID_PARAM, check)


def test_set_state_never_accepts_pages_without_the_lock_bit():
    """Knob K-LOCKBIT."""
    knobs = DEFAULT_KNOBS.__class__(lock_follows_immutable=False)
    host = Host(replace(GENOA, knobs=knobs)).initialise()
    host.donate(SPA)
    assert set_state(host, (SPA, 1, 0)) == Answer(Status.INVALID_PAGE_STATE, "page-state")


# --- unsmash ---


@pytest.mark.parametrize(
    ("spa", "status", "check"),
    [
        (0x20_0000, Status.INVALID_PARAM, "rmp-address"),
        (0, Status.INVALID_ADDRESS, "rmp-overlap"),
        (UNCOVERED, Status.INVALID_PAGE_STATE, "covered"),
        (SPA, Status.INVALID_PAGE_STATE, "immutable"),
    ],
)
def test_unsmash_of_regions_that_are_not_a_guests(host, spa, status, check):
    host.refused(status, check, CommandId.PAGE_UNSMASH, PageUnsmashBuffer(page_paddr=spa))


# --- move ---


def test_move_of_a_pre_guest_page_leaves_it_to_be_validated(host):
    host.prepare(SPA)
    host.prepare(OTHER_SPA, gpa=0)
    host.ok(CommandId.PAGE_MOVE, PageMoveBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=OTHER_SPA))
    assert host.state(SPA) == host.state(OTHER_SPA) == PageState.GUEST_INVALID
    assert host.entry(OTHER_SPA).gfn == GPA >> 12


def test_move_of_a_2m_page_moves_all_of_it(host):
    host.prepare(SPA, size=1)
    host.machine.memory.write(SPA + 0x1F_F000, SECRET, ASID)
    host.prepare(OTHER_SPA, size=1, gpa=0)
    host.ok(CommandId.PAGE_MOVE, PageMoveBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=OTHER_SPA, page_size=1))
    assert host.plain(OTHER_SPA + 0x1F_F000) == SECRET


def test_move_of_a_metadata_page_takes_its_entries_along(host):
    host.add_metadata()
    host.donate(TARGET)
    host.machine.memory.write_raw(METADATA, b"entries")
    buffer = PageMoveBuffer(gctx_paddr=GCTX, src_paddr=METADATA, dst_paddr=TARGET)
    host.ok(CommandId.PAGE_MOVE, buffer)
    assert (host.state(METADATA), host.state(TARGET)) == (PageState.FIRMWARE, PageState.METADATA)
    assert host.machine.memory.read_raw(TARGET, 7) == b"entries"
    host.change_entry(TARGET, gfn=METADATA_GFN + 1)
    back = PageMoveBuffer(gctx_paddr=GCTX, src_paddr=TARGET, dst_paddr=METADATA)
    host.refused(Status.INVALID_PAGE_OWNER, "owner-context", CommandId.PAGE_MOVE, back)


def test_md_init_zeroes_the_page(host):
    host.machine.memory.write_raw(METADATA, b"forged")
    host.add_metadata()
    assert host.machine.memory.read_raw(METADATA, PAGE) == bytes(PAGE)
    assert host.state(METADATA) == PageState.METADATA


def test_md_init_of_an_uncovered_page_is_a_page_state_error(host):
    buffer = PageMdInitBuffer(gctx_paddr=GCTX, page_paddr=UNCOVERED)
    host.refused(Status.INVALID_PAGE_STATE, "page-state", CommandId.PAGE_MD_INIT, buffer)


# --- debug ---


def test_debug_commands_reach_into_2m_pages():
    host = Host().initialise()
    host.launch(policy=POLICY | GuestPolicy.DEBUG)
    host.rmpupdate(SPA, asid=ASID, gpa=GPA, size=1)
    host.donate(TARGET)
    host.machine.memory.write_raw(OTHER_SPA, SECRET)
    inside = SPA + 5 * PAGE
    host.ok(CommandId.DBG_ENCRYPT, DebugBuffer(gctx_paddr=GCTX, src_paddr=OTHER_SPA, dst_paddr=inside))
    assert host.plain(inside) == SECRET
    host.ok(CommandId.DBG_DECRYPT, DebugBuffer(gctx_paddr=GCTX, src_paddr=inside, dst_paddr=TARGET))
    assert host.machine.memory.read_raw(TARGET, PAGE) == SECRET


def test_debug_commands_take_the_disguise_off_a_vmsa():
    host = Host().initialise()
    host.launch(policy=POLICY | GuestPolicy.DEBUG)
    features = SevFeatures.SNP_ACTIVE | SevFeatures.VMSA_REG_PROT
    vmsa = bytearray(PAGE)
    vmsa[0x178:0x180], vmsa[0x3B0:0x3B8] = b"RIP.....", features.to_bytes(8, "little")
    host.prepare(SPA, data=bytes(vmsa))
    assert host.load(page_type=2).result == Status.SUCCESS
    host.donate(TARGET)
    assert host.plain(SPA)[0x178:0x180] != b"RIP....."
    host.ok(CommandId.DBG_DECRYPT, DebugBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=TARGET))
    assert host.machine.memory.read_raw(TARGET + 0x178, 8) == b"RIP....."


def test_a_c_bit_in_an_address_does_not_matter(host):
    host.donate(SPA)
    buffer = PageReclaimBuffer(page_number=(SPA | 1 << 51) >> 12)
    host.ok(CommandId.PAGE_RECLAIM, buffer)
    assert host.state(SPA) == PageState.RECLAIM


def test_guest_status_to_an_uncovered_page_is_allowed(host):
    host.ok(CommandId.GUEST_STATUS, GuestStatusBuffer(gctx_paddr=GCTX, status_paddr=UNCOVERED + 8))
    raw = host.machine.memory.read_raw(UNCOVERED + 8, 0x20)
    assert raw == POLICY.to_bytes(8, "little") + bytes((ASID, 0, 0, 0, 2)) + bytes(19)


@pytest.mark.parametrize("small", ["src_paddr", "dst_paddr"])
def test_move_between_pages_of_two_sizes_is_a_size_error(host, small):
    host.prepare(SPA, size=1)
    host.prepare(OTHER_SPA, size=1, gpa=0)
    host.prepare(OTHER_SPA + REGION)
    buffer = PageMoveBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=OTHER_SPA, page_size=1)
    wrong: dict[str, Any] = {small: OTHER_SPA + REGION}
    host.refused(Status.INVALID_PAGE_SIZE, "page-size", CommandId.PAGE_MOVE, replace(buffer, **wrong))


@pytest.mark.parametrize("uncovered", ["src_paddr", "dst_paddr"])
def test_move_with_an_uncovered_page_is_a_page_state_error(host, uncovered):
    host.prepare(SPA)
    buffer = PageMoveBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=SPA)
    wrong: dict[str, Any] = {uncovered: UNCOVERED}
    host.refused(Status.INVALID_PAGE_STATE, "covered", CommandId.PAGE_MOVE, replace(buffer, **wrong))


def test_unsmash_of_a_region_that_the_rmp_covers_in_part_is_a_page_state_error():
    host = Host(replace(GENOA, rmp_end=0x11F_EFFF))  # one 4 KiB page of entries less: 1 MiB less is covered
    host.firmware.platform_state = PlatformState.INIT
    last = ((0x11F_F000 - 0x10_4000) // 16 << 12) // REGION * REGION
    assert host.machine.rmp.covers(last >> 12)
    assert not host.machine.rmp.covers((last + REGION - PAGE) >> 12)
    host.refused(Status.INVALID_PAGE_STATE, "covered", CommandId.PAGE_UNSMASH, PageUnsmashBuffer(page_paddr=last))
