"""Which memory the RMP itself occupies (APM Vol. 2, 15.36.4 and 15.36.22). Firmware accepts no command on it."""

from spec.logic import all_of, any_in_range, any_of, ite, none_of
from spec.rmp.layout import (
    BOOKKEEPING_SIZE,
    SEGMENT_TABLE_SIZE,
    SHIFT_1G,
    SHIFT_1M,
    RmpLayout,
    Segment,
    SegmentEntry,
    segment_count,
)
from spec.vocabulary import Address


def is_rmp_page(layout: RmpLayout, spa: Address) -> bool:
    """The address lies in the RMP itself, or in the bookkeeping area and segment table of a segmented one."""
    if none_of(layout.segmented):
        return all_of(layout.base <= spa, spa <= layout.end)
    head = layout.base + BOOKKEEPING_SIZE + SEGMENT_TABLE_SIZE
    in_segment = any_in_range(0, segment_count(layout), lambda number: holds(layout, number, spa))
    return any_of(all_of(layout.base <= spa, spa < head), in_segment)


def holds(layout: RmpLayout, number: Segment, spa: Address) -> bool:
    """The address lies in the RMP of one segment: 4 MiB of entries for each GiB covered."""
    segment = layout.table[number]
    first = segment.base << SHIFT_1M
    return all_of(first <= spa, spa < first + (covered_gib(layout, segment) << (SHIFT_1M + 2)))


def covered_gib(layout: RmpLayout, segment: SegmentEntry) -> int:
    """What a segment covers: no more than there is of it."""
    whole = 1 << layout.segment_shift >> SHIFT_1G
    return ite(segment.covered > whole, whole, segment.covered)
