"""Firmware commands on pages, on real command buffers."""

from collections.abc import Callable
from typing import Any

from impl.firmware.command_ids import CommandId
from impl.firmware.launch_buffers import LaunchUpdateBuffer
from impl.firmware.page_buffers import (
    DebugBuffer,
    PageMdInitBuffer,
    PageMoveBuffer,
    PageReclaimBuffer,
    PageSetStateBuffer,
    PageUnsmashBuffer,
    Range,
    RangeListHeader,
)
from impl.memory.paging import C_BIT
from impl.registers import Msr
from impl.rmp.locator import BOOKKEEPING_BYTES
from sevspec.crosscheck.agreement import Answer
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from sevspec.crosscheck.mailbox import command, named, packed
from spec.firmware.dbg import DebugCopy
from spec.firmware.launch_update import LaunchUpdate
from spec.firmware.page_md_init import PageMdInit
from spec.firmware.page_move import PageMove
from spec.firmware.page_reclaim import PageReclaim
from spec.firmware.page_set_state import PageSetState
from spec.firmware.page_set_state_walk import PageSetStateWalk, page_set_state_walk
from spec.firmware.page_unsmash import PageUnsmash
from spec.firmware.range_list import MAX_RANGES, PageRange, WalkPhase
from spec.registry import Outcome
from spec.rmp.authority import page_of
from spec.vocabulary import PAGE_SHIFT

PAGE = 1 << PAGE_SHIFT
MOST_PAGES = 4096
"""Longer ranges are looked at no further."""


def run_page_reclaim(bench: Bench, op: PageReclaim) -> Answer:
    """One quadword."""
    (spa,) = named(bench, op.address)
    if spa % PAGE:
        raise Inexpressible("the buffer holds a frame number")
    buffer = PageReclaimBuffer(page_size=op.page_size, page_number=spa >> PAGE_SHIFT)
    return command(bench, CommandId.PAGE_RECLAIM, buffer, reserved=op.reserved)


def run_page_unsmash(bench: Bench, op: PageUnsmash) -> Answer:
    """One quadword."""
    (spa,) = named(bench, op.address)
    rmp, first = bench.machine.rmp, spa & -(PAGE << 9)
    holds_rmp = any(rmp.contains(first + offset) for offset in range(0, PAGE << 9, PAGE))
    if not op.address.in_rmp and op.overlaps_rmp != holds_rmp and spa == first:
        raise Inexpressible("the memory map says something else of this region")
    if op.reserved and spa % PAGE == 0:
        spa |= 1 << 11
    elif spa % PAGE and not op.reserved:
        raise Inexpressible("the low bits of the address are reserved")
    return command(bench, CommandId.PAGE_UNSMASH, PageUnsmashBuffer(page_paddr=spa))


def run_page_set_state(bench: Bench, op: PageSetState) -> Answer:
    """A buffer and a list. The machine takes the whole command as one step; see `answered`."""
    (at,) = named(bench, op.list_address)
    listed = [op.ranges[number] for number in range(min(op.count, MAX_RANGES))]
    if bench.system.rmp[op.list_address.page].assigned:
        raise Inexpressible("the host cannot write its list into this page")
    for each in listed:
        require_facts(bench, op, each)
    if bench.machine.memory.exists(at, PAGE) and not (op.list_address.in_rmp or at % PAGE):
        content = packed(RangeListHeader(count=op.count), reserved=op.list_reserved)
        for each in listed:
            content += packed(Range(base=each.base, page_count=each.page_count), reserved=each.reserved)
        bench.machine.memory.write_raw(at, content.ljust(PAGE, b"\0")[:PAGE])
    length = PageSetStateBuffer.LENGTH + (1 if op.wrong_length else 0)
    buffer = PageSetStateBuffer(length=length, list_paddr=at)
    return command(bench, CommandId.PAGE_SET_STATE, buffer, reserved=op.reserved)


def require_facts(bench: Bench, op: PageSetState, listed: PageRange) -> None:
    """What the operands say of a range is what the memory map says."""
    if listed.base & C_BIT:
        raise Inexpressible("bit 51 of an address in a list is the C-bit")
    first = page_of(listed.base)
    for page in range(first, first + min(listed.page_count, MOST_PAGES)):
        own = bench.machine.rmp.contains(page << PAGE_SHIFT)
        if own != op.rmp_pages[page]:
            raise Inexpressible("the memory map says something else of this range")
        if own and bench.origin != ordinary_origin(bench):
            raise Inexpressible("a list is cut at the real bounds of the RMP")
        if page == op.list_address.page:
            raise Inexpressible("the list lies in a page that it names")


def answered(outcome: Outcome) -> Outcome:
    """SNP_PAGE_SET_STATE, accepted, with firmware's walks over the list up to its answer."""
    if outcome.check != "list-accepted":
        return outcome
    for _ in range(4 * MOST_PAGES):
        outcome = page_set_state_walk(outcome.system, PageSetStateWalk())
        if outcome.system.firmware.walk.phase == WalkPhase.DONE:
            return outcome
    raise Inexpressible("the list is too long for an example")


def ordinary_origin(bench: Bench) -> int:
    """Where the registers say that the entries begin."""
    return bench.machine.registers[Msr.RMP_BASE] + BOOKKEEPING_BYTES


def run_launch_update(bench: Bench, op: LaunchUpdate) -> Answer:
    """The content of the page is what the machine holds; the operand was made from it."""
    gctx, page = named(bench, op.context, op.page)
    buffer = LaunchUpdateBuffer(
        gctx_paddr=gctx,
        page_size=op.page_size,
        page_type=op.page_type,
        imi_page=op.imi_page,
        page_paddr=page,
        vmpl1_perms=op.vmpl1_perms,
        vmpl2_perms=op.vmpl2_perms,
        vmpl3_perms=op.vmpl3_perms,
    )
    return command(bench, CommandId.LAUNCH_UPDATE, buffer, reserved=op.reserved)


def run_page_move(bench: Bench, op: PageMove) -> Answer:
    """Two pages."""
    gctx, source, destination = named(bench, op.context, op.source, op.destination)
    buffer = PageMoveBuffer(gctx_paddr=gctx, page_size=op.page_size, src_paddr=source, dst_paddr=destination)
    return command(bench, CommandId.PAGE_MOVE, buffer, reserved=op.reserved)


def run_page_md_init(bench: Bench, op: PageMdInit) -> Answer:
    """One page."""
    gctx, page = named(bench, op.context, op.page)
    return command(bench, CommandId.PAGE_MD_INIT, PageMdInitBuffer(gctx_paddr=gctx, page_paddr=page))


def run_dbg(bench: Bench, number: CommandId, op: DebugCopy) -> Answer:
    """Both commands have one buffer."""
    gctx, source, target = named(bench, op.context, op.source, op.target)
    return command(bench, number, DebugBuffer(gctx_paddr=gctx, src_paddr=source, dst_paddr=target))


RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {
    "page_reclaim": run_page_reclaim,
    "page_unsmash": run_page_unsmash,
    "page_set_state": run_page_set_state,
    "launch_update": run_launch_update,
    "page_move": run_page_move,
    "page_md_init": run_page_md_init,
    "dbg_decrypt": lambda bench, op: run_dbg(bench, CommandId.DBG_DECRYPT, op),
    "dbg_encrypt": lambda bench, op: run_dbg(bench, CommandId.DBG_ENCRYPT, op),
}
