"""SNP_GUEST_REQUEST with MSG_ABSORB_NOMA_REQ: a running guest without an agent becomes another, by its own wish."""

from spec.firmware.command import context_of, with_context
from spec.firmware.guest_answer import InBand, answered
from spec.firmware.guest_message import GuestMessage, refused_message
from spec.firmware.incoming_guest import with_guest
from spec.firmware.state import GuestContext
from spec.logic import first_of, none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Status


@record
class AbsorbNomaMessage:
    """The payload."""

    message: GuestMessage
    incoming: GuestContext
    """What the guest says that it is to become."""
    format_valid: bool
    """Size and version of the incoming context are this firmware's."""
    reserved: bool


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "MSG_ABSORB_NOMA_REQ"')
def guest_request_absorb_noma(system: System, op: AbsorbNomaMessage) -> Outcome:
    """Guest state, identity and REPORT_ID stay. The answer counts under the incoming counts."""
    # 1. The message can be opened, and is the next one.
    if (refused := refused_message(system, op.message)) is not None:
        return refused

    # 2. The sender, and what comes.
    context = context_of(system, op.message.context)
    failure = absorb_noma_refused(op, context)
    if failure is not None:
        return answered(system, op.message, failure.status, failure.check)

    # 3. The guest goes on as the incoming one.
    after = with_context(system, op.message.context, with_guest(context, op.incoming))
    return answered(after, op.message, Status.SUCCESS, "absorbed")


def absorb_noma_refused(op: AbsorbNomaMessage, context: GuestContext) -> InBand | None:
    """The sender has no agent, and is nothing but the image with which the incoming guest once began."""
    if op.reserved:
        return InBand(Status.INVALID_PARAM, "payload-reserved")
    if context.ma_bound:
        return InBand(Status.INVALID_GUEST, "agent")
    if cause := first_of(
        ("image-digest", op.incoming.imi_digest != context.launch_digest),
        ("only-image", op.incoming.imi_digest != context.imi_digest),
    ):
        return InBand(Status.BAD_MEASUREMENT, cause)
    if none_of(op.format_valid):
        return InBand(Status.INVALID_PARAM, "format")
    return None
