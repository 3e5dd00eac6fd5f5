"""SNP_GUEST_REQUEST with MSG_EXPORT_REQ: a guest leaves the chip, in a message to its migration agent."""

from spec.firmware.command import PageAddress, context_of
from spec.firmware.decommission import decommissioned
from spec.firmware.guest_answer import InBand, answered, has_reserved, refused_target
from spec.firmware.guest_message import GuestMessage, refused_message
from spec.firmware.state import EMPTY_METADATA, GuestContext
from spec.logic import all_of, first_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, GuestState, Status


@record
class ExportMessage:
    """MSG_EXPORT_REQ."""

    message: GuestMessage
    target: PageAddress
    """GCTX_PADDR of the guest that leaves."""
    imi_enabled: bool
    """Only the initial image moves: the guest stays here, too."""
    reserved: bool


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "MSG_EXPORT_REQ"')
def guest_request_export(system: System, op: ExportMessage) -> Outcome:
    """A guest leaves. Unless only its image moves, it is decommissioned: it lives on one chip at a time."""
    # 1. The message can be opened, and is the next one.
    if (refused := refused_message(system, op.message)) is not None:
        return refused

    # 2. The guest that leaves, and who asks for it.
    failure = export_refused(system, op)
    if failure is not None:
        return answered(system, op.message, failure.status, failure.check)

    # 3. The guest leaves; an image takes no swapped pages along.
    context = context_of(system, op.target)
    if op.imi_enabled:
        image = replace(context, root_metadata=EMPTY_METADATA)
        return answered(system, op.message, Status.SUCCESS, "image-exported", image)
    gone = decommissioned(system, op.target.page)
    return answered(gone, op.message, Status.SUCCESS, "exported", context)


def export_refused(system: System, op: ExportMessage) -> InBand | None:
    """Only the guest's agent can have it, or with no agent the guest itself, by its most privileged level."""
    if has_reserved(op.target, op.reserved):
        return InBand(Status.INVALID_PARAM, "payload-reserved")
    failure = refused_target(system, op.target)
    if failure is not None:
        return failure
    context = context_of(system, op.target)
    if context.state != GuestState.RUNNING:
        return InBand(Status.INVALID_GUEST_STATE, "target-state")
    by_itself = all_of(op.target.page == op.message.context.page, none_of(context.ma_bound))
    by_agent = is_agent_of(system, op.message, context)
    if cause := first_of(
        ("agent", none_of(by_itself, by_agent)),
        ("self-export-vmpck", all_of(by_itself, op.message.vmpck != 0)),
    ):
        return InBand(Status.INVALID_GUEST, cause)
    return None


def is_agent_of(system: System, message: GuestMessage, context: GuestContext) -> bool:
    """Whether the sender is the agent that the guest was bound to: the same page, and the same guest in it."""
    same_guest = context_of(system, message.context).report_id == context.report_id_ma
    return all_of(context.ma_bound, context.ma_context == message.context.page, same_guest)
