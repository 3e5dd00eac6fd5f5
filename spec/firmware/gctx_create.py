"""SNP_GCTX_CREATE: a page that the host donated becomes the context of a new guest."""

from spec.firmware.command import PageAddress, has_entry, is_page_aligned, refused_address, refused_early
from spec.firmware.keys import after_drawing, drawn_key
from spec.firmware.state import EMPTY_CONTEXT
from spec.logic import all_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.page_state import is_firmware
from spec.system.state import System
from spec.vocabulary import Actor, Evidence, PageSize, Status


@record
class GctxCreate:
    """The command buffer, and a fact of the memory map."""

    context: PageAddress
    in_dram: bool
    """The page lies in one DRAM region."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_GCTX_CREATE"')
def gctx_create(system: System, op: GctxCreate) -> Outcome:
    """FIRMWARE becomes CONTEXT."""
    # 1. Reserved bits, platform state, address.
    if (refused := refused_early(system, reserved=none_of(is_page_aligned(op.context)))) is not None:
        return refused
    if (refused := refused_address(system, op.context)) is not None:
        return refused

    # 2. The page is FIRMWARE.
    page = op.context.page
    entry = system.rmp[page]
    if none_of(all_of(has_entry(system, op.context), is_firmware(entry))):
        return Outcome(Status.INVALID_PAGE_STATE, "page-state", system, Evidence.FIRMWARE)

    # 3. It is a 4 KiB page.
    if entry.page_size != PageSize.SIZE_4K:
        return Outcome(Status.INVALID_PAGE_SIZE, "page-size", system, Evidence.FIRMWARE)

    # 4. It is memory.
    if none_of(op.in_dram):
        return Outcome(Status.INVALID_CONFIG, "in-dram", system, Evidence.FIRMWARE)

    # 5. The page is zeroed; the guest has a new memory key, no ASID, and is in INIT.
    context = replace(EMPTY_CONTEXT, vek=drawn_key(system.firmware, 0))
    firmware = after_drawing(system.firmware, 1)
    created = replace(
        system,
        rmp=system.rmp.set(page, replace(entry, vmsa=True)),
        firmware=replace(firmware, contexts=firmware.contexts.set(page, context)),
    )
    return Outcome(Status.SUCCESS, "created", created, Evidence.FIRMWARE)
