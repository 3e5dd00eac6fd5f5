"""Pages as firmware commands see them: the raw entry of the named address, its state, and how entries are written.

Firmware decodes the raw entry and does not ask the head of a 2 MiB page (firmware ABI 56860, "Page States"): a sub-page
of a 2 MiB page looks like RECLAIM to a 4 KiB command.
"""

from dataclasses import dataclass, replace

from impl.machine import Machine
from impl.memory.paging import C_BIT
from impl.rmp.effective import state_of
from impl.rmp.layout import ENTRY_BYTES, RmpEntry
from spec.vocabulary import INVALID_ASID, METADATA_TAG, PAGE_SHIFT, PAGES_PER_2M, TAG_SHIFT, PageSize, PageState

FIRMWARE_ENTRY = RmpEntry(assigned=True, immutable=True, lock=True)
"""8000_0000_0000_0005h."""
HV_FIXED_ENTRY = RmpEntry(immutable=True)
"""4h: the one immutable entry without the lock bit."""
PAGE_BYTES = {PageSize.SIZE_4K: 1 << PAGE_SHIFT, PageSize.SIZE_2M: PAGES_PER_2M << PAGE_SHIFT}
_LOW_GFN_MASK = (1 << TAG_SHIFT) - 1
_HALF, _QUADWORD = 4, 8


@dataclass(frozen=True)
class NamedPage:
    """A page that a command names."""

    spa: int
    """The named address without its C-bit."""
    state: PageState
    entry: RmpEntry
    """The raw entry; all zero for a DEFAULT page, which has none."""

    @property
    def pfn(self) -> int:
        """Page frame number."""
        return self.spa >> PAGE_SHIFT

    @property
    def length(self) -> int:
        """How many bytes the entry speaks for."""
        return PAGE_BYTES[self.entry.page_size]


def read_page(machine: Machine, spa: int) -> NamedPage:
    """The page at `spa`, with or without C-bit; the RMP is found by the address without it."""
    address = spa & ~C_BIT
    if not machine.rmp.covers(address >> PAGE_SHIFT):
        return NamedPage(address, PageState.DEFAULT, RmpEntry())
    entry = machine.rmp.load(address >> PAGE_SHIFT)
    return NamedPage(address, state_of(entry), entry)


def write_entry(machine: Machine, pfn: int, entry: RmpEntry) -> None:
    """Replace the raw entry of a covered page as the firmware does it.

    The processors may change the sub-page count of a 2 MiB-aligned 4 KiB entry at any time. So firmware takes the entry
    away from them with an invalid ASID, keeps the count it then finds, and restores the true ASID last.
    """
    address = machine.rmp.entry_address(pfn)
    assert address is not None, "a DEFAULT page has no entry to write"
    memory = machine.memory
    if pfn % PAGES_PER_2M or entry.page_size == PageSize.SIZE_2M:
        raw = entry.pack()
        memory.write_raw(address + _QUADWORD, raw[_QUADWORD:])
        memory.write_raw(address, raw[:_QUADWORD])
        return
    held = replace(machine.rmp.load(pfn), asid=INVALID_ASID).pack()
    memory.write_raw(address + _HALF, held[_HALF:_QUADWORD])
    count = RmpEntry.unpack(memory.read_raw(address, ENTRY_BYTES)).subpage_count
    raw = replace(entry, subpage_count=count).pack()
    memory.write_raw(address, raw[:_HALF])
    memory.write_raw(address + _QUADWORD, raw[_QUADWORD:])
    memory.write_raw(address + _HALF, raw[_HALF:_QUADWORD])


def metadata_gfn(context_spa: int) -> int:
    """What a METADATA entry stores as its address: the context page of its guest, and the tag."""
    return context_spa >> PAGE_SHIFT | METADATA_TAG << TAG_SHIFT


def without_tag(gfn: int) -> int:
    """The address part of an entry that belongs to the security processor."""
    return gfn & _LOW_GFN_MASK
