"""Where the RMP entry of a page lies: the contiguous RMP and the segmented one."""

from dataclasses import dataclass
from typing import Protocol

from impl.configuration import GIB, SEGMENT_TABLE_ENTRIES, SegmentLimits
from impl.memory.physical import PhysicalMemory
from impl.rmp.layout import ENTRY_BYTES
from spec.vocabulary import ASID_COUNTERS, PAGE_SHIFT

BOOKKEEPING_BYTES = ASID_COUNTERS * 8
"""16 KiB of per-ASID counters in front of the entries."""


class SegmentTableFault(Exception):
    """A segment-table entry has a reserved bit set: whatever needs the RMP entry faults with RSV."""


class Locator(Protocol):
    """Finds entries."""

    def entry_address(self, pfn: int) -> int | None:
        """The SPA of the page's entry, or None if the RMP does not cover the page."""

    def contains(self, spa: int) -> bool:
        """Whether the byte at `spa` belongs to the RMP itself."""


@dataclass(frozen=True)
class ContiguousRmp:
    """APM Vol. 2, "RMP and VMPL initialization" (15.36.4): RMP_BASE to RMP_END, bookkeeping first."""

    base: int
    end: int
    """Last byte."""

    def entry_address(self, pfn: int) -> int | None:
        address = self.base + BOOKKEEPING_BYTES + pfn * ENTRY_BYTES
        return address if address + ENTRY_BYTES - 1 <= self.end else None

    def contains(self, spa: int) -> bool:
        return self.base <= spa <= self.end


@dataclass(frozen=True)
class SegmentTableEntry:
    """One 8-byte entry of the RMP segment table."""

    covered_gib: int
    """Bits 19:0"""
    base: int
    """Bits 51:20, an SPA."""
    reserved: int = 0
    """Bits 63:52"""

    def pack(self) -> bytes:
        """The 8 bytes as memory holds them."""
        return (self.covered_gib | self.base | self.reserved << 52).to_bytes(8, "little")

    @staticmethod
    def unpack(raw: bytes) -> "SegmentTableEntry":
        """Read an entry from its 8 bytes."""
        word = int.from_bytes(raw, "little")
        return SegmentTableEntry(word & 0xFFFFF, word & 0xF_FFFF_FFF0_0000, word >> 52)


@dataclass(frozen=True)
class SegmentedRmp:
    """APM Vol. 2, "Segmented RMP" (15.36.22): the segment table in memory says where each segment's entries lie."""

    memory: PhysicalMemory
    base: int
    """RMP_BASE: bookkeeping, then the segment table."""
    exponent: int
    """log2 of a segment's size in bytes."""
    limits: SegmentLimits

    def entry_address(self, pfn: int) -> int | None:
        spa = pfn << PAGE_SHIFT
        index, offset = spa >> self.exponent, spa & (1 << self.exponent) - 1
        if index >= self.limits.usable:
            return None
        entry = self.table_entry(index)
        # With a reduced number of segments the table was judged when SNPEn was set, so a look-up does not.
        if entry.reserved and not self.limits.only_cached_usable:
            raise SegmentTableFault(f"segment {index} has reserved bits {entry.reserved:#x}")
        if offset >= entry.covered_gib * GIB:
            return None
        return entry.base + (offset >> PAGE_SHIFT) * ENTRY_BYTES

    def contains(self, spa: int) -> bool:
        if self.base <= spa < self.table_base + SEGMENT_TABLE_ENTRIES * 8:
            return True
        entries = (self.table_entry(index) for index in range(self.limits.usable))
        return any(entry.base <= spa < entry.base + (self._covered(entry) >> 8) for entry in entries)

    @property
    def table_base(self) -> int:
        """SPA of the segment table."""
        return self.base + BOOKKEEPING_BYTES

    def table_entry(self, index: int) -> SegmentTableEntry:
        """The segment's entry in the table."""
        return SegmentTableEntry.unpack(self.memory.read_raw(self.table_base + index * 8, 8))

    def _covered(self, entry: SegmentTableEntry) -> int:
        # 16 bytes of entry per 4 KiB page, so the entries take 1/256 of what they cover.
        return min(entry.covered_gib * GIB, 1 << self.exponent)
