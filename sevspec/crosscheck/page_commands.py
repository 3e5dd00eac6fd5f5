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
from spec.firmware.page_unsmash import PageUnsmash
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M

PAGE = 1 << PAGE_SHIFT


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
    """A buffer, and a list of one range; where the list says that it has more, the others are empty."""
    (at,) = named(bench, op.list_address)
    holds_rmp = op.page_count > 0 and bench.machine.rmp.contains(op.base)
    if op.in_rmp != holds_rmp:
        raise Inexpressible("the memory map says something else of this range")
    if op.in_rmp and bench.origin != ordinary_origin(bench):
        raise Inexpressible("a list is cut at the real bounds of the RMP")
    if op.page_count > PAGES_PER_2M:
        raise Inexpressible("one specified step speaks of one region")
    if op.ranges == 0:
        raise Inexpressible("an empty list has no range")
    if op.list_address.spa >> PAGE_SHIFT == op.base >> PAGE_SHIFT:
        raise Inexpressible("the list lies in the page that it names")
    if bench.machine.memory.exists(at, PAGE) and not (op.list_address.in_rmp or at % PAGE):
        header = RangeListHeader(count=op.ranges)
        entry = Range(base=op.base, page_count=op.page_count)
        content = packed(header, reserved=op.list_reserved) + packed(entry, reserved=op.range_reserved)
        bench.machine.memory.write_raw(at, content.ljust(PAGE, b"\0"))
    length = PageSetStateBuffer.LENGTH + (1 if op.wrong_length else 0)
    buffer = PageSetStateBuffer(length=length, list_paddr=at)
    return command(bench, CommandId.PAGE_SET_STATE, buffer, reserved=op.reserved)


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
