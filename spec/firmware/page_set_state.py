"""SNP_PAGE_SET_STATE: firmware makes pages that the host donated HV_FIXED: the host's for good, and never a guest's."""

from typing import Annotated

from spec.firmware.command import PageAddress, is_initialised
from spec.logic import all_in_range, all_of, any_of, first_of, ite, none_of
from spec.maps import Map
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import PFN_MAX, offset_of, page_of
from spec.rmp.coverage import REGION_SHIFT, SPA_BITS
from spec.rmp.entry import UNASSIGNED, RmpEntry
from spec.rmp.page_state import is_firmware
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Actor, Address, Bits, Evidence, Limit, PageSize, Pfn, Status

HV_FIXED = replace(UNASSIGNED, immutable=True)
MAX_RANGES = 255


@record
class PageSetState:
    """The command buffer, the head of the list that it points to, and one range of the list within one 2 MiB region.

    A longer range, and a list of several, is several steps; firmware writes nothing before it has checked all of them.
    """

    wrong_length: bool
    """LENGTH is not the size of the buffer."""
    reserved: bool
    list_address: PageAddress
    list_reserved: bool
    ranges: Annotated[int, Bits(32)]
    """How many ranges the list says it has."""
    base: Address
    """Of the range, as all that follows."""
    page_count: Annotated[int, Bits(10)]
    range_reserved: bool
    in_rmp: bool
    """It is the RMP itself. Firmware cuts a range at the RMP's ends; the parts are ranges here."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_SET_STATE"')
def page_set_state(system: System, op: PageSetState) -> Outcome:
    """All pages of the range change, or none does."""
    # 1. The buffer: these two come before the platform state.
    if op.wrong_length:
        return Outcome(Status.INVALID_LENGTH, "length", system, Evidence.FIRMWARE)
    if any_of(op.reserved, op.list_address.spa & 0xFFF != 0):
        return Outcome(Status.INVALID_PARAM, "reserved-bits", system, Evidence.FIRMWARE)

    # 2. SNP is initialised.
    if none_of(is_initialised(system)):
        return Outcome(Status.INVALID_PLATFORM_STATE, "platform-state", system, Evidence.FIRMWARE)

    # 3. The list is in memory that firmware may read.
    if any_of(op.list_address.forbidden, op.list_address.in_rmp):
        return Outcome(Status.INVALID_ADDRESS, "list-address", system, Evidence.FIRMWARE)

    # 4. The list fits its page, and the range begins at a 2 MiB region.
    if cause := first_of(
        ("list-reserved", op.list_reserved),
        ("list-length", op.ranges > MAX_RANGES),
        ("range-reserved", op.range_reserved),
        ("range-alignment", op.base & 0x1FFFFF != 0),
    ):
        return Outcome(Status.INVALID_PARAM, cause, system, Evidence.FIRMWARE)

    # One step speaks of one region; the command has 32 bits for the length.
    if op.page_count > PAGES_PER_2M:
        return Outcome(Limit.NOT_MODELLED, "range-length", system, Evidence.INFERRED)

    # 5. The RMP itself is left out without a word.
    if op.in_rmp:
        return Outcome(Status.SUCCESS, "rmp-left-out", system, Evidence.FIRMWARE)

    # 6. Every page of the range was donated, and only then is any written.
    if none_of(all_donated(system, op)):
        return Outcome(Status.INVALID_PAGE_STATE, "page-state", system, Evidence.FIRMWARE)

    # 7. HV_FIXED.
    return Outcome(Status.SUCCESS, "fixed", replace(system, rmp=fixed(system.rmp, op)), Evidence.FIRMWARE)


def all_donated(system: System, op: PageSetState) -> bool:
    """All pages of the range have an entry, and it is that of a donated page."""
    first = page_of(op.base)
    addressable = all_of(op.base >> SPA_BITS == 0, first + op.page_count <= PFN_MAX + 1)
    donated = all_in_range(
        first,
        op.page_count,
        lambda p: all_of(system.covered[p >> REGION_SHIFT], is_donated(system.rmp[p])),
    )
    return any_of(op.page_count == 0, all_of(addressable, donated))


def is_donated(entry: RmpEntry) -> bool:
    """FIRMWARE as RMPUPDATE makes it: firmware compares the raw quadword, lock and size bits included."""
    return all_of(is_firmware(entry), entry.lock, entry.page_size == PageSize.SIZE_4K)


def fixed(rmp: Map[Pfn, RmpEntry], op: PageSetState) -> Map[Pfn, RmpEntry]:
    """The table with the range HV_FIXED; a region's head goes on counting the other pages that stay assigned."""
    first = page_of(op.base)

    def entry(page: int) -> RmpEntry:
        # One of the pages lost is the head, which does not count itself. The field has 9 bits and wraps.
        count = (rmp[page].subpage_count + (PAGES_PER_2M + 1) - op.page_count) & (PAGES_PER_2M - 1)
        return replace(HV_FIXED, subpage_count=ite(offset_of(page) == 0, count, 0))

    return rmp.set_range(first, op.page_count, entry)
