"""SNP_PAGE_SWAP_OUT: firmware seals a guest's page for storage, and keeps in a metadata entry what brings it back."""

from typing import Annotated

from spec.firmware.command import PageAddress, context_of, has_entry, refused_uncovered, with_context
from spec.firmware.metadata import EntryAddress, belongs_to, with_entry
from spec.firmware.sealing import IV_MASK, LAST_IV, Sealed, with_sealed_entries
from spec.firmware.state import MetadataEntry
from spec.firmware.swapping import refused_before_swap, refused_guest
from spec.logic import all_of, any_of, first_of, iff, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import GFN_MAX
from spec.rmp.page_state import is_firmware, is_metadata, is_pre_guest, is_pre_swap
from spec.system.state import System
from spec.vmpl.permissions import NO_MASKS
from spec.vocabulary import Actor, Bits, Evidence, Status, SwapPageType


@record
class PageSwapOut:
    """The command buffer."""

    context: PageAddress
    source: PageAddress
    destination: PageAddress
    entry: EntryAddress
    software_data: Annotated[int, Bits(64)]
    """The host's; firmware keeps it in the entry and never reads it."""
    page_size: Annotated[int, Bits(1)]
    page_type: Annotated[int, Bits(2)]
    """A `SwapPageType`; 3 is none."""
    reserved: bool


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_SWAP_OUT"')
def page_swap_out(system: System, op: PageSwapOut) -> Outcome:
    """The output says what the destination now holds. The destination's RMP entry does not change."""
    # 1. Reserved bits, platform state, addresses, GCTX_PADDR, MDATA_PADDR.
    refused = refused_before_swap(
        system, op.context, op.entry, op.source, op.destination, page_size=op.page_size, reserved=op.reserved
    )
    if refused is not None:
        return refused

    # 2. The pages have the size that the command says; an uncovered destination has none.
    if (refused := refused_uncovered(system, op.source)) is not None:
        return refused
    source, destination = system.rmp[op.source.page], system.rmp[op.destination.page]
    if cause := first_of(
        ("source-size", source.page_size != op.page_size),
        ("destination-size", all_of(has_entry(system, op.destination), destination.page_size != op.page_size)),
    ):
        return Outcome(Status.INVALID_PAGE_SIZE, cause, system, Evidence.FIRMWARE)

    # 3. The guest is in launch or running, has its key, and its policy allows swapping.
    if (refused := refused_guest(system, op.context)) is not None:
        return refused

    # 4. The states: a guest's page or a METADATA page, into one that firmware may write.
    if (refused := refused_source(system, op)) is not None:
        return refused

    # 5. There is an IV left under the guest's key.
    context = context_of(system, op.context)
    if context.iv_count == LAST_IV:
        return Outcome(Status.AEAD_OFLOW, "iv-count", system, Evidence.FIRMWARE)

    # 6. Sealed; the source is not validated any more.
    return swapped_out(system, op)


def refused_source(system: System, op: PageSwapOut) -> Outcome | None:
    """The states of both pages, and the owner of the source."""
    source, destination = system.rmp[op.source.page], system.rmp[op.destination.page]
    of_guest = any_of(op.page_type == SwapPageType.DATA, op.page_type == SwapPageType.VMSA)
    of_firmware = op.page_type == SwapPageType.METADATA
    guest_state = any_of(is_pre_swap(source), is_pre_guest(source))
    writable = any_of(none_of(has_entry(system, op.destination)), is_firmware(destination))
    if cause := first_of(
        ("page-type", none_of(of_guest, of_firmware)),
        ("source-state", none_of(ite(of_guest, guest_state, is_metadata(source)))),
        ("destination-state", none_of(writable)),
    ):
        return Outcome(Status.INVALID_PAGE_STATE, cause, system, Evidence.FIRMWARE)
    if none_of(ite(of_guest, source.asid == context_of(system, op.context).asid, belongs_to(source, op.context))):
        return Outcome(Status.INVALID_PAGE_OWNER, "source-owner", system, Evidence.FIRMWARE)

    # A data page cannot come back as a VMSA only if the type is compared here (knob K-SWAP-TYPE).
    wrong_type = none_of(iff(source.vmsa, op.page_type == SwapPageType.VMSA))
    if all_of(system.platform.knobs.swap_type_checked, of_guest, wrong_type):
        return Outcome(Status.INVALID_PAGE_STATE, "vmsa-attribute", system, Evidence.INFERRED)
    return None


def swapped_out(system: System, op: PageSwapOut) -> Outcome:
    """The effect. The VMSA flag of the entry is the command's page type, not the RMP's."""
    page, context = op.source.page, context_of(system, op.context)
    source = system.rmp[page]
    of_firmware = op.page_type == SwapPageType.METADATA
    entry = MetadataEntry(
        software_data=op.software_data,
        iv=context.iv_count,
        valid=True,
        page_validated=all_of(source.validated, none_of(of_firmware)),
        vmsa=op.page_type == SwapPageType.VMSA,
        metadata=of_firmware,
        page_size=source.page_size,
        gfn=ite(of_firmware, GFN_MAX, source.gfn),
        masks=ite(of_firmware, NO_MASKS, source.masks),
        tag_oek=context.oek,
    )
    left = ite(of_firmware, replace(source, gfn=0, vmsa=False), replace(source, validated=False))
    sealed = Sealed(context.oek, context.iv_count)
    firmware = with_sealed_entries(system.firmware, sealed, page, seals=of_firmware)
    system = replace(system, rmp=system.rmp.set(page, left), firmware=firmware)
    system = with_context(system, op.context, replace(context, iv_count=(context.iv_count + 1) & IV_MASK))
    system = with_entry(system, op.entry, op.context, entry)
    return Outcome(Status.SUCCESS, "swapped-out", system, Evidence.FIRMWARE, sealed)
