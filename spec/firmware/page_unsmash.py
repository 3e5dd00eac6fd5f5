"""SNP_PAGE_UNSMASH: firmware joins 512 consecutive pages of a guest into one 2 MiB page: the inverse of PSMASH."""

from spec.firmware.command import PageAddress, has_entry, is_initialised
from spec.logic import all_in_range, all_of, any_of, first_of, iff, ite, none_of, same
from spec.maps import Map
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import offset_of
from spec.rmp.entry import RmpEntry
from spec.rmp.page_state import is_pre_guest, is_pre_swap
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Actor, Evidence, PageSize, Pfn, Status


@record
class PageUnsmash:
    """The command buffer: the address of the region's first page."""

    address: PageAddress
    reserved: bool
    """Some of bits [11:1] is set."""
    overlaps_rmp: bool
    """The region holds a part of the RMP; the first page may be outside it."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_UNSMASH"')
def page_unsmash(system: System, op: PageUnsmash) -> Outcome:
    """The host calls it for any guest's pages: what each page may do does not change. Nor do the ASID counters."""
    # 1. Reserved bits; the address is 2 MiB-aligned.
    if cause := first_of(("reserved-bits", op.reserved), ("alignment", op.address.spa & 0x1FFFFF != 0)):
        return Outcome(Status.INVALID_PARAM, cause, system, Evidence.FIRMWARE)

    # 2. SNP is initialised.
    if none_of(is_initialised(system)):
        return Outcome(Status.INVALID_PLATFORM_STATE, "platform-state", system, Evidence.FIRMWARE)

    # 3. The region is covered, and holds no part of the RMP.
    if op.address.in_rmp:
        return Outcome(Status.INVALID_PARAM, "rmp-page", system, Evidence.FIRMWARE)
    if none_of(has_entry(system, op.address)):
        return Outcome(Status.INVALID_PAGE_STATE, "covered", system, Evidence.FIRMWARE)
    if cause := first_of(("rmp-overlap", op.overlaps_rmp), ("address", op.address.forbidden)):
        return Outcome(Status.INVALID_ADDRESS, cause, system, Evidence.FIRMWARE)

    # 4. All 512 pages are guest pages that the host made immutable, alike, at consecutive guest addresses.
    page, rmp = op.address.page, system.rmp
    first = rmp[page]
    if cause := first_of(
        ("page-state", none_of(all_in_range(page, PAGES_PER_2M, lambda p: is_joinable(rmp[p])))),
        ("guest-alignment", offset_of(first.gfn) != 0),
        ("consecutive", none_of(all_in_range(page, PAGES_PER_2M, lambda p: continues(first, rmp[p], p)))),
    ):
        return Outcome(Status.INVALID_PAGE_STATE, cause, system, Evidence.FIRMWARE)

    # 5. The first entry speaks for all; the others become ownerless, and keep what nobody reads.
    return Outcome(Status.SUCCESS, "joined", replace(system, rmp=joined(rmp, page)), Evidence.FIRMWARE)


def is_joinable(entry: RmpEntry) -> bool:
    """PRE_GUEST or PRE_SWAP, 4 KiB, no VMSA."""
    small = entry.page_size == PageSize.SIZE_4K
    return all_of(any_of(is_pre_guest(entry), is_pre_swap(entry)), small, none_of(entry.vmsa))


def continues(first: RmpEntry, entry: RmpEntry, page: Pfn) -> bool:
    """The entry of `page` agrees with that of its region's first page, and its guest address follows on."""
    return all_of(
        entry.asid == first.asid,
        iff(entry.validated, first.validated),
        same(entry.masks, first.masks),
        entry.gfn == first.gfn + offset_of(page),
    )


def joined(rmp: Map[Pfn, RmpEntry], head: Pfn) -> Map[Pfn, RmpEntry]:
    """The table with the region as one page."""
    first = replace(rmp[head], page_size=PageSize.SIZE_2M, subpage_count=0)
    return rmp.set_range(
        head,
        PAGES_PER_2M,
        lambda p: ite(p == head, first, replace(rmp[p], assigned=True, asid=0, immutable=False, lock=False)),
    )
