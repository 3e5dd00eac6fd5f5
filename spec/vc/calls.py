"""How a call of the handler goes on and ends: what its steps have in common."""

from spec.logic import all_of, first_of, ite, none_of
from spec.record import replace
from spec.registry import Outcome
from spec.vc.state import Call, Stage, VcExchange, call_of
from spec.vocabulary import Evidence, GuestAction


def not_at(exchange: VcExchange, stage: Stage) -> str | None:
    """Why it is not the turn of a step that begins at a stage, or None."""
    return first_of(
        ("stopped", exchange.stopped),
        ("no-call", exchange.depth == 0),
        ("another-stage", call_of(exchange).stage != stage),
    )


def with_call(exchange: VcExchange, call: Call) -> VcExchange:
    """The call under way has come so far."""
    return replace(exchange, calls=exchange.calls.set(exchange.depth, call))


def terminated(exchange: VcExchange, check: str) -> Outcome:
    """The guest gives up: nothing else of this call happens."""
    return Outcome(GuestAction.TERMINATES, check, replace(exchange, stopped=True), Evidence.AGREED)


def ended(exchange: VcExchange) -> VcExchange:
    """The call is over. If it has taken the page from another call, it puts that call's contents back first."""
    call = call_of(exchange)
    restores = all_of(call.saved, none_of(call.stage == Stage.RESTORING))
    again = with_call(exchange, replace(call, stage=Stage.RESTORING, cursor=0))
    depth = ite(restores, exchange.depth, exchange.depth - 1)
    return replace(again, depth=depth)
