"""Any step of the machine as a step of the world, and any of the world as one of a scene with memory.

The ghost state follows what firmware does to the guest's pages; memory follows what each step does to contents, cached
translations and registers.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from spec.guest.following import FOLLOWING
from spec.guest.world import World
from spec.memory import following as memory
from spec.memory.state import Scene
from spec.record import replace
from spec.registry import Outcome, operands_of, parameters_of, transition_info


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


def in_scene(transition: Callable[[Any, Any], Outcome]) -> Callable[[Scene, Any], Outcome]:
    """A step of the machine or of the careful guest, in a scene: memory follows where the step succeeds."""
    name = transition_info(transition).name
    in_world = transition if "world" in parameters_of(transition) else lifted(transition)
    asked: Any = memory.ASKED.get(name)
    follow: Any = memory.FOLLOWING.get(name)
    refuse: Any = memory.REFUSING.get(name)

    @wraps(transition)
    def step(scene: Scene, op: Any) -> Outcome:
        outcome = in_world(scene.world, op) if asked is None else asked_differently(scene, op)
        changed = outcome.system is not scene.world
        succeeded = outcome.check in memory.SUCCEEDS[name] if name in memory.SUCCEEDS else changed
        if succeeded and refuse is not None:
            answer = refuse(scene, op, outcome)
            if answer is not outcome:
                return answer  # type: ignore[no-any-return]  # an outcome of the scene
        after = replace(scene, world=outcome.system) if changed else scene
        return outcome._replace(system=follow(scene, op, after) if succeeded and follow is not None else after)

    def asked_differently(scene: Scene, op: Any) -> Outcome:
        """The step of a machine in which a rule that is switched off has nothing to object; its own answer aside."""
        machine = asked(scene, op)
        outcome = in_world(replace(scene.world, system=machine), op)
        if outcome.system.system is machine:
            return outcome._replace(system=scene.world)
        own = scene.world.system
        system = replace(outcome.system.system, rmp=own.rmp, firmware=own.firmware)
        return outcome._replace(system=replace(outcome.system, system=system))

    step.__annotations__ = {"scene": Scene, "op": operands_of(transition), "return": Outcome}
    return step
