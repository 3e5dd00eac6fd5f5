"""SNP_PAGE_SWAP_IN: firmware takes a sealed page back, once, as its metadata entry says."""

from typing import Annotated

from spec.firmware.command import PageAddress, context_of, has_entry, refused_uncovered
from spec.firmware.metadata import EntryAddress, entry_at, with_entry
from spec.firmware.sealing import Iv, Sealed, is_sealed_as, with_unsealed_entries
from spec.firmware.state import KeyId, MetadataEntry
from spec.firmware.swapping import refused_before_swap, refused_guest
from spec.logic import all_of, first_of, iff, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.entry import metadata_gfn
from spec.rmp.page_state import is_firmware, is_pre_guest
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, PageSize, Status, SwapPageType


@record
class PageSwapIn:
    """The command buffer, and what firmware finds in the source page."""

    context: PageAddress
    source: PageAddress
    destination: PageAddress
    entry: EntryAddress
    page_size: Annotated[int, Bits(1)]
    page_type: Annotated[int, Bits(2)]
    """A `SwapPageType`; 3 is none."""
    in_place: bool
    reserved: bool
    sealed_oek: KeyId
    """The key that sealed the source's content; 0 if nothing did."""
    sealed_iv: Iv


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PAGE_SWAP_IN"')
def page_swap_in(system: System, op: PageSwapIn) -> Outcome:
    """Any page may be the source. The destination stays immutable: SNP_PAGE_RECLAIM releases it."""
    # 1. Reserved bits, platform state, addresses, GCTX_PADDR, MDATA_PADDR.
    refused = refused_before_swap(
        system, op.context, op.entry, op.source, op.destination, page_size=op.page_size, reserved=op.reserved
    )
    if refused is not None:
        return refused

    # 2. The guest is in launch or running, has its key, and its policy allows swapping.
    if (refused := refused_guest(system, op.context)) is not None:
        return refused

    # 3. The entry is of the type that the command says, and was not used yet.
    entry = entry_at(system, op.entry, op.context)
    of_type = all_of(
        op.page_type <= SwapPageType.VMSA,
        iff(entry.metadata, op.page_type == SwapPageType.METADATA),
        iff(entry.vmsa, op.page_type == SwapPageType.VMSA),
    )
    if cause := first_of(("entry-type", none_of(of_type)), ("entry-valid", none_of(entry.valid))):
        return Outcome(Status.INVALID_MDATA_ENTRY, cause, system, Evidence.FIRMWARE)

    # 4. The sizes agree, and the destination takes the page.
    if (refused := refused_destination(system, op, entry)) is not None:
        return refused

    # 5. The tag accepts the content. Nothing was written before this.
    if none_of(is_sealed_as(op.sealed_oek, op.sealed_iv, context_of(system, op.context), entry)):
        return Outcome(Status.BAD_MEASUREMENT, "tag", system, Evidence.FIRMWARE)

    # 6. The entry is used up; the destination is what the source of the swap was.
    return swapped_in(system, op, entry)


def refused_destination(system: System, op: PageSwapIn, entry: MetadataEntry) -> Outcome | None:
    """Sizes, the in-place flag, the destination's state and owner."""
    if (refused := refused_uncovered(system, op.destination)) is not None:
        return refused
    source, destination = system.rmp[op.source.page], system.rmp[op.destination.page]
    of_guest = none_of(op.page_type == SwapPageType.METADATA)
    if cause := first_of(
        ("source-size", all_of(has_entry(system, op.source), source.page_size != op.page_size)),
        ("destination-size", destination.page_size != op.page_size),
        ("entry-size", entry.page_size != op.page_size),
    ):
        return Outcome(Status.INVALID_PAGE_SIZE, cause, system, Evidence.FIRMWARE)
    if all_of(op.in_place, op.page_type != SwapPageType.DATA):
        return Outcome(Status.INVALID_PARAM, "in-place-type", system, Evidence.FIRMWARE)
    if all_of(op.page_type == SwapPageType.VMSA, op.page_size == PageSize.SIZE_2M):
        return Outcome(Status.INVALID_PAGE_SIZE, "vmsa-size", system, Evidence.FIRMWARE)
    if all_of(op.in_place, op.source.spa != op.destination.spa):
        return Outcome(Status.INVALID_ADDRESS, "in-place-address", system, Evidence.FIRMWARE)
    if none_of(ite(of_guest, is_pre_guest(destination), is_firmware(destination))):
        return Outcome(Status.INVALID_PAGE_STATE, "destination-state", system, Evidence.FIRMWARE)
    if all_of(of_guest, destination.asid != context_of(system, op.context).asid):
        return Outcome(Status.INVALID_PAGE_OWNER, "destination-owner", system, Evidence.FIRMWARE)
    return None


def swapped_in(system: System, op: PageSwapIn, entry: MetadataEntry) -> Outcome:
    """The effect: address, masks, VMSA attribute and Validated come from the entry, not from the sealed page."""
    page = op.destination.page
    destination = system.rmp[page]
    of_firmware = op.page_type == SwapPageType.METADATA
    of_guest = replace(
        destination,
        gfn=entry.gfn,
        vmsa=op.page_type == SwapPageType.VMSA,
        masks=entry.masks,
        validated=entry.page_validated,
    )
    reached = ite(of_firmware, replace(destination, gfn=metadata_gfn(op.context.page)), of_guest)
    sealed = Sealed(op.sealed_oek, op.sealed_iv)
    firmware = with_unsealed_entries(system.firmware, sealed, page, unseals=of_firmware)
    system = replace(system, rmp=system.rmp.set(page, reached), firmware=firmware)
    system = with_entry(system, op.entry, op.context, replace(entry, valid=False))
    return Outcome(Status.SUCCESS, "swapped-in", system, Evidence.FIRMWARE)
