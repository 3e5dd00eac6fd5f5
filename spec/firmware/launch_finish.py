"""SNP_LAUNCH_FINISH: the launch digest is final, the owner's ID block is checked, and the guest can be run."""

from typing import Annotated

from spec.firmware.asids import started
from spec.firmware.command import PageAddress, context_of, is_bound, refused_before_context, with_context
from spec.firmware.id_block import IdBlock, id_block_refused
from spec.firmware.state import GuestContext
from spec.logic import first_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, GuestState, Status


@record
class LaunchFinish:
    """The command buffer, and what its addresses hold."""

    context: PageAddress
    id_block_enabled: bool
    author_key_enabled: bool
    vcek_disabled: bool
    host_data: Annotated[int, Bits(256)]
    reserved: bool
    id_block: IdBlock


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_LAUNCH_FINISH"')
def launch_finish(system: System, op: LaunchFinish) -> Outcome:
    """Guest state LAUNCH becomes RUNNING."""
    # 1. Reserved bits, platform state, address, and the page is a guest context.
    if (refused := refused_before_context(system, op.context, reserved=op.reserved)) is not None:
        return refused

    # 2. The guest is in LAUNCH, and not waiting for a migrated guest.
    context = context_of(system, op.context)
    if cause := first_of(("guest-state", context.state != GuestState.LAUNCH), ("incoming", context.imi_enabled)):
        return Outcome(Status.INVALID_GUEST_STATE, cause, system, Evidence.FIRMWARE)

    # 3. It has an ASID.
    if none_of(is_bound(context)):
        return Outcome(Status.INACTIVE, "inactive", system, Evidence.FIRMWARE)

    # 4. The ID block, if there is one.
    if op.id_block_enabled:
        if (refused := id_block_refused(system, op.id_block, context, op.author_key_enabled)) is not None:
            return refused
        return Outcome(Status.SUCCESS, "finished-with-id", finished(system, op, context), Evidence.FIRMWARE)
    return Outcome(Status.SUCCESS, "finished", finished(system, op, context), Evidence.FIRMWARE)


def finished(system: System, op: LaunchFinish, context: GuestContext) -> System:
    """The guest in RUNNING. AUTHOR_KEY_EN is stored even without an ID block."""
    running = replace(
        context,
        state=GuestState.RUNNING,
        activated=True,
        id_block_enabled=op.id_block_enabled,
        author_key_enabled=op.author_key_enabled,
        vcek_disabled=op.vcek_disabled,
        guest_svn=ite(op.id_block_enabled, op.id_block.guest_svn, 0),
        host_data=op.host_data,
    )
    started_system = replace(system, firmware=started(system.firmware, context.asid))
    return with_context(started_system, op.context, running)
