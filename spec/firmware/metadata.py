"""METADATA pages: whose they are, and the 64-byte entries in them (firmware ABI 56860, "Metadata Entries").

An entry has no authentication code of its own: only the page state keeps others from writing it. Of a 2 MiB METADATA
page only the first 4 KiB can be named, since firmware goes by the raw entry of the address that it is given.
"""

from typing import Annotated

from spec.firmware.command import PageAddress, context_of, has_entry
from spec.firmware.state import METADATA_ENTRIES, MetadataEntry, MetadataSlot
from spec.logic import all_of, any_of, first_of, ite, none_of
from spec.maps import Map
from spec.record import record, replace
from spec.registry import Outcome
from spec.rmp.entry import RmpEntry
from spec.rmp.page_state import is_metadata, untagged
from spec.system.state import System
from spec.vocabulary import Bits, Evidence, PageSize, Pfn, Status

ENTRY_SHIFT = 6
ENTRY_BYTES = 1 << ENTRY_SHIFT


@record
class EntryAddress:
    """Where a swap command finds its metadata entry."""

    root: bool
    """ROOT_MDATA_EN: in the guest context. MDATA_PADDR is then ignored."""
    at: PageAddress
    """MDATA_PADDR, the address of 64 bytes."""


def belongs_to(entry: RmpEntry, context: PageAddress) -> bool:
    """The METADATA page is of the guest whose context stands at this address: the address counts, not the guest."""
    return untagged(entry) == context.page


def first_slot(page: Pfn) -> int:
    """The slot of a METADATA page's first entry."""
    return page << ENTRY_SHIFT


def slot_of(address: PageAddress) -> int:
    """The slot of an entry."""
    return (address.spa >> ENTRY_SHIFT) & ((1 << 46) - 1)


def copied(
    metadata: Map[MetadataSlot, MetadataEntry], source: Pfn, destination: Pfn
) -> Map[MetadataSlot, MetadataEntry]:
    """The entries after the content of one METADATA page was copied to another."""
    first = first_slot(source)
    return metadata.set_range(
        first_slot(destination), METADATA_ENTRIES, lambda slot: metadata[first | (slot & (METADATA_ENTRIES - 1))]
    )


def overlaps(address: PageAddress, page: PageAddress, page_size: Annotated[int, Bits(1)]) -> bool:
    """The 64 bytes at an aligned address are inside the page."""
    size = ite(page_size == PageSize.SIZE_2M, 1 << 21, 1 << 12)
    return all_of(address.spa >= page.spa, address.spa < page.spa + size)


def refused_entry_address(
    system: System, entry: EntryAddress, context: PageAddress, *pages: PageAddress, page_size: Annotated[int, Bits(1)]
) -> Outcome | None:
    """The checks of MDATA_PADDR, after GCTX_PADDR's; `pages` are the source and the destination."""
    at, named = entry.at, none_of(entry.root)
    if all_of(named, at.forbidden):
        return Outcome(Status.INVALID_ADDRESS, "mdata-address", system, Evidence.FIRMWARE)
    if cause := first_of(
        ("mdata-in-rmp", all_of(named, at.in_rmp)),
        ("mdata-alignment", all_of(named, at.spa & (ENTRY_BYTES - 1) != 0)),
        ("mdata-overlap", all_of(named, any_of(*(overlaps(at, page, page_size) for page in pages)))),
    ):
        return Outcome(Status.INVALID_PARAM, cause, system, Evidence.FIRMWARE)
    holder = system.rmp[at.page]
    if all_of(named, none_of(all_of(has_entry(system, at), is_metadata(holder)))):
        return Outcome(Status.INVALID_PAGE_STATE, "mdata-state", system, Evidence.FIRMWARE)
    if all_of(named, none_of(belongs_to(holder, context))):
        return Outcome(Status.INVALID_PAGE_OWNER, "mdata-owner", system, Evidence.FIRMWARE)
    return None


def entry_at(system: System, entry: EntryAddress, context: PageAddress) -> MetadataEntry:
    """The metadata entry that the command names."""
    root = context_of(system, context).root_metadata
    return ite(entry.root, root, system.firmware.metadata[slot_of(entry.at)])


def with_entry(system: System, entry: EntryAddress, context: PageAddress, value: MetadataEntry) -> System:
    """The system after firmware has written that metadata entry."""
    firmware, slot = system.firmware, slot_of(entry.at)
    guest = context_of(system, context)
    guest = replace(guest, root_metadata=ite(entry.root, value, guest.root_metadata))
    metadata = firmware.metadata.set(slot, ite(entry.root, firmware.metadata[slot], value))
    return replace(
        system, firmware=replace(firmware, contexts=firmware.contexts.set(context.page, guest), metadata=metadata)
    )
