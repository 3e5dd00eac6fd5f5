"""Each knob that an invariant needs is flipped, and a plain step that breaks the invariant is looked for.

The step begins in a state that satisfies all invariants; all other needed knobs keep their defaults. A need that shows
only after several steps has a trace in `proofs/premises.py` or `proofs/unassigned_head.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from proofs import unassigned_head
from proofs.counterexample import Counterexample, examples_of
from proofs.everything import BESIDE_MEMORY
from proofs.explore import explore, unknown
from proofs.induction import Predicate, is_state_invariant
from proofs.needed_knobs import NEEDED_KNOBS, needed_knobs_have_defaults, platform_of
from proofs.premises import OF_KNOBS
from proofs.questions import feasible, query_of
from proofs.suite import Suite, Transition
from proofs.suites import world_knobs
from spec.knobs import DEFAULT_KNOBS, Knob
from spec.logic import all_of
from spec.registry import invariant_info, operands_of, transition_info

SEVERAL_STEPS = {
    *(("K-GPA0", witness.identifier) for witness in OF_KNOBS),
    *((unassigned_head.KNOB, invariant_info(statement).identifier) for statement in unassigned_head.STATEMENTS),
}
"""Knobs and identifiers of which no single step from a state with all invariants shows the need."""


@dataclass(frozen=True)
class Need:
    """An invariant, and a knob that it says it needs."""

    knob: Knob
    invariant: Predicate
    suite: Suite


def needs() -> Iterator[Need]:
    """Every knob of every invariant's `needs`; statements about memory rest on those of the machine and the guest."""
    for suite in BESIDE_MEMORY:
        for invariant in suite.invariants:
            for knob in NEEDED_KNOBS:
                if knob.name in invariant_info(invariant).needs:
                    yield Need(knob, invariant, suite)


def pair(need: Need) -> tuple[str, str]:
    """The names of the knob and the invariant."""
    return need.knob.name, invariant_info(need.invariant).identifier


def is_shown_in_one_step(need: Need) -> bool:
    """Whether `violation` is expected to find a step: where a search has to find several, there is none."""
    return pair(need) not in SEVERAL_STEPS


def flipped(need: Need) -> Suite:
    """The suite, with this knob at any value but its default, and this invariant the only claim."""

    def other_knobs_have_defaults(state: Any, op: Any) -> bool:  # noqa: ARG001 - an assumption has both
        knobs = platform_of(state).knobs
        others = (k for k in NEEDED_KNOBS if k.name != need.knob.name)
        kept = (getattr(knobs, k.field) == getattr(DEFAULT_KNOBS, k.field) for k in others)
        return all_of(getattr(knobs, need.knob.field) != getattr(DEFAULT_KNOBS, need.knob.field), *kept)

    assumed = tuple(a for a in need.suite.assumptions if a not in (needed_knobs_have_defaults, world_knobs))
    return replace(need.suite, invariants=(need.invariant,), assumptions=(*assumed, other_knobs_have_defaults))


def violation(need: Need) -> Counterexample | None:
    """A replayed step after which the invariant does not hold; None if no single step breaks it."""
    suite = flipped(need)
    for transition in suite.transitions:
        found = broken_by(suite, transition, need.invariant)
        if found is not None:
            return found
    return None


def broken_by(suite: Suite, transition: Transition, invariant: Predicate) -> Counterexample | None:
    """A step of one transition that breaks the suite's only invariant."""
    if not is_state_invariant(invariant) and not invariant_info(invariant).speaks_of(transition_info(transition)):
        return None
    state, op = suite.state(), unknown(operands_of(transition), "op")
    for path in explore(transition, state, op):
        unchanged = path.outcome.system is state and is_state_invariant(invariant)
        if unchanged or not feasible(path):
            continue
        query = query_of(suite, transition, state, op, path)
        for found in examples_of(transition, state, op, query, lambda _: True):
            if found.replayed:
                return found
    return None
