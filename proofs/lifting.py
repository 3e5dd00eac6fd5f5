"""Any step of the machine as a step of the world: the ghost state follows what firmware does to the guest's pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any

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
