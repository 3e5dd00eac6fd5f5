"""SNP_PAGE_MD_INIT: a firmware page becomes a guest's METADATA page."""

from spec.firmware.command import PageAddress, context_of, has_entry, is_launched, refused_before_context
from spec.firmware.metadata import first_slot
from spec.firmware.state import EMPTY_METADATA, METADATA_ENTRIES
from spec.logic import all_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.entry import metadata_gfn
from spec.rmp.page_state import is_firmware
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Actor, Evidence, PageSize, Status


@record
class PageMdInit:
    """The command buffer."""

    context: PageAddress
    page: PageAddress


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_MD_INIT"')
def page_md_init(system: System, op: PageMdInit) -> Outcome:
    """The page is bound to the context's address: whatever guest stands there later passes as its owner."""
    # 1. Reserved bits, platform state, addresses, GCTX_PADDR.
    if (refused := refused_before_context(system, op.context, op.page, reserved=False)) is not None:
        return refused

    # 2. The page is FIRMWARE, of either size.
    entry = system.rmp[op.page.page]
    if none_of(all_of(has_entry(system, op.page), is_firmware(entry))):
        return Outcome(Status.INVALID_PAGE_STATE, "page-state", system, Evidence.FIRMWARE)

    # 3. The guest is in launch or running; it needs no ASID.
    if none_of(is_launched(context_of(system, op.context))):
        return Outcome(Status.INVALID_GUEST_STATE, "guest-state", system, Evidence.FIRMWARE)

    # 4. The page is zeroed, so no entry is valid, and gets the context's frame.
    page = op.page.page
    zeroed = ite(entry.page_size == PageSize.SIZE_2M, METADATA_ENTRIES * PAGES_PER_2M, METADATA_ENTRIES)
    metadata = system.firmware.metadata.set_range(first_slot(page), zeroed, lambda _: EMPTY_METADATA)
    bound = replace(entry, gfn=metadata_gfn(op.context.page))
    system = replace(system, rmp=system.rmp.set(page, bound), firmware=replace(system.firmware, metadata=metadata))
    return Outcome(Status.SUCCESS, "metadata-initialised", system, Evidence.FIRMWARE)
