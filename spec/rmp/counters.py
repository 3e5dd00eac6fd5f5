"""The per-ASID counters at the head of the RMP: how much memory each guest owns. Inferred; knob K-CNT-UNIT."""

from spec.logic import all_of, as_bit, ite
from spec.maps import Map
from spec.record import record
from spec.rmp.authority import is_2m
from spec.rmp.entry import RmpEntry
from spec.system.state import PageCounter, System
from spec.vocabulary import PAGES_PER_2M, Asid, Pfn


def moved(
    system: System, counters: Map[Asid, PageCounter], old: Asid, new: Asid, *, was_2m: bool, now_2m: bool
) -> Map[Asid, PageCounter]:
    """The counters after a page of one owner became a page of another. ASID 0 is not counted.

    A 2 MiB page counts as its 4 KiB pages, or as 1 if entries are counted (knob K-CNT-UNIT).
    """
    large = ite(system.platform.knobs.counter_in_4k, PAGES_PER_2M, 1)
    lost, gained = ite(was_2m, large, 1), ite(now_2m, large, 1)
    counters = counters.set(old, counters[old] - ite(old == 0, 0, lost))
    return counters.set(new, counters[new] + ite(new == 0, 0, gained))


@record
class OwnedBy:
    """The property of an entry to be assigned to one guest."""

    asid: Asid

    def __call__(self, entry: RmpEntry) -> bool:
        """Whether it is."""
        return all_of(entry.assigned, entry.asid == self.asid)


@record
class OwnedInRegion:
    """What the pages of one 2 MiB region add to a guest's counter."""

    asid: Asid
    in_4k: bool
    """Knob K-CNT-UNIT."""

    def __call__(self, rmp: Map[Pfn, RmpEntry], head: Pfn) -> int:
        """All 512 pages (or one entry) of a 2 MiB page, else the region's entries one by one."""
        owned = OwnedBy(self.asid)
        large = ite(self.in_4k, PAGES_PER_2M, 1)
        small = rmp.count_in_range(head + 1, PAGES_PER_2M - 1, owned) + as_bit(owned(rmp[head]))
        return ite(is_2m(rmp[head]), ite(owned(rmp[head]), large, 0), small)


def owned_pages(system: System, asid: Asid) -> int:
    """What a guest's counter should be, from the table."""
    return system.rmp.total_over_blocks(PAGES_PER_2M, OwnedInRegion(asid, system.platform.knobs.counter_in_4k))
