"""Translations that processors cache, with the rights that the RMP gave when they were cached (APM Vol. 2, 15.36.10).

The RMP is asked when a translation is cached, and not again while it is used. There are as many places for them as one
likes: which of them a processor forgets by itself, and when, nobody can say, so any may be used at any time.
"""

from collections.abc import Callable
from typing import Annotated

from spec.logic import all_of, any_of, ite, none_of
from spec.maps import Map
from spec.record import record, replace
from spec.rmp.authority import head_of, offset_of
from spec.vocabulary import PAGE_SHIFT, Address, Asid, Bits, Gfn, PermissionMask, Pfn, Vmpl

TlbSlot = Annotated[int, Bits(16)]
Vcpu = Annotated[int, Bits(40, "virtual processor")]
"""A virtual processor at one VMPL, by the page that its registers are saved in: its VMSA, or its VMCB without one."""
PAGE_OFFSETS = 0x1FF


@record
class TlbEntry:
    """One cached translation: from a guest-virtual page to a page of memory."""

    present: bool
    snp: bool
    """The virtual processor is an SNP guest's."""
    vcpu: Vcpu
    asid: Asid
    vmpl: Vmpl
    large: bool
    """It serves all of a 2 MiB page."""
    gva: Address
    gfn: Gfn
    page: Pfn
    private: bool
    """The effective C-bit."""
    mask: PermissionMask
    """The rights when it was cached."""


NO_ENTRY = TlbEntry(
    present=False, snp=False, vcpu=0, asid=0, vmpl=0, large=False, gva=0, gfn=0, page=0, private=False, mask=0
)
Tlb = Map[TlbSlot, TlbEntry]


def covers(entry: TlbEntry, gva: Address) -> bool:
    """The entry translates this address."""
    small, large = entry.gva >> PAGE_SHIFT == gva >> PAGE_SHIFT, entry.gva >> 21 == gva >> 21
    return ite(entry.large, large, small)


def frame_reached(entry: TlbEntry, gva: Address) -> int:
    """The guest frame that the entry gives for an address that it covers."""
    return ite(entry.large, head_of(entry.gfn) | ((gva >> PAGE_SHIFT) & PAGE_OFFSETS), entry.gfn)


def page_reached(entry: TlbEntry, gva: Address) -> int:
    """The page of memory that the entry gives for an address that it covers."""
    return ite(entry.large, head_of(entry.page) | ((gva >> PAGE_SHIFT) & PAGE_OFFSETS), entry.page)


def leads_to(entry: TlbEntry, page: Pfn) -> bool:
    """The entry leads to this page for some address."""
    return ite(entry.large, head_of(entry.page) == head_of(page), entry.page == page)


def frame_of_page(entry: TlbEntry, page: Pfn) -> int:
    """The guest frame for which the entry leads to this page."""
    return ite(entry.large, head_of(entry.gfn) | offset_of(page), entry.gfn)


def without(tlb: Tlb, dropped: Callable[[TlbEntry], bool]) -> Tlb:
    """The cached translations but those that are dropped."""
    return tlb.each(lambda entry: replace(entry, present=all_of(entry.present, none_of(dropped(entry)))))


def flushed(tlb: Tlb, asid: Asid) -> Tlb:
    """Nothing of one ASID is cached any more, on any processor."""
    return without(tlb, lambda entry: entry.asid == asid)


def without_page(tlb: Tlb, page: Pfn, whole_region: bool) -> Tlb:
    """Nothing is cached any more that leads to a page, or to one of its 2 MiB region."""

    def dropped(entry: TlbEntry) -> bool:
        near = head_of(entry.page) == head_of(page)
        return ite(any_of(whole_region, entry.large), near, entry.page == page)

    return without(tlb, dropped)
