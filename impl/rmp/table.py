"""The RMP inside physical memory: loads and stores as microcode and firmware make them, past all access checks."""

from impl.memory.engine import PAGE_BYTES
from impl.memory.physical import PhysicalMemory
from impl.rmp.layout import ENTRY_BYTES, RmpEntry
from impl.rmp.locator import Locator
from spec.vocabulary import PAGES_PER_2M

COUNTER_BYTES = 8
_ASSIGNED_BIT = 1


class RmpTable:
    """Packed entries and per-ASID counters at their addresses. Pages are named by frame number, SPA[51:12]."""

    def __init__(self, memory: PhysicalMemory, base: int, locator: Locator) -> None:
        """The table that `locator` finds in `memory`; the counters lie at `base`."""
        self._memory = memory
        self._base = base
        self._locator = locator
        self.stores = 0
        """How often entries were replaced: processors drop their translations when one was (APM Vol. 2, 15.36.3)."""

    def entry_address(self, pfn: int) -> int | None:
        """SPA of the page's entry, or None if the RMP does not cover the page."""
        return self._locator.entry_address(pfn)

    def covers(self, pfn: int) -> bool:
        """Whether the page has an entry; the others belong to the hypervisor for good."""
        return self.entry_address(pfn) is not None

    def contains(self, spa: int) -> bool:
        """Whether the byte at `spa` belongs to the RMP itself."""
        return self._locator.contains(spa)

    def load(self, pfn: int) -> RmpEntry:
        """The raw entry of a covered page."""
        return RmpEntry.unpack(self._memory.read_raw(self._address(pfn), ENTRY_BYTES))

    def store(self, pfn: int, entry: RmpEntry) -> None:
        """Replace the raw entry of a covered page."""
        self.stores += 1
        self._memory.write_raw(self._address(pfn), entry.pack())

    def load_region(self, head: int) -> list[RmpEntry]:
        """The raw entries of the covered pages of the 2 MiB region that starts at page `head`."""
        raw = self._region_bytes(head)
        return [RmpEntry.unpack(raw[start : start + ENTRY_BYTES]) for start in range(0, len(raw), ENTRY_BYTES)]

    def store_region(self, head: int, entries: list[RmpEntry]) -> None:
        """Replace the raw entries of a wholly covered 2 MiB region."""
        self.stores += 1
        self._memory.write_raw(self._address(head), b"".join(entry.pack() for entry in entries))

    def any_assigned(self, head: int) -> bool:
        """Whether any page of the 2 MiB region is assigned."""
        return any(low & _ASSIGNED_BIT for low in self._region_bytes(head)[::ENTRY_BYTES])

    def load_counter(self, asid: int) -> int:
        """How much memory the ASID owns, in the unit of the per-ASID counters."""
        return int.from_bytes(self._memory.read_raw(self._base + asid * COUNTER_BYTES, COUNTER_BYTES), "little")

    def store_counter(self, asid: int, value: int) -> None:
        """Replace the counter of the ASID; it wraps as a 64-bit number does."""
        raw = (value % (1 << 8 * COUNTER_BYTES)).to_bytes(COUNTER_BYTES, "little")
        self._memory.write_raw(self._base + asid * COUNTER_BYTES, raw)

    def _address(self, pfn: int) -> int:
        address = self.entry_address(pfn)
        if address is None:
            raise LookupError(f"the RMP does not cover page {pfn * PAGE_BYTES:#x}")
        return address

    def _region_bytes(self, head: int) -> bytes:
        # Entries of one region are consecutive, also in a segment; the end of the RMP may cut a region short.
        first = self.entry_address(head)
        if first is None:
            return b""
        covered = PAGES_PER_2M
        if not self.covers(head + PAGES_PER_2M - 1):
            covered = sum(self.covers(pfn) for pfn in range(head, head + PAGES_PER_2M))
        return self._memory.read_raw(first, covered * ENTRY_BYTES)
