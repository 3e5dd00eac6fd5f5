"""SNP_PAGE_SWAP_IN: a page comes back, once, if it is what went out."""

from dataclasses import replace

from impl.firmware.page_buffers import MetadataEntry, PageSwapInBuffer
from impl.firmware.page_states import metadata_gfn
from impl.firmware.refusal import Refused, require
from impl.firmware.state import Firmware
from impl.firmware.swap import SwapPages, load_entry, named_pages, require_live, store_entry, unseal
from impl.memory.engine import HOST_ASID
from impl.rmp.layout import GFN_MASK, RmpEntry
from spec.vocabulary import PageSize, PageState, Status, SwapPageType

_QUADWORD = 8


def page_swap_in(firmware: Firmware, buffer: PageSwapInBuffer) -> str:
    """Firmware ABI (56860), SNP_PAGE_SWAP_IN. PRE_GUEST stays or becomes PRE_SWAP; FIRMWARE becomes METADATA."""
    # 1. to 7.
    pages = named_pages(firmware, buffer)
    guest, source, target = pages.guest, pages.source, pages.target

    # 8. and 9. The guest exists and has an ASID.
    require_live(firmware, guest)

    # 10. The metadata entry describes a page of this type that is still out.
    entry = load_entry(firmware, buffer, guest)
    require(not (entry.metadata and entry.vmsa), Status.INVALID_MDATA_ENTRY, "mdata-type")
    fits = _type_of(entry) == buffer.page_type and bool(entry.valid)
    require(fits, Status.INVALID_MDATA_ENTRY, "mdata-valid")

    # 11. All sizes agree; a DEFAULT source has none.
    if source.state != PageState.DEFAULT:
        firmware.require_size(source, buffer.page_size)
    firmware.require_size(target, buffer.page_size)
    require(entry.page_size == buffer.page_size, Status.INVALID_PAGE_SIZE, "mdata-page-size")

    # 12. to 14. The target is prepared for this type of page. The source may be anything: it is only ciphertext.
    _require_target(firmware, buffer, pages)

    # 15. The content is what went out. It is checked in private memory before anything is written.
    is_metadata = buffer.page_type == SwapPageType.METADATA
    plaintext = unseal(guest.offline_key, entry.iv, firmware.read(source.spa, target.length), entry.auth_tag)
    if plaintext is None:
        raise Refused(Status.BAD_MEASUREMENT, "auth-tag")
    firmware.write(target.spa, plaintext, HOST_ASID if is_metadata else guest.asid)
    if is_metadata:
        firmware.write_entry(target, replace(target.entry, gfn=metadata_gfn(pages.context.spa)))
    else:
        firmware.write_entry(target, _restored(target.entry, entry))
    store_entry(firmware, buffer, guest, replace(entry, valid=0))
    return "swapped-in"


def _type_of(entry: MetadataEntry) -> SwapPageType:
    if entry.metadata:
        return SwapPageType.METADATA
    return SwapPageType.VMSA if entry.vmsa else SwapPageType.DATA


def _require_target(firmware: Firmware, buffer: PageSwapInBuffer, pages: SwapPages) -> None:
    # 12. Only data pages can come back where their ciphertext lies.
    if buffer.page_type == SwapPageType.DATA:
        same = not buffer.swap_in_place or buffer.src_paddr == buffer.dst_paddr
        require(same, Status.INVALID_ADDRESS, "swap-in-place-address")
    else:
        require(not buffer.swap_in_place, Status.INVALID_PARAM, "swap-in-place")
    if buffer.page_type == SwapPageType.METADATA:
        firmware.require_state(pages.target, PageState.FIRMWARE, check="target-state")
        return
    if buffer.page_type == SwapPageType.VMSA:
        require(buffer.page_size == PageSize.SIZE_4K, Status.INVALID_PAGE_SIZE, "vmsa-page-size")

    # 13. and 14. The host prepared the page for this guest.
    firmware.require_state(pages.target, PageState.PRE_GUEST, check="target-state")
    require(pages.target.entry.asid == pages.guest.asid, Status.INVALID_PAGE_OWNER, "owner-asid")


def _restored(target: RmpEntry, entry: MetadataEntry) -> RmpEntry:
    """The page stays immutable; SNP_PAGE_RECLAIM releases it to the guest."""
    described = RmpEntry.unpack(bytes(_QUADWORD) + entry.vmpl_perms)
    return replace(
        target,
        gfn=entry.gfn & GFN_MASK,
        vmsa=bool(entry.vmsa),
        perms=described.perms,
        reserved=described.reserved,
        validated=target.validated or bool(entry.page_validated),
    )
