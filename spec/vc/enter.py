"""The first steps of the #VC handler: the exit code, before any memory is looked at; then one fetch.

APM Vol. 2, 15.35.5; GHCB (56421), "#VC Handler". The exit code is the hypervisor's word, and is only compared.
"""

from spec.ghcb.msr_state import Moment
from spec.ghcb.vocabulary.exits import SvmExit
from spec.logic import all_of, any_of, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vc.calls import ended, not_at, terminated, with_call
from spec.vc.exits import is_automatic, is_exception, is_handled
from spec.vc.state import Stage, VcExchange, call_of, context_of
from spec.vocabulary import Actor, Event, Evidence, GuestAction

SOURCE = 'APM Vol. 2, 15.35.5; GHCB (56421), "#VC Handler"'


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def vc_enters(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Leave the stack that #VC came in on, and look at the exit code."""
    # 1. A frame was pushed.
    if cause := not_at(exchange, Stage.RAISED):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. A page that should be valid is not: the hypervisor has taken memory away (rule S22).
    call, knobs = call_of(exchange), exchange.platform.knobs
    unvalidated = call.exit_code == SvmExit.PAGE_NOT_VALIDATED
    if all_of(unvalidated, exchange.rules.stops_on_unvalidated):
        return terminated(exchange, "not-validated")

    # 3. Intercepted exceptions: #DB has a handler of its own, #AC is the interrupted code's, others are not handled.
    if call.exit_code == SvmExit.DB_EXCEPTION:
        return Outcome(GuestAction.CONTINUES, "debug-exception", ended(exchange), Evidence.AGREED)
    if call.exit_code == SvmExit.AC_EXCEPTION:
        return Outcome(Event.AC, "alignment-check", ended(exchange), Evidence.AGREED)
    if is_exception(call.exit_code):
        return terminated(exchange, "exception-intercept")

    # 4. Automatic exits raise no #VC, and other codes have no event.
    if is_automatic(call.exit_code):
        return terminated(exchange, "automatic-exit")
    if none_of(any_of(is_handled(call.exit_code, knobs), unvalidated)):
        return terminated(exchange, "no-event")
    entered = with_call(exchange, replace(call, stage=Stage.ENTERED))
    return Outcome(GuestAction.CONTINUES, "entered", entered, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def vc_fetches(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Copy the bytes at RIP, no more than fifteen, into private memory, once."""
    # 1. The exit code is one that is handled.
    if cause := not_at(exchange, Stage.ENTERED):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. They may not be readable with the rights of the interrupted code.
    code = context_of(exchange).code
    if none_of(code.readable):
        return Outcome(Event.PF, "fetch-fault", ended(exchange), Evidence.AGREED)
    fetched = replace(call_of(exchange), stage=Stage.FETCHED, instruction=code)
    return Outcome(GuestAction.CONTINUES, "fetched", with_call(exchange, fetched), Evidence.AGREED)


TRANSITIONS = (vc_enters, vc_fetches)
