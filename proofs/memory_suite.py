"""The suite of encrypted memory: every step of the machine, of the careful guest and on memory, in a scene."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from proofs.induction import is_state_invariant
from proofs.kept import are_held
from proofs.lifting import in_scene
from proofs.memory_assumptions import ASSUMPTIONS
from proofs.suite import Suite
from proofs.suites import GUEST
from spec.everything import GUEST_TRANSITIONS, MEMORY_INVARIANTS, MEMORY_TRANSITIONS, TRANSITIONS
from spec.logic import implies
from spec.memory.integrity_invariants import INTEGRITY
from spec.memory.premises import OF_HARDWARE
from spec.memory.state import Scene
from spec.record import replace
from spec.registry import invariant_info


def of_scene(invariant: Callable[..., bool]) -> Callable[..., bool]:
    """An invariant of the world, as one of a scene."""

    @wraps(invariant)
    def holds(scene: Scene, **values: Any) -> bool:
        return invariant(scene.world, **values)

    kinds = {name: kind for name, kind in invariant.__annotations__.items() if name != "world"}
    holds.__annotations__ = {"scene": Scene, **kinds}
    return holds


def with_rules_of_integrity(scene: Scene) -> Scene:
    """Hardware and firmware keep the rules that T1 needs; whether they keep the others is open."""
    needed = {premise.field: True for premise in OF_HARDWARE if premise.name in INTEGRITY}
    return replace(scene, rules=replace(scene.rules, **needed))


def under_premises(invariant: Callable[..., bool]) -> Callable[..., bool]:
    """A claim about all scenes: those in which its premises hold."""
    premises = invariant_info(invariant).premises
    if not premises:
        return invariant

    @wraps(invariant)
    def holds(*scene: Scene, **named: Any) -> bool:
        first = scene[0] if scene else named["before"]
        return implies(are_held(premises, first), invariant(*scene, **named))

    return holds


OF_SCENES = tuple(under_premises(i) for i in MEMORY_INVARIANTS)
STATES_OF_SCENES = tuple(i for i in OF_SCENES if is_state_invariant(i))
OF_WORLDS = tuple(of_scene(h) if is_state_invariant(h) else h for h in GUEST.hypotheses)

MEMORY = Suite(
    name="memory",
    state_type=Scene,
    transitions=(*MEMORY_TRANSITIONS, *(in_scene(t) for t in (*GUEST_TRANSITIONS, *TRANSITIONS))),
    invariants=OF_SCENES,
    hypotheses=(*STATES_OF_SCENES, *OF_WORLDS),
    assumptions=ASSUMPTIONS,
    shape=with_rules_of_integrity,
)
