"""Which entry speaks for a page: the 2 MiB region's head or the page's own (APM Vol. 2, 15.36.3 and 15.36.11)."""

from spec.logic import all_of, ite
from spec.maps import Map
from spec.record import replace
from spec.rmp.entry import RmpEntry
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, Address, PageSize, Pfn

PFN_MAX = (1 << 40) - 1
GFN_MAX = (1 << 39) - 1


def page_of(spa: Address) -> int:
    """The frame number of a system-physical address; the rules refuse addresses beyond 52 bits as not covered."""
    return (spa >> PAGE_SHIFT) & PFN_MAX


def head_of(page: Pfn) -> int:
    """The 2 MiB-aligned page of the region that holds `page`."""
    return page & ~(PAGES_PER_2M - 1)


def offset_of(page: Pfn) -> int:
    """The position of `page` in its 2 MiB region, 0 to 511."""
    return page & (PAGES_PER_2M - 1)


def is_2m(entry: RmpEntry) -> bool:
    """Whether this entry of a 2 MiB-aligned page speaks for its whole region: it is assigned, and of that size.

    Accesses may go by an unassigned one too: see `seen_as_2m` in `spec/rmp/ownership.py`.
    """
    return all_of(entry.assigned, entry.page_size == PageSize.SIZE_2M)


def effective(rmp: Map[Pfn, RmpEntry], page: Pfn) -> RmpEntry:
    """The entry that the processor goes by for `page`: flattened, so that its gfn is that of this very page.

    Inside a 2 MiB page with an owner, guest frame numbers count up from the head's; firmware pages share the head's.
    """
    head = rmp[head_of(page)]
    gfn = ite(head.asid != 0, (head.gfn + offset_of(page)) & GFN_MAX, head.gfn)
    return ite(is_2m(head), replace(head, gfn=gfn), rmp[page])
