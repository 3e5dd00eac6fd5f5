"""SNP_DBG_DECRYPT and SNP_DBG_ENCRYPT: the host reads and writes guest memory, if the guest's policy allows it."""

from impl.firmware.guest_context import GuestContext
from impl.firmware.page_buffers import DebugBuffer
from impl.firmware.page_states import NamedPage
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from impl.firmware.vmsa_page import disguised, reg_prot_enabled
from impl.memory.engine import PAGE_BYTES
from impl.rmp.effective import head_of
from spec.vocabulary import PAGE_SHIFT, GuestPolicy, PageSize, PageState, Status

_GUEST_STATES = (PageState.PRE_GUEST, PageState.PRE_SWAP, PageState.GUEST_INVALID, PageState.GUEST_VALID)


def dbg_decrypt(firmware: Firmware, buffer: DebugBuffer) -> str:
    """Firmware ABI (56860), SNP_DBG_DECRYPT. Always 4 KiB, also of a 2 MiB page."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context. All pages are looked up before any is judged.
    context, source, target = _named_pages(firmware, buffer)
    guest = firmware.context(context)

    # 4. A guest's page, and a donated one for the plaintext.
    firmware.require_state(source, *_GUEST_STATES, check="source-state")
    firmware.require_state(target, PageState.FIRMWARE, check="target-state")
    _require_debug(firmware, guest, source)
    page = firmware.read(buffer.src_paddr, PAGE_BYTES, guest.asid)
    firmware.write(buffer.dst_paddr, disguised(page) if source.entry.vmsa and reg_prot_enabled(page) else page)
    return "decrypted"


def dbg_encrypt(firmware: Firmware, buffer: DebugBuffer) -> str:
    """Firmware ABI (56860), SNP_DBG_ENCRYPT. Always 4 KiB; the source may be any page."""
    # 1. The platform is initialised. This command asks for it first.
    firmware.require_initialised()

    # 2. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 3. The page is a guest context. All pages are looked up before any is judged.
    context, _source, target = _named_pages(firmware, buffer)
    guest = firmware.context(context)

    # 4. A guest's page that the host has made immutable.
    firmware.require_state(target, PageState.PRE_SWAP, PageState.PRE_GUEST, check="target-state")
    _require_debug(firmware, guest, target)
    page = firmware.read(buffer.src_paddr, PAGE_BYTES)
    content = disguised(page) if target.entry.vmsa and reg_prot_enabled(page) else page
    firmware.write(buffer.dst_paddr, content, guest.asid)
    return "encrypted"


def _named_pages(firmware: Firmware, buffer: DebugBuffer) -> tuple[NamedPage, NamedPage, NamedPage]:
    context, source, target = firmware.pages(buffer.gctx_paddr, buffer.src_paddr, buffer.dst_paddr)
    return context, _authority(firmware, source), _authority(firmware, target)


def _authority(firmware: Firmware, page: NamedPage) -> NamedPage:
    """The page itself, or the 2 MiB page that it is part of: these commands alone ask the head."""
    if page.state == PageState.DEFAULT or page.entry.page_size == PageSize.SIZE_2M or page.entry.asid:
        return page
    head = firmware.page(head_of(page.pfn) << PAGE_SHIFT)
    return head if head.entry.page_size == PageSize.SIZE_2M else page


def _require_debug(firmware: Firmware, guest: GuestContext, page: NamedPage) -> None:
    # 5. The page is the guest's.
    require(page.entry.asid == guest.asid, Status.INVALID_PAGE_OWNER, "owner-asid")

    # 6. The guest's policy allows debugging.
    enforced = firmware.machine.configuration.protections.policy_enforced
    require(bool(guest.policy & GuestPolicy.DEBUG) or not enforced, Status.POLICY_FAILURE, "policy-debug")

    # 7. The guest has an ASID; its state does not matter.
    firmware.require_asid(guest)
