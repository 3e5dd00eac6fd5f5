"""SNP_PAGE_SWAP_OUT: a page leaves protected memory as ciphertext; its metadata entry stays behind."""

from dataclasses import replace

from impl.firmware.page_buffers import MetadataEntry, PageSwapOutBuffer
from impl.firmware.page_states import NamedPage, without_tag
from impl.firmware.refusal import Refused, require
from impl.firmware.state import OUTPUT_STATES, Firmware
from impl.firmware.swap import SwapPages, named_pages, require_live, seal, store_entry
from impl.memory.engine import HOST_ASID
from spec.vocabulary import PageState, Status, SwapPageType

LAST_IV = (1 << 64) - 2
_METADATA_GFN = (1 << 52) - 1
_GUEST_SOURCES = (PageState.PRE_SWAP, PageState.PRE_GUEST)
_QUADWORD = 8


def page_swap_out(firmware: Firmware, buffer: PageSwapOutBuffer) -> str:
    """Firmware ABI (56860), SNP_PAGE_SWAP_OUT. PRE_SWAP or PRE_GUEST becomes PRE_GUEST; METADATA becomes FIRMWARE."""
    # 1. to 7.
    pages = named_pages(firmware, buffer)
    guest, source, target = pages.guest, pages.source, pages.target

    # 8. Both pages have the size given; a DEFAULT target has none.
    firmware.require_size(source, buffer.page_size)
    if target.state != PageState.DEFAULT:
        firmware.require_size(target, buffer.page_size)

    # 9. and 10. The guest exists and has an ASID.
    require_live(firmware, guest)

    # 11. and 12. The states fit the page type, and the source is the guest's.
    if buffer.page_type == SwapPageType.METADATA:
        _require_metadata(firmware, pages)
    elif buffer.page_type in (SwapPageType.DATA, SwapPageType.VMSA):
        _require_guest_page(firmware, pages, is_vmsa=buffer.page_type == SwapPageType.VMSA)
    else:
        raise Refused(Status.INVALID_PAGE_STATE, "page-type")

    # 13. No IV of the offline key is ever used twice.
    require(guest.offline_iv_count != LAST_IV, Status.AEAD_OFLOW, "iv-exhausted")
    count = guest.offline_iv_count
    guest.offline_iv_count += 1
    is_metadata = buffer.page_type == SwapPageType.METADATA
    plaintext = firmware.read(source.spa, source.length, HOST_ASID if is_metadata else guest.asid)
    ciphertext, tag = seal(guest.offline_key, count, plaintext)
    firmware.write(target.spa, ciphertext)
    if is_metadata:
        firmware.write_entry(source, replace(source.entry, gfn=0, vmsa=False))
    else:
        firmware.write_entry(source, replace(source.entry, validated=False))
    store_entry(firmware, buffer, guest, replace(_description(source, buffer), iv=count, auth_tag=tag))
    return "swapped-out"


def _require_guest_page(firmware: Firmware, pages: SwapPages, *, is_vmsa: bool) -> None:
    firmware.require_state(pages.source, *_GUEST_SOURCES, check="source-state")
    firmware.require_state(pages.target, *OUTPUT_STATES, check="target-state")
    require(pages.source.entry.asid == pages.guest.asid, Status.INVALID_PAGE_OWNER, "owner-asid")
    # Firmware 1.55 takes PAGE_TYPE on trust, so any data page can come back as a VMSA (knob K-SWAP-TYPE).
    fits = pages.source.entry.vmsa == is_vmsa or not firmware.machine.knobs.swap_type_checked
    require(fits, Status.INVALID_PAGE_STATE, "page-type-vmsa")


def _require_metadata(firmware: Firmware, pages: SwapPages) -> None:
    firmware.require_state(pages.source, PageState.METADATA, check="source-state")
    firmware.require_state(pages.target, *OUTPUT_STATES, check="target-state")
    owned = without_tag(pages.source.entry.gfn) == pages.context.pfn
    require(owned, Status.INVALID_PAGE_OWNER, "owner-context")


def _description(source: NamedPage, buffer: PageSwapOutBuffer) -> MetadataEntry:
    """The metadata entry, but for IV and tag. A metadata page has no guest address and no masks."""
    is_metadata = buffer.page_type == SwapPageType.METADATA
    return MetadataEntry(
        software_data=buffer.software_data,
        valid=1,
        page_validated=0 if is_metadata else source.entry.validated,
        vmsa=buffer.page_type == SwapPageType.VMSA,
        metadata=is_metadata,
        page_size=source.entry.page_size,
        gfn=_METADATA_GFN if is_metadata else source.entry.gfn,
        vmpl_perms=bytes(_QUADWORD) if is_metadata else source.entry.pack()[_QUADWORD:],
    )
