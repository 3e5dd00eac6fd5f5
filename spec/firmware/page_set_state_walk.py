"""SNP_PAGE_SET_STATE's walks over its list: every page was donated; every page becomes HV_FIXED.

See `spec/firmware/page_set_state.py` for what may happen between two steps.
"""

from spec.firmware.initial_table import HV_FIXED_ENTRY
from spec.firmware.range_list import RangeWalk, WalkPhase
from spec.logic import all_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import PFN_MAX, page_of
from spec.rmp.coverage import REGION_SHIFT, SPA_BITS
from spec.rmp.entry import RmpEntry
from spec.rmp.entry_update import with_page
from spec.rmp.page_state import is_firmware
from spec.system.state import System
from spec.vocabulary import Actor, Event, Evidence, PageSize, Status


@record
class PageSetStateWalk:
    """Firmware goes on by itself."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_SET_STATE"')
def page_set_state_walk(system: System, op: PageSetStateWalk) -> Outcome:  # noqa: ARG001 - every transition has operands
    """Firmware's next step on the list. Its answer comes with the last."""
    walk = system.firmware.walk

    # 1. A list is being walked.
    if walk.phase == WalkPhase.DONE:
        return Outcome(Event.COMPLETES, "no-list", system, Evidence.FIRMWARE)

    # 2. At the end of the list, every page was seen: it is walked again to write. Then all is done.
    if walk.current >= walk.count:
        if walk.phase == WalkPhase.CHECKING:
            again = replace(walk, phase=WalkPhase.WRITING, current=0)
            return Outcome(Event.COMPLETES, "all-donated", with_walk(system, again), Evidence.FIRMWARE)
        return Outcome(Status.SUCCESS, "fixed", finished(system), Evidence.FIRMWARE)

    # 3. At the end of a range, the next one begins.
    if walk.page >= walk.ranges[walk.current].page_count:
        following = replace(walk, current=walk.current + 1, page=0)
        return Outcome(Event.COMPLETES, "range-done", with_walk(system, following), Evidence.FIRMWARE)

    # 4. The RMP itself is left out without a word.
    onward = with_walk(system, replace(walk, page=walk.page + 1))
    if all_of(is_addressable(walk), walk.rmp_pages[page_under(walk)]):
        return Outcome(Event.COMPLETES, "rmp-left-out", onward, Evidence.FIRMWARE)

    # 5. First walk: the page was donated, or nothing is written at all.
    donated = is_donated(system, walk)
    if all_of(walk.phase == WalkPhase.CHECKING, none_of(donated)):
        return Outcome(Status.INVALID_PAGE_STATE, "page-state", finished(system), Evidence.FIRMWARE)
    if walk.phase == WalkPhase.CHECKING:
        return Outcome(Event.COMPLETES, "page-donated", onward, Evidence.FIRMWARE)

    # 6. Second walk: a page that an earlier range names too is HV_FIXED already.
    if none_of(donated):
        return Outcome(Event.COMPLETES, "page-fixed-before", onward, Evidence.FIRMWARE)
    page = page_under(walk)
    old = system.rmp[page]
    changed = with_page(onward, page, old, replace(HV_FIXED_ENTRY, subpage_count=old.subpage_count))
    return Outcome(Event.COMPLETES, "page-fixed", changed, Evidence.FIRMWARE)


def with_walk(system: System, walk: RangeWalk) -> System:
    """The system with firmware that far."""
    return replace(system, firmware=replace(system.firmware, walk=walk))


def finished(system: System) -> System:
    """The command is answered."""
    return with_walk(system, replace(system.firmware.walk, phase=WalkPhase.DONE))


def page_under(walk: RangeWalk) -> int:
    """The frame number that the walk has reached, if there is such a page."""
    return (page_of(walk.ranges[walk.current].base) + walk.page) & PFN_MAX


def is_addressable(walk: RangeWalk) -> bool:
    """The range has not left the 52 bits of an address."""
    base = walk.ranges[walk.current].base
    return all_of(base >> SPA_BITS == 0, page_of(base) + walk.page <= PFN_MAX)


def is_donated(system: System, walk: RangeWalk) -> bool:
    """The page has an entry, and it is that of a donated page."""
    page = page_under(walk)
    covered = system.covered[page >> REGION_SHIFT]
    return all_of(is_addressable(walk), covered, is_as_donated(system.rmp[page]))


def is_as_donated(entry: RmpEntry) -> bool:
    """FIRMWARE as RMPUPDATE makes it: firmware compares the raw quadword, lock and size bits included."""
    return all_of(is_firmware(entry), entry.lock, entry.page_size == PageSize.SIZE_4K)
