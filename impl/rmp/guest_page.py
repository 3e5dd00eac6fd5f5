"""The page that a guest instruction names: translated, and found to be the guest's own.

PVALIDATE, RMPADJUST and RMPQUERY read the page as one byte of private data (APM Vol. 3). Their RMP violations carry
neither bit 32 nor bit 33 of EXITINFO1; recorded hardware: EXITINFO1 C_8000_0005h.
"""

from collections.abc import Callable
from dataclasses import dataclass

from impl.completion import Completion, nested_fault
from impl.machine import Cpu, Machine
from impl.memory.guest_paging import GuestTranslation
from impl.rmp.access import in_use, ownership_failure
from impl.rmp.effective import authority
from impl.rmp.faults import Access
from impl.rmp.layout import RmpEntry
from impl.rmp.locator import SegmentTableFault
from impl.rmp.seen import seen_entry
from spec.vocabulary import PAGE_SHIFT, AccessKind, Agent, MappingSize, NpfInfo, PageSize

Translate = Callable[[], GuestTranslation | Completion]
"""Translates the instruction's address, when its turn comes."""

_VIOLATION = NpfInfo.P | NpfInfo.RMP | NpfInfo.ENC


@dataclass(frozen=True)
class OwnPage:
    """A page that the executing guest owns at the translated address."""

    pfn: int
    """The page whose raw entry speaks for it: itself, or the head of a 2 MiB page."""
    entry: RmpEntry
    mapping_size: MappingSize
    gpa: int

    @property
    def is_2m(self) -> bool:
        """Whether the RMP holds it as 2 MiB."""
        return self.entry.page_size == PageSize.SIZE_2M

    @property
    def mapped_4k(self) -> bool:
        """Whether the nested tables map it as 4 KiB."""
        return self.mapping_size == MappingSize.MAP_4K


def own_page(machine: Machine, cpu: Cpu, where: GuestTranslation) -> OwnPage | Completion:
    """Covered, Guest-Owned, Reverse-Map and Mutable hold, or the nested page fault."""
    pfn = where.spa >> PAGE_SHIFT
    access = Access(Agent.SNP_GUEST, AccessKind.READ, where.spa, where.mapping_size, where.gpa, c_bit=True)
    try:
        entry = seen_entry(machine, pfn)
    except SegmentTableFault:
        return nested_fault(_VIOLATION | NpfInfo.RSV, where.gpa, "segment-table-reserved")
    failed = "in-use" if in_use(machine, access) else ownership_failure(entry, cpu.asid, where.gpa)
    if entry is None or failed:
        return nested_fault(_VIOLATION, where.gpa, failed or "covered")
    return OwnPage(authority(machine.rmp, pfn), entry, where.mapping_size, where.gpa)


def too_large(machine: Machine, page: OwnPage, size: PageSize) -> Completion | None:
    """A 4 KiB request meets a 2 MiB page: a nested page fault, so that the hypervisor splits it (K-PVAL-SIZEM)."""
    if size == PageSize.SIZE_2M or not (page.is_2m or not page.mapped_4k):
        return None
    size_mismatch = page.is_2m if machine.knobs.sizem_by_rmp else not page.mapped_4k
    return nested_fault(_VIOLATION | (NpfInfo.SIZEM if size_mismatch else NpfInfo(0)), page.gpa, "page-too-large")


def too_small(page: OwnPage, size: PageSize) -> bool:
    """Whether a 2 MiB request meets a page that is 4 KiB in the RMP or in the nested tables."""
    return size == PageSize.SIZE_2M and (not page.is_2m or page.mapped_4k)
