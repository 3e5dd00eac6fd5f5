"""SNP_PAGE_UNSMASH: 512 pages of 4 KiB become one of 2 MiB."""

from dataclasses import replace

from impl.firmware.page_buffers import PageUnsmashBuffer
from impl.firmware.page_states import PAGE_BYTES
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from impl.rmp.effective import state_of
from impl.rmp.layout import RmpEntry
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, PageSize, Status

_LENGTH = PAGE_BYTES[PageSize.SIZE_2M]


def page_unsmash(firmware: Firmware, buffer: PageUnsmashBuffer) -> str:
    """Firmware ABI (56860), SNP_PAGE_UNSMASH. It names no guest, and the per-ASID counter stays as it is."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. A 2 MiB region.
    require(buffer.page_paddr % _LENGTH == 0, Status.INVALID_PARAM, "page-alignment")

    # 3. The platform is initialised.
    firmware.require_initialised()

    # 4. to 6. Every page has an entry, and none belongs to the RMP.
    head = firmware.page(buffer.page_paddr)
    table = firmware.machine.rmp
    require(table.covers(head.pfn), Status.INVALID_PAGE_STATE, "covered")
    pages = range(head.pfn, head.pfn + PAGES_PER_2M)
    overlaps = any(table.contains(pfn << PAGE_SHIFT) for pfn in pages)
    require(not overlaps, Status.INVALID_ADDRESS, "rmp-overlap")
    require(table.covers(pages[-1]), Status.INVALID_PAGE_STATE, "covered")

    # 7. The pages are alike, and consecutive in the guest.
    entries = table.load_region(head.pfn)
    broken = _mismatch(entries)
    require(not broken, Status.INVALID_PAGE_STATE, broken)
    table.store_region(head.pfn, [_as_head(entries[0]), *(_as_subpage(entry) for entry in entries[1:])])
    return "unsmashed"


def _mismatch(entries: list[RmpEntry]) -> str:
    """The first condition on single pages, or between them, that does not hold."""
    first = entries[0]
    if any(entry.page_size != PageSize.SIZE_4K for entry in entries):
        return "page-size"
    if not all(entry.immutable for entry in entries):
        return "immutable"
    if any(entry.vmsa for entry in entries):
        return "vmsa"
    if not all(entry.asid for entry in entries):
        return "owned"
    if first.gfn % PAGES_PER_2M:
        return "guest-address-alignment"
    if any(state_of(entry) != state_of(first) for entry in entries):
        return "same-state"
    if any(entry.asid != first.asid for entry in entries):
        return "same-asid"
    if any(entry.gfn != first.gfn + index for index, entry in enumerate(entries)):
        return "consecutive"
    if any((entry.perms, entry.reserved) != (first.perms, first.reserved) for entry in entries):
        return "same-permissions"
    return ""


def _as_head(entry: RmpEntry) -> RmpEntry:
    return replace(entry, page_size=PageSize.SIZE_2M, subpage_count=0)


def _as_subpage(entry: RmpEntry) -> RmpEntry:
    """Validated, address and masks are left over; they have no meaning while the head speaks for the page."""
    return replace(entry, assigned=True, asid=0, immutable=False, lock=False)
