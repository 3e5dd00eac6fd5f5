"""SNP_ACTIVATE: a guest is given an ASID on every core complex, and its memory key is installed for it."""

from typing import Annotated

from spec.firmware.asids import EVERY_CCX, CcxMask, allocated, is_dirty, is_taken
from spec.firmware.command import PageAddress, context_of, is_bound, is_launched, refused_before_context
from spec.firmware.policy import allows
from spec.firmware.state import GuestContext
from spec.logic import all_of, any_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Asid, Bits, Evidence, GuestPolicy, GuestState, Pfn, Status

ASID_MASK = 0x3FF


@record
class Activate:
    """The command buffer, and a fact of the machine."""

    context: PageAddress
    asid: Annotated[int, Bits(32)]
    several_sockets: bool
    """More than one socket is populated."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_ACTIVATE"')
def activate(system: System, op: Activate) -> Outcome:
    """Pending until SNP_LAUNCH_FINISH, unless the guest is in RUNNING."""
    # 1. Reserved bits, platform state, address, and the page is a guest context.
    if (refused := refused_before_context(system, op.context, reserved=False)) is not None:
        return refused

    # 2. The guest is in LAUNCH or RUNNING.
    context = context_of(system, op.context)
    if none_of(is_launched(context)):
        return Outcome(Status.INVALID_GUEST_STATE, "guest-state", system, Evidence.FIRMWARE)

    # 3. No page is assigned to the ASID any more.
    if has_pages(system, op.asid):
        return Outcome(Status.INVALID_CONFIG, "assigned-pages", system, Evidence.FIRMWARE)

    # 4. A guest kept to one socket cannot be given all of several.
    if all_of(allows(context.policy, GuestPolicy.SINGLE_SOCKET), op.several_sockets):
        return Outcome(Status.POLICY_FAILURE, "single-socket", system, Evidence.FIRMWARE)

    # 5. The ASID exists and is nobody's; the guest has none.
    if (refused := asid_refused(system, op.asid)) is not None:
        return refused
    asid = op.asid & ASID_MASK
    if is_taken(system.firmware, asid):
        return Outcome(Status.ASID_OWNED, "asid-taken", system, Evidence.FIRMWARE)
    if is_bound(context):
        return Outcome(Status.ACTIVE, "active", system, Evidence.FIRMWARE)

    # 6. No cache line of an earlier guest remains. An ASID that is neither taken nor dirty is clean.
    if is_dirty(system.firmware, asid, EVERY_CCX):
        return Outcome(Status.DF_FLUSH_REQUIRED, "asid-dirty", system, Evidence.FIRMWARE)

    # 7. SNP guests have the lower ASIDs.
    if asid >= system.platform.min_sev_asid:
        return Outcome(Status.INVALID_ASID, "snp-asid", system, Evidence.FIRMWARE)

    # 8. The ASID is the guest's.
    active = activated(system, op.context.page, context, asid, EVERY_CCX)
    return Outcome(Status.SUCCESS, "activated", active, Evidence.FIRMWARE)


def has_pages(system: System, asid: int) -> bool:
    """The RMP's counter says that pages are assigned to the ASID. There is none for an ASID that no entry can have."""
    return all_of(asid <= ASID_MASK, system.asid_pages[asid & ASID_MASK] != 0)


def asid_refused(system: System, asid: int) -> Outcome | None:
    """The ASID must be 1 to the highest."""
    if any_of(asid == 0, asid > system.platform.max_asid):
        return Outcome(Status.INVALID_ASID, "asid-range", system, Evidence.FIRMWARE)
    return None


def activated(system: System, page: Pfn, context: GuestContext, asid: Asid, ccxs: CcxMask) -> System:
    """The guest has the ASID on these core complexes, and its key serves it. A running guest can be run there."""
    running = context.state == GuestState.RUNNING
    firmware = allocated(system.firmware, asid, ccxs, running=running)
    bound = replace(context, asid=asid, activated=any_of(running, context.activated))
    return replace(
        system,
        firmware=replace(
            firmware,
            contexts=firmware.contexts.set(page, bound),
            asid_keys=firmware.asid_keys.set(asid, context.vek),
        ),
    )
