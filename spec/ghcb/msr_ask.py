"""The guest's side of a call over the GHCB MSR: WRMSR, VMGEXIT, and the address of the page put back.

GHCB (56421), "GHCB MSR Protocol". Interrupts stay off from the request to the end, and the value of another request is
never left behind: code at CPL 3 may execute VMGEXIT with whatever the MSR holds.
"""

from spec.ghcb.msr_codes import is_offered, is_well_formed
from spec.ghcb.msr_state import Moment, MsrExchange, MsrStage, data_of, info_of, message, page_address
from spec.ghcb.vocabulary.msr import (
    TERMINATE_REASON_SHIFT,
    TERMINATE_SET_SHIFT,
    MsrCode,
    MsrValue,
)
from spec.ghcb.vocabulary.termination import ReasonCode, ReasonSet
from spec.logic import all_of, first_of, implies, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Evidence, GuestAction

SOURCE = 'GHCB (56421), "GHCB MSR Protocol"'


@record
class MsrQuestion:
    """What the guest wants to ask."""

    value: MsrValue


def written(exchange: MsrExchange, value: MsrValue) -> MsrExchange:
    """WRMSR by the guest."""
    return replace(exchange, msr=value, written=value)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def msr_asks(exchange: MsrExchange, op: MsrQuestion) -> Outcome:
    """Write a request."""
    # 1. No call is under way, and the guest has not terminated.
    guest, info = exchange.guest, info_of(op.value)
    if cause := first_of(("stopped", guest.stopped), ("call-under-way", exchange.stage != MsrStage.IDLE)):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. The request is one of the protocol, with 0 where it has to be.
    if none_of(is_well_formed(op.value)):
        return Outcome(GuestAction.REFRAINS, "well-formed", exchange, Evidence.AGREED)

    # 3. It belongs to what both sides have agreed on.
    if none_of(is_offered(info, guest.version, guest.features, guest.snp)):
        return Outcome(GuestAction.REFRAINS, "offered", exchange, Evidence.AGREED)

    # 4. The only page that is registered is the guest's own, and it is given up only if it was registered.
    own = all_of(guest.has_page, data_of(op.value) == guest.frame)
    unregisters = info == MsrCode.UNREGISTER_GPA_REQUEST
    if none_of(
        all_of(
            implies(info == MsrCode.REGISTER_GPA_REQUEST, own),
            implies(unregisters, all_of(own, guest.registered, exchange.platform.knobs.ghcb_unregister)),
        )
    ):
        return Outcome(GuestAction.REFRAINS, "own-page", exchange, Evidence.AGREED)

    asked = replace(written(exchange, op.value), stage=MsrStage.ASKED, request=op.value)
    return Outcome(GuestAction.CONTINUES, "asked", asked, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB MSR Protocol"; APM Vol. 3, "VMGEXIT"')
def msr_exits(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """VMGEXIT: the hypervisor gets the value, and puts its answer where it was."""
    # 1. A request is written.
    if cause := first_of(("stopped", exchange.guest.stopped), ("not-asked", exchange.stage != MsrStage.ASKED)):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.MANUAL)
    return Outcome(GuestAction.CONTINUES, "left", replace(exchange, stage=MsrStage.LEFT), Evidence.MANUAL)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def msr_restores(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Put the address of the page back, before interrupts are on again."""
    # 1. An answer was accepted.
    guest = exchange.guest
    if cause := first_of(("stopped", guest.stopped), ("not-answered", exchange.stage != MsrStage.ANSWERED)):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. Whether a guest does so after each call, or leaves it to the next use of the page, is a knob.
    idle = replace(exchange, stage=MsrStage.IDLE)
    back = all_of(guest.has_page, exchange.platform.knobs.ghcb_msr_restored)
    value = ite(back, page_address(guest), exchange.msr)
    last = ite(back, page_address(guest), exchange.written)
    return Outcome(GuestAction.CONTINUES, "restored", replace(idle, msr=value, written=last), Evidence.AGREED)


@record
class Termination:
    """Why the guest gives up."""

    reason_set: ReasonSet
    reason: ReasonCode


def termination(op: Termination) -> MsrValue:
    """The value that asks to be terminated."""
    return message(MsrCode.TERMINATE, 0) | op.reason_set << TERMINATE_SET_SHIFT | op.reason << TERMINATE_REASON_SHIFT


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "Termination Request"')
def msr_terminates(exchange: MsrExchange, op: Termination) -> Outcome:
    """Ask to be terminated. If the hypervisor resumes the guest all the same, it asks again: nothing else follows."""
    stopped = replace(exchange.guest, stopped=True)
    asked = replace(written(exchange, termination(op)), stage=MsrStage.LEFT, request=termination(op), guest=stopped)
    return Outcome(GuestAction.TERMINATES, "asks-to-be-terminated", asked, Evidence.AGREED)


TRANSITIONS = (msr_asks, msr_exits, msr_restores, msr_terminates)
