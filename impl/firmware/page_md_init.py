"""SNP_PAGE_MD_INIT: a donated page becomes a METADATA page of a guest."""

from dataclasses import replace

from impl.firmware.page_buffers import PageMdInitBuffer
from impl.firmware.page_states import metadata_gfn
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import GuestState, PageState, Status


def page_md_init(firmware: Firmware, buffer: PageMdInitBuffer) -> str:
    """Firmware ABI (56860), SNP_PAGE_MD_INIT. FIRMWARE, of either size, becomes METADATA without entries."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context. Both pages are looked up before any is judged.
    context, page = firmware.pages(buffer.gctx_paddr, buffer.page_paddr)
    guest = firmware.context(context)

    # 4. The page was donated.
    firmware.require_state(page, PageState.FIRMWARE)

    # 5. The guest exists.
    firmware.require_guest_state(guest, GuestState.LAUNCH, GuestState.RUNNING)
    firmware.write(page.spa, bytes(page.length))
    firmware.write_entry(page, replace(page.entry, gfn=metadata_gfn(context.spa)))
    return "metadata-initialised"
