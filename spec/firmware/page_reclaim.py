"""SNP_PAGE_RECLAIM: firmware drops Immutable from a page, so that the hypervisor can take it back."""

from typing import Annotated

from spec.firmware.command import PageAddress, refused_address, refused_early, refused_uncovered
from spec.logic import all_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import offset_of
from spec.rmp.page_state import is_firmware, is_metadata, is_pre_guest, is_pre_swap, untagged
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, PageSize, Status


@record
class PageReclaim:
    """The command buffer: PAGE_SIZE is bit 0 and the address bits [63:12] of one quadword."""

    address: PageAddress
    page_size: Annotated[int, Bits(1)]
    reserved: bool
    """Some of bits [11:1] is set."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_RECLAIM"')
def page_reclaim(system: System, op: PageReclaim) -> Outcome:
    """Firmware goes by the raw entry of the address that it is given, not by the region's head."""
    # 1. Reserved bits, platform state.
    if (refused := refused_early(system, reserved=op.reserved)) is not None:
        return refused

    # 2. The address is one that firmware may touch; the RMP itself never is.
    if (refused := refused_address(system, op.address)) is not None:
        return refused

    # 3. The page has an entry.
    if (refused := refused_uncovered(system, op.address)) is not None:
        return refused

    # 4. The size is the entry's, and the address fits it.
    page = op.address.page
    entry = system.rmp[page]
    if entry.page_size != op.page_size:
        return Outcome(Status.INVALID_PAGE_SIZE, "page-size", system, Evidence.FIRMWARE)
    if all_of(op.page_size == PageSize.SIZE_2M, offset_of(page) != 0):
        return Outcome(Status.INVALID_ADDRESS, "alignment", system, Evidence.FIRMWARE)

    # 5. A mutable page needs nothing.
    if none_of(entry.immutable):
        return Outcome(Status.SUCCESS, "already-mutable", system, Evidence.FIRMWARE)

    # 6. The state is one that can be reclaimed.
    if none_of(is_firmware(entry), is_metadata(entry), is_pre_guest(entry), is_pre_swap(entry)):
        return Outcome(Status.INVALID_PAGE_STATE, "page-state", system, Evidence.FIRMWARE)

    # 7. Immutable goes; a METADATA page loses its tag.
    gfn = ite(is_metadata(entry), untagged(entry), entry.gfn)
    mutable = replace(entry, immutable=False, lock=False, gfn=gfn)
    return Outcome(Status.SUCCESS, "reclaimed", replace(system, rmp=system.rmp.set(page, mutable)), Evidence.FIRMWARE)
