"""SNP_LAUNCH_UPDATE: firmware measures, encrypts and validates a page of a guest that is being launched."""

from typing import Annotated

from spec.firmware.command import (
    PageAddress,
    context_of,
    has_entry,
    is_bound,
    is_page_aligned,
    refused_before_context,
    with_context,
)
from spec.firmware.launch_digest import Chunk, MeasuredPage, PageType, measured
from spec.firmware.launched_page import LaunchedContent, content_after, launched_entry
from spec.firmware.state import Digest
from spec.logic import all_of, any_of, none_of
from spec.maps import Map
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import offset_of
from spec.rmp.entry import RmpEntry
from spec.rmp.page_state import is_pre_guest
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, GuestState, LaunchPageType, PageSize, PermissionMask, Status

SMALL_TYPES = (LaunchPageType.VMSA, LaunchPageType.SECRETS, LaunchPageType.CPUID)
"""Types of 4 KiB pages only."""


@record
class LaunchUpdate:
    """The command buffer, and what firmware finds in the page."""

    context: PageAddress
    page: PageAddress
    page_size: Annotated[int, Bits(1)]
    page_type: PageType
    imi_page: bool
    vmpl1_perms: PermissionMask
    vmpl2_perms: PermissionMask
    vmpl3_perms: PermissionMask
    reserved: bool
    contents: Map[Chunk, Digest]
    """SHA-384 of each 4 KiB; of a VMSA with [2F0h, 300h), the TSC scale and offset, taken as 0."""
    cpuid_malformed: bool
    """A CPUID page has more than 64 functions, or a reserved field set."""
    cpuid_unsafe: bool
    """A CPUID page promises what this processor does not hold."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_LAUNCH_UPDATE"')
def launch_update(system: System, op: LaunchUpdate) -> Outcome:
    """The guest address is the one that the host gave to RMPUPDATE. Nothing checks that no other page has it."""
    # 1. Reserved bits, platform state, GCTX_PADDR.
    reserved = any_of(op.reserved, none_of(is_page_aligned(op.page)))
    if (refused := refused_before_context(system, op.context, reserved=reserved)) is not None:
        return refused

    # 2. The page is one that firmware may touch, of the size and type that the command says.
    if (refused := refused_page(system, op)) is not None:
        return refused

    # 3. The guest is in launch and has its key; the page is assigned to it.
    context, entry = context_of(system, op.context), system.rmp[op.page.page]
    if context.state != GuestState.LAUNCH:
        return Outcome(Status.INVALID_GUEST_STATE, "guest-state", system, Evidence.FIRMWARE)
    if none_of(is_bound(context)):
        return Outcome(Status.INACTIVE, "activated", system, Evidence.FIRMWARE)
    if entry.asid != context.asid:
        return Outcome(Status.INVALID_PAGE_OWNER, "owner-asid", system, Evidence.FIRMWARE)

    # 4. An initial migration image holds nothing but pages that are marked as such.
    if all_of(context.imi_enabled, none_of(op.imi_page)):
        return Outcome(Status.INVALID_PARAM, "imi-page", system, Evidence.FIRMWARE)

    # 5. A CPUID page says nothing that would mislead the guest; otherwise the host gets it back corrected.
    cpuid = op.page_type == LaunchPageType.CPUID
    if all_of(cpuid, op.cpuid_malformed):
        return Outcome(Status.INVALID_PARAM, "cpuid-format", system, Evidence.FIRMWARE)
    if all_of(cpuid, op.cpuid_unsafe):
        return Outcome(Status.INVALID_PARAM, "cpuid-policy", system, Evidence.FIRMWARE, LaunchedContent.CORRECTED)

    # 6. Measured, encrypted, validated.
    return launched(system, op, entry)


def refused_page(system: System, op: LaunchUpdate) -> Outcome | None:
    """The checks of the page, without its owner."""
    if op.page.forbidden:
        return Outcome(Status.INVALID_ADDRESS, "page-address", system, Evidence.FIRMWARE)
    if op.page.in_rmp:
        return Outcome(Status.INVALID_PARAM, "page-in-rmp", system, Evidence.FIRMWARE)
    entry = system.rmp[op.page.page]
    if none_of(all_of(has_entry(system, op.page), is_pre_guest(entry))):
        return Outcome(Status.INVALID_PAGE_STATE, "page-state", system, Evidence.FIRMWARE)
    if entry.page_size != op.page_size:
        return Outcome(Status.INVALID_PAGE_SIZE, "page-size", system, Evidence.FIRMWARE)
    large = op.page_size == PageSize.SIZE_2M
    if all_of(large, offset_of(op.page.page) != 0):
        return Outcome(Status.INVALID_ADDRESS, "alignment", system, Evidence.FIRMWARE)
    if any_of(op.page_type == 0, op.page_type > LaunchPageType.CPUID):
        return Outcome(Status.INVALID_PARAM, "page-type", system, Evidence.FIRMWARE)
    if all_of(large, any_of(*(op.page_type == small for small in SMALL_TYPES))):
        return Outcome(Status.INVALID_PAGE_SIZE, "page-type-size", system, Evidence.FIRMWARE)
    return None


def launched(system: System, op: LaunchUpdate, entry: RmpEntry) -> Outcome:
    """The effect: one write to the RMP, and both digests longer by each 4 KiB."""
    page = MeasuredPage(op.page_type, op.imi_page, op.vmpl1_perms, op.vmpl2_perms, op.vmpl3_perms, entry.gfn)
    system = replace(system, rmp=system.rmp.set(op.page.page, launched_entry(entry, page)))
    context = measured(context_of(system, op.context), op.contents, page, op.page_size)
    system = with_context(system, op.context, context)
    return Outcome(Status.SUCCESS, "launched", system, Evidence.FIRMWARE, content_after(op.page_type))
