"""Where the RMP lies, and which pages it covers (APM Vol. 2, 15.36.4 and "Segmented RMP", 15.36.22).

A layout is set before anything runs and never changes, so it is plain numbers here and no part of the state; of it the
rules see the set of covered regions.
"""

from typing import Annotated

from spec.logic import all_of, ite
from spec.maps import Map
from spec.record import record
from spec.rmp.coverage import REGION_SHIFT
from spec.system.state import Region
from spec.vocabulary import PAGE_SHIFT, Address, Bits

Segment = Annotated[int, Bits(9)]
"""A position in the RMP Segment Table."""
ShiftCount = Annotated[int, Bits(6)]
"""The base-2 logarithm of a segment size; in bytes, but see knob K-SEGUNIT."""

BOOKKEEPING_SIZE = 0x4000
"""16 KiB of per-ASID counters in front of the entries; of a segmented RMP only once."""
SEGMENT_TABLE_SIZE = 0x1000
ENTRY_SHIFT = 4
MAX_SEGMENTS = 512
SHIFT_1G = 30
SHIFT_1M = 20


@record
class SegmentEntry:
    """One 8-byte entry of the RMP Segment Table."""

    covered: Annotated[int, Bits(20)]
    """Covered size in GiB; 0 covers nothing, more than a segment covers the segment."""
    base: Annotated[int, Bits(32)]
    """Address of the segment's RMP in MiB."""
    reserved: bool
    """Some reserved bit is set."""


@record
class RmpLayout:
    """RMP_BASE, RMP_END, RMP_CFG, the segment table behind RMP_BASE, and CPUID 8000_0025h."""

    base: Address
    end: Address
    """The last byte; unused by a segmented RMP."""
    segmented: bool
    """RMP_CFG.SegmentedRmpEn."""
    segment_shift: ShiftCount
    """RMP_CFG.RmpSegmentSize."""
    min_shift: ShiftCount
    """EAX[5:0]."""
    max_shift: ShiftCount
    """EAX[11:6]."""
    cached_segments: Annotated[int, Bits(10)]
    """EBX[9:0]."""
    cached_only: bool
    """EBX[10]: no more segments than these may be used."""
    table: Map[Segment, SegmentEntry]


def segment_count(layout: RmpLayout) -> int:
    """How many entries of the segment table are used."""
    limited = all_of(layout.cached_only, layout.cached_segments < MAX_SEGMENTS)
    return ite(limited, layout.cached_segments, MAX_SEGMENTS)


def is_in_segment(layout: RmpLayout, spa: Address) -> bool:
    """The address lies in the covered part of a segment."""
    segment = spa >> layout.segment_shift
    if segment >= segment_count(layout):
        return False
    covered = layout.table[segment].covered
    return offset_in_segment(layout, spa) < covered << SHIFT_1G


def offset_in_segment(layout: RmpLayout, spa: Address) -> int:
    """The position of an address in its segment."""
    return spa & ((1 << layout.segment_shift) - 1)


def entry_address(layout: RmpLayout, spa: Address) -> int:
    """Where the entry of a covered page lies. The address has no C-bit."""
    if layout.segmented:
        segment = layout.table[spa >> layout.segment_shift]
        return (segment.base << SHIFT_1M) + ((offset_in_segment(layout, spa) >> PAGE_SHIFT) << ENTRY_SHIFT)
    return layout.base + BOOKKEEPING_SIZE + ((spa >> PAGE_SHIFT) << ENTRY_SHIFT)


def has_rmp_entry(layout: RmpLayout, spa: Address) -> bool:
    """The page at an address is covered: its entry lies inside the RMP."""
    if layout.segmented:
        return is_in_segment(layout, spa)
    return entry_address(layout, spa) <= layout.end


def covered_regions(layout: RmpLayout) -> Map[Region, bool]:
    """The 2 MiB regions with entries. The alignment rules let no region be covered in part."""

    def covers(region: Region) -> bool:
        return has_rmp_entry(layout, region << (REGION_SHIFT + PAGE_SHIFT))

    return Map.of(covers)
