"""SNP_PAGE_RECLAIM: the host may change a page again."""

from dataclasses import replace

from impl.firmware.page_buffers import PageReclaimBuffer
from impl.firmware.page_states import without_tag
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import PageState, Status

_RECLAIMABLE = (PageState.METADATA, PageState.FIRMWARE, PageState.PRE_GUEST, PageState.PRE_SWAP)


def page_reclaim(firmware: Firmware, buffer: PageReclaimBuffer) -> str:
    """Firmware ABI (56860), SNP_PAGE_RECLAIM. It drops Immutable, whoever owns the page, and nothing else."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The firmware may touch the page.
    page = firmware.page(buffer.page_paddr)

    # 4. The size is the page's.
    firmware.require_size(page, buffer.page_size)

    # 5. The address is aligned to it.
    require(page.spa % page.length == 0, Status.INVALID_ADDRESS, "page-alignment")
    if not page.entry.immutable:
        return "already-mutable"

    # 6. The firmware does not need the page any more.
    firmware.require_state(page, *_RECLAIMABLE)
    gfn = without_tag(page.entry.gfn) if page.state == PageState.METADATA else page.entry.gfn
    firmware.write_entry(page, replace(page.entry, immutable=False, lock=False, gfn=gfn))
    return "reclaimed"
