"""Conformance vectors 25 to 34 of the firmware, and traces that cross several commands."""

from dataclasses import replace
from typing import Any

from impl.firmware.buffers import ActivateBuffer, GuestContextBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.launch_buffers import LaunchStartBuffer, LaunchUpdateBuffer
from impl.firmware.page_buffers import (
    PageMoveBuffer,
    PageReclaimBuffer,
    PageSwapInBuffer,
    PageSwapOutBuffer,
    PageUnsmashBuffer,
)
from impl.firmware.processor import Answer
from impl.machine import GENOA, HOST, Cpu, Machine
from impl.rmp.effective import effective
from impl.rmp.psmash import psmash
from impl.rmp.pvalidate import pvalidate_at
from impl.rmp.rmpupdate import rmpupdate
from impl.rmp.state_operand import StateOperand
from spec.vocabulary import Eax, GuestState, MappingSize, PageSize, PageState, Status
from tests.impl.firmware.host import (
    ASID,
    GCTX,
    GPA,
    METADATA,
    OPERAND,
    OTHER_SPA,
    PAGE,
    POLICY,
    REGION,
    SPA,
    TARGET,
    Host,
)

GUEST = Cpu(ASID, snp_active=True)
CONTEXT = GuestContextBuffer(gctx_paddr=GCTX)
ACTIVATE = ActivateBuffer(gctx_paddr=GCTX, asid=ASID)


def counts_are_right(host: Host, head: int) -> bool:
    """The head's sub-page count is the number of other assigned pages of a region that is not one 2 MiB page."""
    entries = host.machine.rmp.load_region(head >> 12)
    return entries[0].subpage_count == sum(entry.assigned for entry in entries[1:])


def pvalidate(machine: Machine, spa: int, gpa: int = GPA, *, validate: bool = True) -> None:
    completion = pvalidate_at(machine, GUEST, gpa, gpa, spa, MappingSize.MAP_4K, True, PageSize.SIZE_4K, validate)
    assert completion.result == Eax.SUCCESS


def make_pre_swap(host: Host, spa: int, gpa: int = GPA) -> None:
    """Give, validate, then only set Immutable."""
    host.rmpupdate(spa, asid=ASID, gpa=gpa, immutable=False)
    pvalidate(host.machine, spa, gpa)
    host.rmpupdate(spa, asid=ASID, gpa=gpa)
    assert host.state(spa) == PageState.PRE_SWAP


def reclaim(host: Host, spa: int, size: int = 0) -> Answer:
    return host.run(CommandId.PAGE_RECLAIM, PageReclaimBuffer(page_number=spa >> 12, page_size=size))


def test_vector_12_reclaim_of_a_pre_swap_page_gives_guest_valid_back():
    host = Host().initialise()
    make_pre_swap(host, SPA)
    assert reclaim(host, SPA) == Answer(Status.SUCCESS, "reclaimed")
    assert host.state(SPA) == PageState.GUEST_VALID


def test_vector_25_launch_update_of_unfit_pages():
    host = Host().initialise()
    host.launch()
    host.rmpupdate(SPA, asid=ASID, gpa=GPA, immutable=False)
    assert host.load(SPA) == Answer(Status.INVALID_PAGE_STATE, "page-state")
    host.prepare(SPA, asid=ASID + 1)
    assert host.load(SPA) == Answer(Status.INVALID_PAGE_OWNER, "owner-asid")
    host.prepare(OTHER_SPA, size=1)
    assert host.load(OTHER_SPA, page_type=2, page_size=1) == Answer(Status.INVALID_PAGE_SIZE, "page-type-size")


def test_vector_26_reclaim_of_mutable_pages_and_of_a_context():
    host = Host().initialise()
    host.create()
    host.rmpupdate(SPA, asid=ASID, gpa=GPA, immutable=False)
    pvalidate(host.machine, SPA)
    for spa, state in ((SPA, PageState.GUEST_VALID), (OTHER_SPA, PageState.HYPERVISOR)):
        before = host.entry(spa)
        assert reclaim(host, spa) == Answer(Status.SUCCESS, "already-mutable")
        assert (host.entry(spa), host.state(spa)) == (before, state)
    assert reclaim(host, GCTX) == Answer(Status.INVALID_PAGE_STATE, "page-state")


def test_vector_28_decommission_leaves_the_guests_pages():
    host = Host().initialise()
    host.launch()
    host.prepare(SPA)
    assert host.load().result == Status.SUCCESS
    before = host.entry(SPA)
    host.ok(CommandId.DECOMMISSION, CONTEXT)
    assert host.entry(SPA) == before
    host.release(SPA)
    assert host.state(SPA) == PageState.HYPERVISOR


def swap_out(page_type: int = 0, src: int = SPA, **more: Any) -> PageSwapOutBuffer:
    return PageSwapOutBuffer(
        gctx_paddr=GCTX, src_paddr=src, dst_paddr=TARGET, mdata_paddr=METADATA, page_type=page_type, **more
    )


def swap_in(page_type: int = 0, dst: int = SPA, **more: Any) -> PageSwapInBuffer:
    return PageSwapInBuffer(
        gctx_paddr=GCTX, src_paddr=TARGET, dst_paddr=dst, mdata_paddr=METADATA, page_type=page_type, **more
    )


def test_vector_29_a_metadata_entry_works_once():
    host = Host().initialise()
    host.run_guest()
    host.add_metadata()
    host.donate(TARGET)
    host.prepare(SPA)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out())
    host.ok(CommandId.PAGE_SWAP_IN, swap_in())
    host.refused(Status.INVALID_MDATA_ENTRY, "mdata-valid", CommandId.PAGE_SWAP_IN, swap_in())


def test_vector_30_page_move_keeps_content_address_and_masks():
    host = Host().initialise()
    host.run_guest()
    make_pre_swap(host, SPA)
    host.change_entry(SPA, perms=(15, 3, 1, 0))
    host.machine.memory.write(SPA, b"content" * 100, ASID)
    host.prepare(OTHER_SPA, gpa=0x1000)
    host.ok(CommandId.PAGE_MOVE, PageMoveBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=OTHER_SPA))
    source, target = host.entry(SPA), host.entry(OTHER_SPA)
    assert (host.state(SPA), host.state(OTHER_SPA)) == (PageState.GUEST_INVALID, PageState.GUEST_VALID)
    assert (target.gfn, target.perms, target.lock) == (GPA >> 12, (15, 3, 1, 0), False)
    assert (source.gfn, source.perms, source.lock) == (GPA >> 12, (15, 3, 1, 0), False)
    assert host.plain(OTHER_SPA) == host.plain(SPA)
    assert host.machine.memory.read_raw(OTHER_SPA, 16) != host.machine.memory.read_raw(SPA, 16)


def test_vector_31_an_uncautious_guest_validates_one_address_twice():
    host = Host().initialise()
    host.run_guest()
    for spa in (SPA, OTHER_SPA):
        host.rmpupdate(spa, asid=ASID, gpa=GPA, immutable=False)
        pvalidate(host.machine, spa)
    assert host.state(SPA) == host.state(OTHER_SPA) == PageState.GUEST_VALID
    assert host.entry(SPA).gfn == host.entry(OTHER_SPA).gfn


def test_vector_33_a_moved_vmsa_leaves_a_stale_one_behind():
    host = Host().initialise()
    host.run_guest()
    make_pre_swap(host, SPA)
    host.change_entry(SPA, vmsa=True)
    host.prepare(OTHER_SPA)
    host.ok(CommandId.PAGE_MOVE, PageMoveBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=OTHER_SPA))
    assert host.entry(OTHER_SPA).vmsa
    stale = host.entry(SPA)
    assert (stale.vmsa, stale.validated, stale.immutable, stale.asid) == (True, False, False, ASID)


def test_vector_34_unsmash_keeps_the_flattened_view():
    host = Host().initialise()
    for index in range(512):
        host.rmpupdate(SPA + index * PAGE, asid=ASID, gpa=GPA + index * PAGE)
    counter = host.machine.rmp.load_counter(ASID)
    pfns = range(SPA >> 12, (SPA + REGION) >> 12)
    flat = [effective(host.machine.rmp, pfn) for pfn in pfns]
    host.ok(CommandId.PAGE_UNSMASH, PageUnsmashBuffer(page_paddr=SPA))
    expected = [replace(entry, page_size=PageSize.SIZE_2M, subpage_count=0) for entry in flat if entry]
    assert [effective(host.machine.rmp, pfn) for pfn in pfns] == expected
    assert (host.entry(SPA).subpage_count, host.machine.rmp.load_counter(ASID)) == (0, counter)
    raw = host.entry(SPA + PAGE)
    assert (raw.assigned, raw.asid, raw.immutable, raw.lock) == (True, 0, False, False)
    assert reclaim(host, SPA, size=1) == Answer(Status.SUCCESS, "reclaimed")
    assert psmash(host.machine, HOST, SPA).result == Eax.SUCCESS
    assert counts_are_right(host, SPA)


def test_trace_g_two_pages_for_one_guest_address_are_both_measured():
    honest, doubled = Host().initialise(), Host().initialise()
    for host in (honest, doubled):
        host.launch()
        host.prepare(SPA, data=b"code")
        assert host.load(SPA, page_type=1).result == Status.SUCCESS
    doubled.prepare(OTHER_SPA)
    assert doubled.load(OTHER_SPA, page_type=3).result == Status.SUCCESS
    assert doubled.state(SPA) == doubled.state(OTHER_SPA) == PageState.GUEST_VALID
    assert doubled.entry(SPA).gfn == doubled.entry(OTHER_SPA).gfn
    digests = {host.firmware.contexts[GCTX >> 12].launch_digest for host in (honest, doubled)}
    assert len(digests) == 2


def test_trace_h_an_asid_is_not_reused_while_it_owns_pages():
    host = Host().initialise()
    host.run_guest()
    host.rmpupdate(SPA, asid=ASID, gpa=GPA, immutable=False)
    pvalidate(host.machine, SPA)
    host.ok(CommandId.DECOMMISSION, CONTEXT)
    host.flush()
    reclaim(host, GCTX)
    host.release(GCTX)
    host.create()
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=GCTX, policy=POLICY))
    host.refused(Status.INVALID_CONFIG, "asid-owns-no-page", CommandId.ACTIVATE, ACTIVATE)
    host.release(SPA)
    assert not host.entry(SPA).validated
    host.ok(CommandId.ACTIVATE, ACTIVATE)


def test_trace_i_a_partial_remap_loses_one_page_only():
    host = Host().initialise()
    host.launch()
    host.prepare(SPA, size=1)
    assert host.load(SPA, page_size=1).result == Status.SUCCESS
    assert psmash(host.machine, HOST, SPA).result == Eax.SUCCESS
    operand = StateOperand(0x99_9000, True, PageSize.SIZE_4K, False, ASID)
    host.machine.memory.write_raw(OPERAND, operand.pack())
    assert rmpupdate(host.machine, HOST, SPA + 7 * PAGE, OPERAND).result == Eax.SUCCESS
    entries = host.machine.rmp.load_region(SPA >> 12)
    assert [index for index, entry in enumerate(entries) if not entry.validated] == [7]
    assert all(entry.gfn == (GPA >> 12) + index for index, entry in enumerate(entries) if index != 7)
    assert counts_are_right(host, SPA)


def test_trace_l_metadata_of_a_dead_guest_fails_by_its_seal_only():
    host = Host().initialise()
    host.run_guest()
    host.add_metadata()
    host.donate(TARGET)
    host.prepare(SPA)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out())
    host.ok(CommandId.DECOMMISSION, CONTEXT)
    assert host.state(METADATA) == PageState.METADATA
    host.flush()
    reclaim(host, SPA)
    host.release(SPA)
    host.ok(CommandId.GCTX_CREATE, CONTEXT)
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=GCTX, policy=POLICY))
    host.ok(CommandId.ACTIVATE, ACTIVATE)
    assert host.firmware.contexts[GCTX >> 12].state == GuestState.LAUNCH
    host.prepare(SPA)
    before = host.entry(SPA)
    # The owner check passes: the METADATA page names the context's address, which the new guest has.
    host.refused(Status.BAD_MEASUREMENT, "auth-tag", CommandId.PAGE_SWAP_IN, swap_in())
    assert host.entry(SPA) == before


def test_counter_follows_rmpupdate_and_not_the_firmware():
    host = Host(GENOA).initialise()
    host.launch()
    host.prepare(SPA)
    assert host.machine.rmp.load_counter(ASID) == 1
    host.ok(CommandId.LAUNCH_UPDATE, LaunchUpdateBuffer(gctx_paddr=GCTX, page_type=3, page_paddr=SPA))
    assert host.machine.rmp.load_counter(ASID) == 1
