"""The RMP as SNP_INIT builds it from the memory map. The map is a fact of the machine; the entries follow from it."""

from enum import IntEnum, unique
from typing import Annotated

from spec.logic import any_of, ite, same
from spec.maps import Map
from spec.record import replace
from spec.rmp.authority import offset_of
from spec.rmp.entry import UNASSIGNED, RmpEntry
from spec.rmp.invariants import is_assigned
from spec.vocabulary import IOMMU_TAG, PAGES_PER_2M, TAG_SHIFT, Bits, Pfn, SubpageCount

Use = Annotated[int, Bits(2)]
"""A `MemoryUse`."""
MemoryMap = Map[Pfn, Use]


@unique
class MemoryUse(IntEnum):
    """What a page is used for when SNP is initialised."""

    DRAM = 0
    FIXED = 1
    """No DRAM, or TSEG, ASEG, legacy HyperTransport (FD_0000_0000h to FD_FFFF_FFFFh), or in the host's list."""
    RMP = 2
    """Part of the RMP itself."""
    IOMMU = 3
    """An event, PPR or completion-wait buffer of an IOMMU."""


HV_FIXED_ENTRY = replace(UNASSIGNED, immutable=True)
FIRMWARE_ENTRY = replace(UNASSIGNED, assigned=True, immutable=True, lock=True)
IOMMU_ENTRY = replace(FIRMWARE_ENTRY, gfn=(IOMMU_TAG << TAG_SHIFT) | 1)


def is_kept(use: Use) -> bool:
    """Firmware keeps the page for itself."""
    return any_of(use == MemoryUse.RMP, use == MemoryUse.IOMMU)


def initial_entry(use: Use, subpage_count: SubpageCount) -> RmpEntry:
    """The entry of one page: HYPERVISOR, HV_FIXED, FIRMWARE or FIRMWARE_IOMMU, with its sub-page count."""
    owned = ite(use == MemoryUse.RMP, FIRMWARE_ENTRY, IOMMU_ENTRY)
    entry = ite(is_kept(use), owned, ite(use == MemoryUse.FIXED, HV_FIXED_ENTRY, UNASSIGNED))
    return replace(entry, subpage_count=subpage_count)


def follows_memory_map(memory: MemoryMap, table: Map[Pfn, RmpEntry], page: Pfn) -> bool:
    """Premise of SNP_INIT, for every page: the table is the one that firmware builds.

    In the entry of a 2 MiB-aligned page the assigned ones among the region's other 511 are counted.
    """
    count = table.count_in_range(page + 1, PAGES_PER_2M - 1, is_assigned)
    return same(table[page], initial_entry(memory[page], ite(offset_of(page) == 0, count, 0)))


def initial_table(memory: MemoryMap) -> Map[Pfn, RmpEntry]:
    """The whole table, for a known memory map; pages that firmware keeps for itself are the assigned ones."""

    def entry(page: Pfn) -> RmpEntry:
        count = memory.count_in_range(page + 1, PAGES_PER_2M - 1, is_kept)
        return initial_entry(memory[page], ite(offset_of(page) == 0, count, 0))

    return Map.of(entry)
