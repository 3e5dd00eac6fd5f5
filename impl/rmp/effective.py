"""Which entry speaks for a page, and the page's state."""

from dataclasses import replace

from impl.rmp.layout import GFN_MASK, RmpEntry
from impl.rmp.table import RmpTable
from spec.vocabulary import IOMMU_TAG, METADATA_TAG, PAGES_PER_2M, TAG_SHIFT, MappingSize, PageSize, PageState

_LOW_GFN_MASK = (1 << TAG_SHIFT) - 1


def head_of(pfn: int) -> int:
    """The first page of the 2 MiB region."""
    return pfn - pfn % PAGES_PER_2M


def is_2m_page(head_entry: RmpEntry) -> bool:
    """Whether the entry of a region's first page describes the whole region; an unassigned one never does."""
    return head_entry.assigned and head_entry.page_size == PageSize.SIZE_2M


def authority(table: RmpTable, pfn: int) -> int:
    """The page whose raw entry speaks for the covered page `pfn`: itself, or the head of its 2 MiB page."""
    head = head_of(pfn)
    return head if is_2m_page(table.load(head)) else pfn


def effective(table: RmpTable, pfn: int, *, unassigned_2m: bool = False) -> RmpEntry | None:
    """The entry that speaks for a page, or None for an uncovered page. APM Vol. 2, 15.36.3.

    With `unassigned_2m`, a head of 2 MiB size speaks for its region even if it is not assigned (knob K-S-UNASSIGNED).
    """
    if not table.covers(pfn):
        return None
    head = head_of(pfn)
    head_entry = table.load(head)
    if not is_2m_page(head_entry) and not (unassigned_2m and head_entry.page_size == PageSize.SIZE_2M):
        return table.load(pfn)
    # An ownerless 2 MiB page (the security processor's) has one tag for all of its pages, not an address.
    offset = pfn - head if head_entry.asid else 0
    return replace(head_entry, gfn=head_entry.gfn + offset & GFN_MASK)


def hypervisor_owned(
    table: RmpTable, pfn: int, mapping: MappingSize = MappingSize.MAP_4K, *, unassigned_2m: bool = False
) -> bool:
    """Not covered or not assigned; with a mapping of 2 MiB or more, every page of the region.

    APM Vol. 2, "RMP Checks" (15.36.10); 1 GiB mappings are cached, and so checked, as 2 MiB.
    """
    if mapping == MappingSize.MAP_4K:
        entry = effective(table, pfn, unassigned_2m=unassigned_2m)
        return entry is None or not entry.assigned
    return not table.any_assigned(head_of(pfn))


def state_at(table: RmpTable, pfn: int) -> PageState:
    """The state of a page, DEFAULT if the RMP does not cover it."""
    entry = effective(table, pfn)
    return PageState.DEFAULT if entry is None else state_of(entry)


def state_of(entry: RmpEntry) -> PageState:
    """The state that an entry encodes. Firmware ABI (56860), "Page States"; the order is that of the firmware."""
    if entry.asid:
        return _guest_state(entry)
    if entry.validated:
        return PageState.INVALID
    if not entry.assigned:
        return PageState.HV_FIXED if entry.immutable else PageState.HYPERVISOR
    if not entry.immutable:
        return PageState.INVALID if entry.lock else PageState.RECLAIM
    return _firmware_state(entry)


def _guest_state(entry: RmpEntry) -> PageState:
    if not entry.assigned:
        return PageState.INVALID
    if entry.immutable:
        return PageState.PRE_SWAP if entry.validated else PageState.PRE_GUEST
    return PageState.GUEST_VALID if entry.validated else PageState.GUEST_INVALID


def _firmware_state(entry: RmpEntry) -> PageState:
    # A frame number of 0 is legal, so firmware tells its own pages apart by a tag in the top bits.
    if entry.gfn == 0:
        return PageState.CONTEXT if entry.vmsa else PageState.FIRMWARE
    tag, low = entry.gfn >> TAG_SHIFT, entry.gfn & _LOW_GFN_MASK
    if tag == METADATA_TAG and low > 0:
        return PageState.METADATA
    if tag == IOMMU_TAG and low == 1 and not entry.vmsa:
        return PageState.FIRMWARE_IOMMU
    return PageState.INVALID
