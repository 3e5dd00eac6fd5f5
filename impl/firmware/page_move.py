"""SNP_PAGE_MOVE: a guest page or a METADATA page moves to another place in memory."""

from dataclasses import replace

from impl.firmware.guest_context import GuestContext
from impl.firmware.page_buffers import PageMoveBuffer
from impl.firmware.page_states import NamedPage, metadata_gfn, without_tag
from impl.firmware.refusal import Refused, require
from impl.firmware.state import Firmware
from spec.vocabulary import PAGE_SHIFT, GuestState, PageState, Status

_GUEST_SOURCES = (PageState.PRE_SWAP, PageState.PRE_GUEST)


def page_move(firmware: Firmware, buffer: PageMoveBuffer) -> str:
    """Firmware ABI (56860), SNP_PAGE_MOVE."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context. All pages are looked up before any is judged.
    context, source, target = firmware.pages(buffer.gctx_paddr, buffer.src_paddr, buffer.dst_paddr)
    guest = firmware.context(context)

    # 4. Both pages have the size given.
    firmware.require_size(source, buffer.page_size)
    firmware.require_size(target, buffer.page_size)

    # 5. and 6. The guest exists and has an ASID.
    firmware.require_guest_state(guest, GuestState.LAUNCH, GuestState.RUNNING)
    firmware.require_asid(guest)

    # 7. The two states fit each other.
    if source.state in _GUEST_SOURCES and target.state == PageState.PRE_GUEST:
        return _move_guest_page(firmware, guest, source, target)
    if source.state == PageState.METADATA and target.state == PageState.FIRMWARE:
        return _move_metadata(firmware, context, source, target)
    raise Refused(Status.INVALID_PAGE_STATE, "page-states")


def _move_guest_page(firmware: Firmware, guest: GuestContext, source: NamedPage, target: NamedPage) -> str:
    """The key is the same, the place is part of the cipher's tweak: so the content is encrypted anew."""
    # 8. Both pages are the guest's.
    owned = source.entry.asid == target.entry.asid == guest.asid
    require(owned, Status.INVALID_PAGE_OWNER, "owner-asid")
    content = firmware.read(source.spa, source.length, guest.asid)
    firmware.write(target.spa, content, guest.asid)
    moved = replace(
        target.entry,
        gfn=source.entry.gfn,
        vmsa=source.entry.vmsa,
        perms=source.entry.perms,
        reserved=source.entry.reserved,
        validated=target.entry.validated or source.state == PageState.PRE_SWAP,
        immutable=False,
        lock=False,
    )
    firmware.write_entry(source, replace(source.entry, validated=False, immutable=False, lock=False))
    firmware.write_entry(target, moved)
    return "guest-page-moved"


def _move_metadata(firmware: Firmware, context: NamedPage, source: NamedPage, target: NamedPage) -> str:
    # 8. The METADATA page belongs to this context page.
    owned = without_tag(source.entry.gfn) == context.pfn
    require(owned, Status.INVALID_PAGE_OWNER, "owner-context")
    firmware.write(target.spa, firmware.read(source.spa, source.length))
    firmware.write_entry(source, replace(source.entry, gfn=0, vmsa=False))
    firmware.write_entry(target, replace(target.entry, gfn=metadata_gfn(context.pfn << PAGE_SHIFT)))
    return "metadata-moved"
