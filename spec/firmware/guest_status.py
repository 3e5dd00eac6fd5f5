"""SNP_GUEST_STATUS: what the host may know of a guest."""

from typing import Annotated

from spec.firmware.answer_page import answer_refused
from spec.firmware.command import PageAddress, context_of, refused_before_context
from spec.record import record
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Asid, Bits, Evidence, Status


@record
class GuestStatus:
    """The command buffer."""

    context: PageAddress
    answer: PageAddress
    """STATUS_PADDR; it needs no alignment."""
    crosses_page: bool
    """The answer would run over the end of its page."""


@record
class GuestStatusAnswer:
    """The answer."""

    policy: Annotated[int, Bits(64)]
    asid: Asid
    state: Annotated[int, Bits(2)]
    vcek_disabled: bool


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_GUEST_STATUS"')
def guest_status(system: System, op: GuestStatus) -> Outcome:
    """Changes nothing."""
    # 1. The answer fits into its page.
    if op.crosses_page:
        return Outcome(Status.INVALID_PARAM, "crosses-page", system, Evidence.FIRMWARE)

    # 2. Reserved bits, platform state, address, and the page is a guest context.
    if (refused := refused_before_context(system, op.context, reserved=False)) is not None:
        return refused

    # 3. The answer's page.
    if (refused := answer_refused(system, op.answer, looked_up=True)) is not None:
        return refused

    # 4. The answer.
    context = context_of(system, op.context)
    answer = GuestStatusAnswer(context.policy, context.asid, context.state, context.vcek_disabled)
    return Outcome(Status.SUCCESS, "answered", system, Evidence.FIRMWARE, answer)
