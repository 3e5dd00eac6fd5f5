"""SNP_PAGE_SET_STATE: the host gives donated pages back to itself for good, as HV_FIXED."""

from collections.abc import Iterator
from dataclasses import replace

from impl.firmware.memory_map import Span
from impl.firmware.page_buffers import PageSetStateBuffer
from impl.firmware.page_states import FIRMWARE_ENTRY, HV_FIXED_ENTRY, PAGE_BYTES
from impl.firmware.range_list import read_ranges
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from impl.rmp.effective import head_of
from impl.rmp.layout import NO_PERMS, RmpEntry
from impl.rmp.table import RmpTable
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, PageSize, Status


def page_set_state(firmware: Firmware, buffer: PageSetStateBuffer) -> str:
    """Firmware ABI (56860), SNP_PAGE_SET_STATE. A page that the RMP does not cover was not donated either."""
    # 1. The buffer has the length that this version expects.
    require(buffer.length == PageSetStateBuffer.LENGTH, Status.INVALID_LENGTH, "length")

    # 2. Reserved bits, the page offset of the list among them.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 3. The platform is initialised.
    firmware.require_initialised()

    # 4. to 6. The list may be read and is well formed; what it says of the RMP is cut out.
    spans: list[Span] = []
    read_ranges(firmware, buffer.list_paddr, PAGE_BYTES[PageSize.SIZE_2M], spans)

    # 7. Every page is FIRMWARE, all of them before any is changed.
    table = firmware.machine.rmp
    donated = all(table.covers(pfn) and _is_donated(table.load(pfn)) for pfn in _pages(spans))
    require(donated, Status.INVALID_PAGE_STATE, "page-state")

    # 8. Each becomes HV_FIXED, once however often it is listed.
    for pfn in _pages(spans):
        if table.load(pfn).assigned:
            _fix(table, pfn)
    return "fixed"


def _pages(spans: list[Span]) -> Iterator[int]:
    """The listed frame numbers, one at a time: a range may be longer than memory."""
    return (pfn for span in spans for pfn in range(span.first >> PAGE_SHIFT, (span.last >> PAGE_SHIFT) + 1))


def _is_donated(entry: RmpEntry) -> bool:
    """Firmware compares the first quadword as a number, all but the sub-page count; so a 2 MiB page never matches."""
    return replace(entry, subpage_count=0, perms=NO_PERMS, reserved=0) == FIRMWARE_ENTRY


def _fix(table: RmpTable, pfn: int) -> None:
    """Make one page HV_FIXED; it is assigned no more, so its region counts one sub-page less."""
    if pfn % PAGES_PER_2M == 0:
        table.store(pfn, replace(HV_FIXED_ENTRY, subpage_count=table.load(pfn).subpage_count))
        return
    table.store(pfn, HV_FIXED_ENTRY)
    head = table.load(head_of(pfn))
    table.store(head_of(pfn), replace(head, subpage_count=head.subpage_count - 1))
