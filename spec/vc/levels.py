"""How claims about a call of the handler are made: of every level, also of one that a nested call has interrupted."""

from spec.logic import all_of
from spec.record import replace
from spec.vc.state import Call, Level, Stage, VcExchange


def at(exchange: VcExchange, level: Level) -> VcExchange:
    """The exchange as the call of a level sees it."""
    return replace(exchange, depth=level)


def is_live(exchange: VcExchange, level: Level) -> bool:
    """A call of this level is under way, or is interrupted by the one above."""
    return all_of(level >= 1, level <= exchange.depth)


def is_between(call: Call, first: Stage, last: Stage) -> bool:
    """A call is at one of these stages."""
    return all_of(call.stage >= first, call.stage <= last)


def is_carried_out(exchange: VcExchange, level: Level) -> bool:
    """A call has checked its instruction, and has not done it yet."""
    return all_of(is_live(exchange, level), is_between(exchange.calls[level], Stage.CHECKED, Stage.BELIEVED))


def is_admitted(exchange: VcExchange, level: Level) -> bool:
    """A call has compared its instruction with the exit code, and has not done it yet."""
    return all_of(is_live(exchange, level), is_between(exchange.calls[level], Stage.ADMITTED, Stage.BELIEVED))


def is_asking(exchange: VcExchange, level: Level) -> bool:
    """A call has made up its request, and has not judged the reply yet."""
    return all_of(is_live(exchange, level), is_between(exchange.calls[level], Stage.ASKING, Stage.READ))
