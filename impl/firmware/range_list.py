"""Lists of page ranges that the host wants HV_FIXED (firmware ABI 56860, "RANGE_LIST Structure")."""

from impl.firmware.layout import parse
from impl.firmware.memory_map import Span
from impl.firmware.page_buffers import Range, RangeListHeader
from impl.firmware.refusal import Refused, require
from impl.firmware.rmp_extent import rmp_spans
from impl.firmware.state import Firmware
from impl.memory.engine import PAGE_BYTES
from impl.memory.paging import C_BIT
from spec.vocabulary import Status

MAXIMUM_RANGES = PAGE_BYTES // Range.LENGTH - 1


def read_ranges(firmware: Firmware, list_spa: int, alignment: int, spans: list[Span]) -> None:
    """Append the listed spans, without the RMP. A malformed entry stops the walk; earlier ones stay appended.

    `alignment` of the bases in bytes: 2 MiB for SNP_PAGE_SET_STATE, 4 KiB for SNP_INIT_EX.
    """
    try:
        page = firmware.read(list_spa, PAGE_BYTES)
    except Refused:
        raise Refused(Status.INVALID_ADDRESS, "list-address") from None
    header = parse(RangeListHeader, page)
    length = RangeListHeader.LENGTH + header.count * Range.LENGTH
    fits = header.count <= MAXIMUM_RANGES and list_spa % PAGE_BYTES + length <= PAGE_BYTES
    require(not header.reserved_set and fits, Status.INVALID_PARAM, "list")
    for start in range(RangeListHeader.LENGTH, length, Range.LENGTH):
        entry = parse(Range, page[start:])
        base = entry.base & ~C_BIT
        require(not entry.reserved_set and base % alignment == 0, Status.INVALID_PARAM, "range")
        if entry.page_count:
            spans += _outside(Span(base, base + entry.page_count * PAGE_BYTES - 1), rmp_spans(firmware.machine))


def _outside(span: Span, holes: list[Span]) -> list[Span]:
    """What is left of the span without the holes."""
    left = [span]
    for hole in holes:
        parts = []
        for part in left:
            if not part.overlaps(hole):
                parts.append(part)
                continue
            if part.first < hole.first:
                parts.append(Span(part.first, hole.first - 1))
            if hole.last < part.last:
                parts.append(Span(hole.last + 1, part.last))
        left = parts
    return left
