"""SNP_PAGE_MOVE: firmware moves a guest's page, or its METADATA page, to another place in memory."""

from typing import Annotated

from spec.firmware.command import (
    PageAddress,
    context_of,
    refused_before_context,
    refused_uncovered,
)
from spec.firmware.metadata import belongs_to, copied
from spec.firmware.swapping import refused_guest
from spec.logic import all_of, any_of, first_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.entry import metadata_gfn
from spec.rmp.page_state import is_firmware, is_metadata, is_pre_guest, is_pre_swap
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, Status


@record
class PageMove:
    """The command buffer."""

    context: PageAddress
    page_size: Annotated[int, Bits(1)]
    reserved: bool
    source: PageAddress
    destination: PageAddress


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_MOVE"')
def page_move(system: System, op: PageMove) -> Outcome:
    """The content is re-encrypted for its new place under the same key. The source is written first."""
    # 1. Reserved bits, platform state, addresses, GCTX_PADDR.
    if (
        refused := refused_before_context(system, op.context, op.source, op.destination, reserved=op.reserved)
    ) is not None:
        return refused

    # 2. Both pages have an entry, of the size that the command says.
    if (refused := refused_uncovered(system, op.source, op.destination)) is not None:
        return refused
    source, destination = system.rmp[op.source.page], system.rmp[op.destination.page]
    if cause := first_of(
        ("source-size", source.page_size != op.page_size),
        ("destination-size", destination.page_size != op.page_size),
    ):
        return Outcome(Status.INVALID_PAGE_SIZE, cause, system, Evidence.FIRMWARE)

    # 3. The guest is in launch or running, has its key, and its policy allows the move.
    if (refused := refused_guest(system, op.context)) is not None:
        return refused

    # 4. By their states the pages are a guest's, or METADATA and a free page.
    if all_of(any_of(is_pre_swap(source), is_pre_guest(source)), is_pre_guest(destination)):
        return guest_page_moved(system, op)
    if all_of(is_metadata(source), is_firmware(destination)):
        return metadata_page_moved(system, op)
    return Outcome(Status.INVALID_PAGE_STATE, "page-states", system, Evidence.FIRMWARE)


def guest_page_moved(system: System, op: PageMove) -> Outcome:
    """A guest page. The source keeps its address, VMSA attribute and masks, but is not validated any more."""
    source, destination = system.rmp[op.source.page], system.rmp[op.destination.page]
    asid = context_of(system, op.context).asid
    if cause := first_of(("source-asid", source.asid != asid), ("destination-asid", destination.asid != asid)):
        return Outcome(Status.INVALID_PAGE_OWNER, cause, system, Evidence.FIRMWARE)
    left = replace(source, validated=False, immutable=False, lock=False)
    reached = replace(
        destination,
        gfn=source.gfn,
        vmsa=source.vmsa,
        masks=source.masks,
        validated=source.validated,
        immutable=False,
        lock=False,
    )
    rmp = system.rmp.set(op.source.page, left).set(op.destination.page, reached)
    return Outcome(Status.SUCCESS, "guest-page-moved", replace(system, rmp=rmp), Evidence.FIRMWARE)


def metadata_page_moved(system: System, op: PageMove) -> Outcome:
    """A METADATA page, with its entries. The source is a firmware page again; its content is not cleared."""
    source, destination = system.rmp[op.source.page], system.rmp[op.destination.page]
    if none_of(belongs_to(source, op.context)):
        return Outcome(Status.INVALID_PAGE_OWNER, "metadata-owner", system, Evidence.FIRMWARE)
    left = replace(source, gfn=0, vmsa=False)
    reached = replace(destination, gfn=metadata_gfn(op.context.page))
    rmp = system.rmp.set(op.source.page, left).set(op.destination.page, reached)
    metadata = copied(system.firmware.metadata, op.source.page, op.destination.page)
    system = replace(system, rmp=rmp, firmware=replace(system.firmware, metadata=metadata))
    return Outcome(Status.SUCCESS, "metadata-page-moved", system, Evidence.FIRMWARE)
