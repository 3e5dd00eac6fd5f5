"""SNP_PAGE_SWAP_OUT and SNP_PAGE_SWAP_IN, with a ledger of what was sealed under which key."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from impl.firmware.command_ids import CommandId
from impl.firmware.layout import parse
from impl.firmware.page_buffers import MetadataEntry, PageSwapInBuffer, PageSwapOutBuffer
from sevspec.crosscheck.agreement import Answer
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.mailbox import PAGE, command, named
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.page_swap_out import PageSwapOut
from spec.firmware.sealing import Sealed
from spec.vocabulary import PAGE_SHIFT, Status


def run_page_swap_out(bench: Bench, op: PageSwapOut) -> Answer:
    """What the destination then holds, and the tag of the entry, go into the ledger."""
    gctx, source, destination, at = named(bench, op.context, op.source, op.destination, op.entry.at)
    buffer = PageSwapOutBuffer(
        gctx_paddr=gctx,
        src_paddr=source,
        dst_paddr=destination,
        mdata_paddr=at,
        software_data=op.software_data,
        page_size=op.page_size,
        page_type=op.page_type,
        root_mdata_en=op.entry.root,
    )
    guest = bench.processor.firmware.contexts.get(gctx >> PAGE_SHIFT)
    count = guest.offline_iv_count if guest else 0
    answer = command(bench, CommandId.PAGE_SWAP_OUT, buffer, reserved=op.reserved)
    if answer.result == Status.SUCCESS and guest is not None:
        raw = bench.machine.memory.read_raw(at, MetadataEntry.LENGTH)
        entry = guest.root_entry if op.entry.root else parse(MetadataEntry, raw)
        oek = bench.keys.identity(guest.offline_key)
        bench.keys.tags[entry.auth_tag] = oek
        bench.keys.sealed[content_digest(bench, destination, op.page_size)] = Sealed(oek, count)
    return answer


def content_digest(bench: Bench, spa: int, page_size: int) -> bytes:
    """The digest of what stands in a page."""
    return sha256(bench.machine.memory.read_raw(spa, PAGE << 9 if page_size else PAGE)).digest()


def run_page_swap_in(bench: Bench, op: PageSwapIn) -> Answer:
    """The source's content is what the machine holds; the operand was made from it."""
    gctx, source, destination, at = named(bench, op.context, op.source, op.destination, op.entry.at)
    buffer = PageSwapInBuffer(
        gctx_paddr=gctx,
        src_paddr=source,
        dst_paddr=destination,
        mdata_paddr=at,
        page_size=op.page_size,
        page_type=op.page_type,
        root_mdata_en=op.entry.root,
        swap_in_place=op.in_place,
    )
    return command(bench, CommandId.PAGE_SWAP_IN, buffer, reserved=op.reserved)


RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {
    "page_swap_out": run_page_swap_out,
    "page_swap_in": run_page_swap_in,
}
