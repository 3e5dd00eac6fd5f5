"""What RMPUPDATE writes: entries, the region's sub-page count, the owners' counters (APM Vol. 2, 15.36.5)."""

from spec.logic import as_bit, ite
from spec.record import replace
from spec.rmp.authority import head_of, is_2m
from spec.rmp.counters import moved
from spec.rmp.entry import SUBENTRY, UNASSIGNED, RmpEntry
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Pfn


def with_region(system: System, head: Pfn, old: RmpEntry, new: RmpEntry) -> System:
    """The whole region under one entry; unassigned, all 512 entries are those of hypervisor pages."""
    rest = ite(new.assigned, SUBENTRY, UNASSIGNED)
    rmp = system.rmp.set_range(head, PAGES_PER_2M, lambda page: ite(page == head, new, rest))
    pages = moved(system, system.asid_pages, old.asid, new.asid, was_2m=is_2m(old), now_2m=True)
    return replace(system, rmp=rmp, asid_pages=pages)


def with_shrunk_page(system: System, head: Pfn, old: RmpEntry, new: RmpEntry) -> System:
    """The head of a 2 MiB page under its own entry; the other 511 pages are the hypervisor's (knob K-2M-TO-4K)."""
    rmp = system.rmp.set_range(head + 1, PAGES_PER_2M - 1, lambda _: UNASSIGNED)
    pages = moved(system, system.asid_pages, old.asid, new.asid, was_2m=True, now_2m=False)
    return replace(system, rmp=rmp.set(head, new), asid_pages=pages)


def with_page(system: System, page: Pfn, old: RmpEntry, new: RmpEntry) -> System:
    """One 4 KiB page under its own entry; the head's sub-page count follows the other 511 pages."""
    head_page = head_of(page)
    head = system.rmp[head_page]
    is_head = page == head_page
    gained, lost = ite(is_head, 0, as_bit(new.assigned)), ite(is_head, 0, as_bit(old.assigned))
    rmp = system.rmp.set(head_page, replace(head, subpage_count=head.subpage_count + gained - lost)).set(page, new)
    pages = moved(system, system.asid_pages, old.asid, new.asid, was_2m=False, now_2m=False)
    return replace(system, rmp=rmp, asid_pages=pages)
