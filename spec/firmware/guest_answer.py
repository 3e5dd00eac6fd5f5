"""The answer to a guest's message. What is wrong with a payload only the guest is told: the command itself succeeds."""

from typing import Annotated, NamedTuple

from spec.firmware.command import PageAddress, context_of, is_context_page, is_page_aligned, with_context
from spec.firmware.guest_message import GuestMessage
from spec.firmware.message_counts import COUNT_MASK, counted
from spec.firmware.state import GuestContext
from spec.logic import any_of, none_of
from spec.record import record, replace
from spec.registry import Outcome
from spec.system.state import System
from spec.vocabulary import Bits, Evidence, Status


@record
class GuestResponse:
    """What only the guest can read. Reports and derived keys are not in it."""

    status: Annotated[int, Bits(32)]
    sequence: Annotated[int, Bits(64)]
    exported: GuestContext | None = None
    """The context that MSG_EXPORT_RSP carries."""


class InBand(NamedTuple):
    """A refusal for the guest: its status, and the check that decided."""

    status: Status
    check: str


def answered(
    system: System, op: GuestMessage, status: Status, check: str, exported: GuestContext | None = None
) -> Outcome:
    """The end of the command, on the state that the payload's handler left."""
    # 1. The answer fits into its page. What the handler did stays done, and the request can be made again.
    if none_of(op.response_fits):
        return Outcome(Status.INVALID_PARAM, "response-fits", system, Evidence.FIRMWARE)

    # 2. The answer is sealed under the request's key, with the next number.
    context = context_of(system, op.context)
    counts = counted(context.message_counts, op.vmpck)
    after = with_context(system, op.context, replace(context, message_counts=counts))
    response = GuestResponse(status, (op.sequence + 1) & COUNT_MASK, exported)
    return Outcome(Status.SUCCESS, check, after, Evidence.FIRMWARE, response)


def has_reserved(target: PageAddress, reserved: bool) -> bool:
    """Some reserved bit of the payload is set; the low bits of its address are among them."""
    return any_of(reserved, none_of(is_page_aligned(target)))


def refused_target(system: System, target: PageAddress) -> InBand | None:
    """What the guest is told of the context page that its payload names, or None if that is one."""
    if target.in_rmp:
        return InBand(Status.INVALID_PARAM, "target-rmp-page")
    if target.forbidden:
        return InBand(Status.INVALID_ADDRESS, "target-address")
    if none_of(is_context_page(system, target)):
        return InBand(Status.INVALID_GUEST, "target-context")
    return None
