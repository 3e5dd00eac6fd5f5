"""SNP_PAGE_SET_STATE: firmware makes pages that the host donated HV_FIXED: the host's for good, and never a guest's.

The command takes a list of ranges of any length. Firmware reads the list, walks it to see that every page was donated,
and walks it again to write, entry by entry. So the command is many steps here: `page_set_state` up to the walks, then
one `page_set_state_walk` for each page of each walk.

Processors run meanwhile, and see some pages fixed and others not yet. To a page that was checked they can do nothing:
it is immutable, and of immutable pages only firmware changes the entry. Firmware takes no other command in between;
the rules let it, which are more behaviours than firmware's, and every claim is proved of all of them.
"""

from typing import Annotated

from spec.firmware.command import PageAddress, is_initialised
from spec.firmware.page_set_state_walk import with_walk
from spec.firmware.range_list import MAX_RANGES, PageRange, RangeNumber, RangeWalk, WalkPhase
from spec.logic import any_in_range, any_of, none_of
from spec.maps import Map
from spec.record import record
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, Limit, Pfn, Status


@record
class PageSetState:
    """The command buffer, and the list that it points to."""

    wrong_length: bool
    """LENGTH is not the size of the buffer."""
    reserved: bool
    list_address: PageAddress
    list_reserved: bool
    count: Annotated[int, Bits(32)]
    """How many ranges the list says it has."""
    ranges: Map[RangeNumber, PageRange]
    rmp_pages: Map[Pfn, bool]
    """The pages of the RMP itself; a fact of the platform."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_SET_STATE"')
def page_set_state(system: System, op: PageSetState) -> Outcome:
    """The checks in front of the walks; SUCCESS is not the answer yet."""
    # 1. The last command was answered: firmware takes no other before.
    if system.firmware.walk.phase != WalkPhase.DONE:
        return Outcome(Limit.NOT_MODELLED, "busy", system, Evidence.FIRMWARE)

    # 2. The buffer: these two come before the platform state.
    if op.wrong_length:
        return Outcome(Status.INVALID_LENGTH, "length", system, Evidence.FIRMWARE)
    if any_of(op.reserved, op.list_address.spa & 0xFFF != 0):
        return Outcome(Status.INVALID_PARAM, "reserved-bits", system, Evidence.FIRMWARE)

    # 3. SNP is initialised.
    if none_of(is_initialised(system)):
        return Outcome(Status.INVALID_PLATFORM_STATE, "platform-state", system, Evidence.FIRMWARE)

    # 4. The list is in memory that firmware may read.
    if any_of(op.list_address.forbidden, op.list_address.in_rmp):
        return Outcome(Status.INVALID_ADDRESS, "list-address", system, Evidence.FIRMWARE)

    # 5. The list fits its page.
    if op.list_reserved:
        return Outcome(Status.INVALID_PARAM, "list-reserved", system, Evidence.FIRMWARE)
    if op.count > MAX_RANGES:
        return Outcome(Status.INVALID_PARAM, "list-length", system, Evidence.FIRMWARE)

    # 6. Every range begins at a 2 MiB region.
    if any_in_range(0, op.count, lambda n: op.ranges[n].reserved):
        return Outcome(Status.INVALID_PARAM, "range-reserved", system, Evidence.FIRMWARE)
    if any_in_range(0, op.count, lambda n: op.ranges[n].base & 0x1FFFFF != 0):
        return Outcome(Status.INVALID_PARAM, "range-alignment", system, Evidence.FIRMWARE)

    # 7. The first walk begins.
    walk = RangeWalk(
        phase=WalkPhase.CHECKING, count=op.count, ranges=op.ranges, rmp_pages=op.rmp_pages, current=0, page=0
    )
    return Outcome(Status.SUCCESS, "list-accepted", with_walk(system, walk), Evidence.FIRMWARE)
