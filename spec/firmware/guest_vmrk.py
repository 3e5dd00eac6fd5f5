"""SNP_GUEST_REQUEST with MSG_VMRK_REQ: a migration agent gives its guest, still in launch, a VM root key."""

from spec.firmware.command import PageAddress, context_of, with_context
from spec.firmware.guest_answer import InBand, answered, has_reserved, refused_target
from spec.firmware.guest_export import is_agent_of
from spec.firmware.guest_message import GuestMessage, refused_message
from spec.firmware.state import KeyId
from spec.logic import first_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, GuestState, Status


@record
class VmrkMessage:
    """The payload."""

    message: GuestMessage
    target: PageAddress
    """GCTX_PADDR of the guest."""
    vmrk: KeyId
    reserved: bool


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "MSG_VMRK_REQ"')
def guest_request_vmrk(system: System, op: VmrkMessage) -> Outcome:
    """The key replaces the one that SNP_LAUNCH_START drew."""
    # 1. The message can be opened, and is the next one.
    if (refused := refused_message(system, op.message)) is not None:
        return refused

    # 2. The guest, and who sends the key.
    failure = vmrk_refused(system, op)
    if failure is not None:
        return answered(system, op.message, failure.status, failure.check)

    # 3. The key is the guest's.
    guest = replace(context_of(system, op.target), vmrk=op.vmrk)
    return answered(with_context(system, op.target, guest), op.message, Status.SUCCESS, "vmrk-installed")


def vmrk_refused(system: System, op: VmrkMessage) -> InBand | None:
    """Only the agent's most privileged level can send a key, and only before the guest runs."""
    if op.message.vmpck != 0:
        return InBand(Status.INVALID_PARAM, "agent-vmpck")
    if has_reserved(op.target, op.reserved):
        return InBand(Status.INVALID_PARAM, "payload-reserved")
    failure = refused_target(system, op.target)
    if failure is not None:
        return failure
    target = context_of(system, op.target)
    if cause := first_of(("target-state", target.state != GuestState.LAUNCH), ("incoming", target.imi_enabled)):
        return InBand(Status.INVALID_GUEST_STATE, cause)
    if none_of(is_agent_of(system, op.message, target)):
        return InBand(Status.INVALID_GUEST, "agent")
    return None
