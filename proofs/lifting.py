"""Any step of the machine as a step of the world, or of an exchange of messages: the ghost state follows it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from spec.attestation.exchange import Exchange, answering
from spec.guest.following import FOLLOWING
from spec.guest.world import World
from spec.record import replace
from spec.registry import Outcome, operands_of, transition_info


def lifted(transition: Callable[[Any, Any], Outcome]) -> Callable[[World, Any], Outcome]:
    """The same step in a world; whoever takes it, the guest's own memory does not change."""
    follow: Any = FOLLOWING.get(transition_info(transition).name)

    @wraps(transition)
    def step(world: World, op: Any) -> Outcome:
        outcome = transition(world.system, op)
        if outcome.system is world.system:
            return outcome._replace(system=world)
        after = replace(world, system=outcome.system)
        return outcome._replace(system=after if follow is None else follow(world, op, after))

    step.__annotations__ = {"world": World, "op": operands_of(transition), "return": Outcome}
    return step


def overheard(transition: Callable[[Any, Any], Outcome]) -> Callable[[Exchange, Any], Outcome]:
    """The same step in an exchange of messages; what firmware answers is remembered."""

    @wraps(transition)
    def step(exchange: Exchange, op: Any) -> Outcome:
        outcome = transition(exchange.system, op)
        if outcome.system is exchange.system:
            return outcome._replace(system=exchange)
        after = replace(exchange, system=outcome.system)
        answers = outcome.output is not None and hasattr(op, "message")
        return outcome._replace(system=answering(exchange, op.message, after) if answers else after)

    step.__annotations__ = {"exchange": Exchange, "op": operands_of(transition), "return": Outcome}
    return step
