"""SNP_GUEST_REQUEST with MSG_IMPORT_REQ or MSG_ABSORB_REQ: a migration agent puts a guest into a context.

Nothing on the chip keeps an agent from putting in the same guest twice, or one that it made up: this is what a guest
trusts its agent for.
"""

from spec.firmware.command import PageAddress, context_of, with_context
from spec.firmware.guest_answer import InBand, answered, has_reserved, refused_target
from spec.firmware.guest_message import GuestMessage, refused_message
from spec.firmware.incoming_guest import arriving
from spec.firmware.keys import after_drawing, drawn_key
from spec.firmware.state import GuestContext
from spec.logic import first_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, GuestState, Status


@record
class IncomingMessage:
    """The payload of either message."""

    message: GuestMessage
    target: PageAddress
    """GCTX_PADDR of the guest that arrives."""
    incoming: GuestContext
    """What the agent says of the guest."""
    format_valid: bool
    """Size and version of the incoming context are this firmware's."""
    reserved: bool


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "MSG_IMPORT_REQ"')
def guest_request_import(system: System, op: IncomingMessage) -> Outcome:
    """A guest arrives in an empty context: INIT becomes RUNNING. Its memory follows by SNP_PAGE_SWAP_IN."""
    # 1. The message can be opened, and is the next one.
    if (refused := refused_message(system, op.message)) is not None:
        return refused

    # 2. The context, and what comes.
    failure = import_refused(system, op)
    if failure is not None:
        return answered(system, op.message, failure.status, failure.check)

    # 3. The guest is here, under a new REPORT_ID, and bound to the agent.
    guest = arriving(system, op.message, context_of(system, op.target), op.incoming)
    guest = replace(guest, imi_enabled=False, report_id=drawn_key(system.firmware, 0))
    after = with_context(system, op.target, guest)
    after = replace(after, firmware=after_drawing(after.firmware, 1))
    return answered(after, op.message, Status.SUCCESS, "imported")


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "MSG_ABSORB_REQ"')
def guest_request_absorb(system: System, op: IncomingMessage) -> Outcome:
    """A guest arrives in a context into which its initial image was launched: LAUNCH becomes RUNNING."""
    # 1. The message can be opened, and is the next one.
    if (refused := refused_message(system, op.message)) is not None:
        return refused

    # 2. The context, and what comes.
    failure = absorb_refused(system, op)
    if failure is not None:
        return answered(system, op.message, failure.status, failure.check)

    # 3. The guest is here. An ASID that the context has stays pending until SNP_ACTIVATE_EX.
    guest = arriving(system, op.message, context_of(system, op.target), op.incoming)
    return answered(with_context(system, op.target, guest), op.message, Status.SUCCESS, "absorbed")


def import_refused(system: System, op: IncomingMessage) -> InBand | None:
    """The context must be new, and the guest's root metadata entry must come with it."""
    if cause := first_of(
        ("payload-reserved", has_reserved(op.target, op.reserved)),
        ("format", none_of(op.format_valid)),
    ):
        return InBand(Status.INVALID_PARAM, cause)
    failure = refused_target(system, op.target)
    if failure is not None:
        return failure
    if context_of(system, op.target).state != GuestState.INIT:
        return InBand(Status.INVALID_GUEST_STATE, "target-state")
    if none_of(op.incoming.root_metadata.valid):
        return InBand(Status.INVALID_MDATA_ENTRY, "root-metadata")
    return None


def absorb_refused(system: System, op: IncomingMessage) -> InBand | None:
    """What was launched here must be the image with which the guest once began."""
    if has_reserved(op.target, op.reserved):
        return InBand(Status.INVALID_PARAM, "payload-reserved")
    failure = refused_target(system, op.target)
    if failure is not None:
        return failure
    target = context_of(system, op.target)
    if cause := first_of(("target-state", target.state != GuestState.LAUNCH), ("image", none_of(target.imi_enabled))):
        return InBand(Status.INVALID_GUEST_STATE, cause)
    if target.root_metadata.valid:
        return InBand(Status.INVALID_MDATA_ENTRY, "root-metadata")
    if op.incoming.imi_digest != target.launch_digest:
        return InBand(Status.BAD_MEASUREMENT, "image-digest")
    if none_of(op.format_valid):
        return InBand(Status.INVALID_PARAM, "format")
    return None
