"""Why an obligation fails: a small step, found by the solver and replayed on plain values before it is shown."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import z3

from proofs.explore import Path, explore, unknown
from proofs.induction import Claim, is_state_invariant
from proofs.models import plain, plain_state, preferences, smallest_model, without_tables
from proofs.obligations import Verdict
from proofs.questions import Query, feasible, query_of
from proofs.solving import FAILED, z3_solver
from proofs.suite import Suite, Transition
from proofs.symbolic import SymBits
from proofs.templates import nothing
from proofs.words import differences, words
from spec.logic import Term
from spec.registry import Outcome, operands_of, parameters_of, transition_info

MOST = 2
"""Counterexamples shown for one transition; the others mostly fail for the same reason."""
PATIENCE_MS = 5_000
"""For finding a readable one; the obligation has failed already."""


@dataclass(frozen=True)
class Counterexample:
    """A plain step after which an invariant does not hold."""

    transition: str
    claim: str
    path: str
    before: Any
    op: Any
    outcome: Outcome
    values: dict[str, Any]
    replayed: bool
    """The plain run ends at the same check, and the invariant is false of its states."""

    def text(self) -> str:
        """The counterexample as `sevspec prove` prints it."""
        template = nothing(type(self.before))
        lines = [
            f"FAILED  {self.transition} preserves {self.claim}   on path: {self.path}",
            *labelled("at", (f"{name} = {words(value)}" for name, value in self.values.items())),
            *labelled("before", differences(template, self.before)),
            *labelled("step", [words(self.op)]),
            *labelled("after", differences(self.before, self.outcome.system)),
            "  replay  " + ("the plain run does the same" if self.replayed else "NOT CONFIRMED by the plain run"),
        ]
        return "\n".join(lines)


def labelled(label: str, lines: Iterable[str]) -> list[str]:
    """Lines under one label; `nothing else` where there are none."""
    shown = list(lines) or ["nothing differs from the plainest state"]
    return [f"  {label if i == 0 else '':<7} {line}" for i, line in enumerate(shown)]


def counterexamples(suite: Suite, transition: Transition, verdicts: Iterable[Verdict]) -> Iterator[str]:
    """The texts for the first invariants that fail."""
    names = {invariant.__name__ for invariant in suite.invariants}
    failed = [v for v in verdicts if v.status == FAILED and v.claim in names][:MOST]
    for verdict in failed:
        example = counterexample(suite, transition, verdict.claim, verdict.path)
        if example is not None:
            yield example.text()


def counterexample(suite: Suite, transition: Transition, claim: str, check: str) -> Counterexample | None:
    """A step along a path to `check` after which the claim does not hold; None if there is none."""
    state, op = suite.state(), unknown(operands_of(transition), "op")
    for path in explore(transition, state, op):
        if path.outcome.check != check or path.outcome.system is state or not feasible(path):
            continue
        query = query_of(suite, transition, state, op, path)
        for example in examples_of(transition, state, op, query, lambda one: one.name == claim):
            return example
    return None


def examples_of(
    transition: Transition, state: Any, op: Any, query: Query, wanted: Callable[[Claim], bool]
) -> Iterator[Counterexample]:
    """The smallest model of each claim of a path that is wanted and fails."""
    claims = [one for one in query.claims if wanted(one)]
    if claims:
        solver = z3_solver()
        solver.set("timeout", PATIENCE_MS)
        solver.add(query.all_facts())
        for one in claims:
            found = of_claim(transition, state, op, query, one, solver)
            if found is not None:
                yield found


def wishes(state: Any, op: Any, path: Path) -> list[z3.BoolRef]:
    """What a readable step would have: the plainest state and operands, and small numbers."""
    template, none = nothing(type(state)), nothing(type(op))
    wide = [term for term in numbers(without_tables(op, none)[0]) if term.width > 16]
    return [
        *preferences(state, template, path.context),
        *preferences(op, none, path.context),
        *(z3.Extract(term.width - 1, low, term.z) == 0 for term in wide for low in range(16, term.width, 8)),
    ]


def numbers(value: Any) -> Iterator[SymBits]:
    """The numbers of a symbolic value."""
    if isinstance(value, SymBits):
        yield value
    elif isinstance(value, tuple) and not isinstance(value, Term):
        for part in value:
            yield from numbers(part)


def of_claim(
    transition: Transition, state: Any, op: Any, query: Query, one: Claim, solver: z3.Solver
) -> Counterexample | None:
    """The smallest model in which one claim fails, replayed."""
    context = query.path.context
    solver.push()
    solver.add(z3.Not(one.holds))
    model = smallest_model(solver, wishes(state, op, query.path))
    solver.pop()
    if model is None:
        return None
    before = plain_state(state, nothing(type(state)), context, model)
    operands = plain_state(op, nothing(type(op)), context, model)
    values = {name: plain(value, model) for name, value in one.values.items()}
    outcome = transition(before, operands)
    replayed = outcome.check == query.path.outcome.check and not holds(one, before, operands, outcome, values)
    name = transition_info(transition).name
    return Counterexample(name, one.name, query.path.outcome.check, before, operands, outcome, values, replayed)


def holds(one: Claim, before: Any, op: Any, outcome: Outcome, values: dict[str, Any]) -> bool:
    """Whether an invariant holds of plain states."""
    if is_state_invariant(one.invariant):
        return bool(one.invariant(outcome.system, **values))
    of_step = {"before": before, "op": op, "after": outcome.system, "outcome": outcome}
    named = {name: part for name, part in of_step.items() if name in parameters_of(one.invariant)}
    return bool(one.invariant(**named, **values))
