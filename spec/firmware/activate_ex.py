"""SNP_ACTIVATE_EX: as SNP_ACTIVATE, on listed cores; once activated, a guest can be given further ones."""

from typing import Annotated

from spec.firmware.activate import ASID_MASK, activated, asid_refused, has_pages
from spec.firmware.asids import EVERY_CCX, CcxMask, is_dirty, is_taken
from spec.firmware.command import (
    PageAddress,
    context_of,
    is_bound,
    is_launched,
    refused_before_context,
)
from spec.firmware.policy import allows
from spec.firmware.state import MAX_CCX, GuestContext
from spec.logic import all_of, any_in_range, any_of, first_of, none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, GuestPolicy, Status


@record
class ActivateEx:
    """The command buffer; what the list of APIC identifiers says; facts of the machine."""

    context: PageAddress
    asid: Annotated[int, Bits(32)]
    length_valid: bool
    reserved: bool
    list_forbidden: bool
    """The list's address is one that firmware may not read."""
    list_valid: bool
    """The list is neither empty nor too long, and names cores that exist."""
    ccxs: CcxMask
    """The core complexes of the listed cores."""
    supported: bool
    """Firmware could make its table of APIC identifiers."""
    several_sockets: bool
    """The listed cores, those that the guest has, and those of its migration agent are on more than one socket."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_ACTIVATE_EX"')
def activate_ex(system: System, op: ActivateEx) -> Outcome:
    """Pending until SNP_LAUNCH_FINISH, unless the guest is in RUNNING."""
    # 1. The command buffer, platform state, address, and the page is a guest context.
    if none_of(op.length_valid):
        return Outcome(Status.INVALID_PARAM, "length", system, Evidence.FIRMWARE)
    if (refused := refused_before_context(system, op.context, reserved=op.reserved)) is not None:
        return refused

    # 2. The guest is in LAUNCH or RUNNING.
    context = context_of(system, op.context)
    if none_of(is_launched(context)):
        return Outcome(Status.INVALID_GUEST_STATE, "guest-state", system, Evidence.FIRMWARE)

    # 3. The first time, no page is assigned to the ASID any more.
    if all_of(none_of(is_bound(context)), has_pages(system, op.asid)):
        return Outcome(Status.INVALID_CONFIG, "assigned-pages", system, Evidence.FIRMWARE)

    # 4. The ASID exists; the list can be used.
    if (refused := asid_refused(system, op.asid)) is not None:
        return refused
    if (refused := list_refused(system, op)) is not None:
        return refused

    # 5. A guest kept to one socket stays there, with its migration agent, which must be active.
    if cause := single_socket_cause(system, op, context):
        return Outcome(Status.POLICY_FAILURE, cause, system, Evidence.FIRMWARE)

    # 6. The ASID is the guest's, or nobody's and clean.
    asid = op.asid & ASID_MASK
    first = none_of(is_bound(context))
    if all_of(none_of(first), context.asid != asid):
        return Outcome(Status.ACTIVE, "active", system, Evidence.FIRMWARE)
    if all_of(first, is_dirty(system.firmware, asid, EVERY_CCX)):
        return Outcome(Status.DF_FLUSH_REQUIRED, "asid-dirty", system, Evidence.FIRMWARE)
    if all_of(first, is_taken(system.firmware, asid)):
        return Outcome(Status.ASID_OWNED, "asid-taken", system, Evidence.FIRMWARE)

    # 7. SNP guests have the lower ASIDs.
    if asid >= system.platform.min_sev_asid:
        return Outcome(Status.INVALID_ASID, "snp-asid", system, Evidence.FIRMWARE)

    # 8. Nor is the ASID dirty on a core complex that is added later.
    if is_dirty(system.firmware, asid, op.ccxs):
        return Outcome(Status.DF_FLUSH_REQUIRED, "ccx-dirty", system, Evidence.FIRMWARE)

    # 9. The guest has the ASID there.
    active = activated(system, op.context.page, context, asid, op.ccxs)
    return Outcome(Status.SUCCESS, "activated", active, Evidence.FIRMWARE)


def list_refused(system: System, op: ActivateEx) -> Outcome | None:
    """The list of cores."""
    if none_of(op.supported):
        return Outcome(Status.UNSUPPORTED, "supported", system, Evidence.FIRMWARE)
    if op.list_forbidden:
        return Outcome(Status.INVALID_ADDRESS, "list-address", system, Evidence.FIRMWARE)
    if any_of(none_of(op.list_valid), none_of(names_a_core(system, op))):
        return Outcome(Status.INVALID_PARAM, "list", system, Evidence.FIRMWARE)
    return None


def names_a_core(system: System, op: ActivateEx) -> bool:
    """A valid list has a core, and so a core complex that is present."""
    return any_in_range(0, MAX_CCX, lambda ccx: all_of((op.ccxs >> ccx) & 1 == 1, ccx < system.firmware.ccx_count))


def single_socket_cause(system: System, op: ActivateEx, context: GuestContext) -> str | None:
    """Why POLICY.SINGLE_SOCKET forbids these cores."""
    kept = allows(context.policy, GuestPolicy.SINGLE_SOCKET)
    agent = system.firmware.contexts[context.ma_context]
    return first_of(
        ("agent-active", all_of(kept, context.ma_bound, none_of(agent.activated))),
        ("single-socket", all_of(kept, op.several_sockets)),
    )
