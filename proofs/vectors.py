"""Concrete cases of a transition: one for each path, and more until each part of each condition has decided alone.

A case's state satisfies the invariants where it can; a check that no invariant state reaches gets a state that does
not, and says so. Every case is replayed: its outcome is what the specification answers on plain values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import z3

from proofs.explore import explore, unknown
from proofs.goals import goals
from proofs.path_models import DENSE, PathModels, possible
from proofs.suite import Suite, Transition
from proofs.suites import GUEST, RMP
from proofs.symbolic import SymBool, bits_term, bool_term, conjunction
from proofs.tables import SymMap, Written
from spec.logic import Term
from spec.registry import Outcome, operands_of, transition_info

TRIES = 3
"""On how many paths a goal is looked for before it counts as impossible."""


@dataclass(frozen=True)
class Case:
    """A state, operands, and what the specification answers."""

    transition: str
    number: int
    before: Any
    op: Any
    outcome: Outcome
    invariant: bool
    """The state before satisfies the invariants at every key that the step reads."""

    @property
    def name(self) -> str:
        """Unique among all cases."""
        return f"{self.transition}-{self.number:03}-{self.outcome.check}"


def targets() -> list[tuple[Suite, Transition]]:
    """Every transition once, in the first suite that has it; steps on memory alone have no cases yet."""
    found: dict[str, tuple[Suite, Transition]] = {}
    for suite in (RMP, GUEST):
        for transition in suite.transitions:
            found.setdefault(transition_info(transition).name, (suite, transition))
    return list(found.values())


class Cases:
    """The cases of one transition, each different from those before."""

    def __init__(self, suite: Suite, transition: Transition) -> None:
        self.transition = transition
        self.state, self.op = suite.state(), unknown(operands_of(transition), "op")
        paths = explore(transition, self.state, self.op)
        self.runs = [PathModels(suite, self.state, self.op, path) for path in paths if possible(path)]
        self.seen: list[tuple[Any, Any]] = []

    def case(self, runs: PathModels, model: z3.ModelRef | None) -> Iterator[Case]:
        """The replayed case of a model, if it is a new one."""
        if model is None:
            return
        before, op = runs.plain(model)
        if (before, op) not in self.seen:
            self.seen.append((before, op))
            name = transition_info(self.transition).name
            yield Case(name, len(self.seen), before, op, self.transition(before, op), runs.invariant)

    def all(self) -> Iterator[Case]:
        """Paths, then conditions, then choices of data."""
        for runs in self.runs:
            self.reach(runs)
            yield from self.case(runs, runs.model())
        for runs in self.runs:
            if runs.path.outcome.system is not self.state or runs.path.outcome.output is not None:
                for kind in DENSE:
                    yield from self.case(runs, runs.model(kind=kind))
        yield from self.sides()
        yield from self.orders()
        yield from self.ranges()
        yield from self.choices()
        yield from self.effects()

    def reach(self, runs: PathModels) -> None:
        """See to it that a path's models, taken as plain states, lead down the path."""
        model = runs.model()
        if model is not None:
            found, wanted = self.transition(*runs.plain(model)), runs.path.outcome
            if (found.result, found.check) != (wanted.result, wanted.check):
                runs.realise(model)

    def sides(self) -> Iterator[Case]:
        """Each branch, each way: every part of its condition decides alone."""
        by_side: dict[tuple[bool, ...], list[PathModels]] = {}
        for runs in sorted(self.runs, key=lambda r: r.path.outcome.system is self.state):
            taken = tuple(runs.path.context.taken)
            for end in range(1, len(taken) + 1):
                by_side.setdefault(taken[:end], []).append(runs)
        for side, through in by_side.items():
            condition = through[0].path.context.conditions[len(side) - 1]
            for goal in goals(condition):
                yield from self.met(through, goal)

    def met(self, through: list[PathModels], goal: z3.BoolRef) -> Iterator[Case]:
        """A case for a goal at a branch, on the first path that allows it."""
        if any(runs.shows(goal) for runs in through):
            return
        for runs in through[:TRIES]:
            model = runs.model(goal)
            if model is not None:
                yield from self.case(runs, model)
                return

    def orders(self) -> Iterator[Case]:
        """Each refusal together with the next one that it keeps from being seen, so that the order of the two shows."""
        for refused in self.runs:
            first = refused.path.context
            if refused.path.outcome.system is not self.state:
                continue
            for position in range(len(first.taken)):
                side = [*first.taken[:position], not first.taken[position]]
                others = [r for r in self.runs if r.path.context.taken[: position + 1] == side]
                if not others:
                    continue
                nearest = min(others, key=lambda r: len(r.path.context.taken))
                later = nearest.path.context.conditions[position + 1 :]
                values = (refused.path.outcome.output, nearest.path.outcome.output)
                if all(isinstance(value, (int, Term)) for value in values):
                    fitting = (obligation.claim for obligation in nearest.path.context.obligations)
                    later = [*later, differ(*values), *fitting]
                if later and not nearest.shows(conjunction([*first.conditions, *later])):
                    yield from self.case(nearest, nearest.instead([*first.conditions, *later]))

    def choices(self) -> Iterator[Case]:
        """Each choice of data, each way: every part of its condition decides alone, and the values differ."""
        for condition, runs, seen in self.met_by(
            (c, differ(a, b), r) for r in self.runs for c, a, b in r.path.context.choices
        ):
            for goal in (*goals(condition, True), *goals(condition, False)):
                yield from self.chosen(runs, goal, seen)

    def ranges(self) -> Iterator[Case]:
        """Each range that is looked at, at its end and just behind it."""
        done: set[tuple[str, str]] = set()
        for runs in sorted(self.runs, key=lambda r: r.path.outcome.system is self.state):
            for name, goal in runs.edges:
                model = None if (name, runs.path.outcome.check) in done else self.edge(runs, goal)
                if model is not None:
                    done.add((name, runs.path.outcome.check))
                    yield from self.case(runs, model)

    def edge(self, runs: PathModels, goal: z3.BoolRef) -> z3.ModelRef | None:
        """A model for the edge of a range on one path."""
        return None if runs.shows(goal) else runs.model(goal)

    def effects(self) -> Iterator[Case]:
        """Each truth value that a step writes or gives, each way: every part of what decides it decides alone."""
        given = ((term, r) for r in self.runs for term in written((r.path.outcome.system, r.path.outcome.output)))
        found = ((term, z3.BoolVal(True), r) for term, r in given)
        for condition, runs, seen in self.met_by(found):
            for goal in (*goals(condition, True), *goals(condition, False)):
                yield from self.chosen(runs, goal, seen)

    def met_by(
        self, found: Iterable[tuple[z3.BoolRef, z3.BoolRef, PathModels]]
    ) -> Iterator[tuple[z3.BoolRef, list[PathModels], z3.BoolRef]]:
        """Each condition once, with the paths on which it decides something; those that change the state first."""
        grouped: dict[int, tuple[z3.BoolRef, list[PathModels], z3.BoolRef]] = {}
        for condition, seen, runs in found:
            group = grouped.setdefault(condition.get_id(), (condition, [], seen))
            if runs not in group[1]:
                group[1].append(runs)
        for condition, paths, seen in grouped.values():
            yield condition, sorted(paths, key=lambda r: r.path.outcome.system is self.state)[:TRIES], seen

    def chosen(self, paths: list[PathModels], goal: z3.BoolRef, seen: z3.BoolRef) -> Iterator[Case]:
        """Two cases for a choice on the first path that allows it, with values that differ if they can."""
        for runs in paths:
            for wanted in (z3.And(goal, seen), goal):
                models = [runs.model(wanted, kind=kind) for kind in DENSE]
                if models[0] is not None:
                    for model in models:
                        yield from self.case(runs, model)
                    return


def written(state: Any) -> Iterator[z3.BoolRef]:
    """The composed truth values in what a step wrote into tables, or gave as an answer."""
    if isinstance(state, Written):
        yield from written(state.before)
        yield from written(state.value)
    elif isinstance(state, SymBool):
        if state.z.num_args() > 0 and not z3.is_app_of(state.z, z3.Z3_OP_UNINTERPRETED):
            yield state.z
    elif isinstance(state, tuple) and not isinstance(state, Term):
        for part in state:
            yield from written(part)


def differ(left: Any, right: Any) -> z3.BoolRef:
    """Whether two values differ in some field; true of tables, which are not compared."""
    if isinstance(left, SymMap) or isinstance(right, SymMap):
        return z3.BoolVal(True)
    if isinstance(left, tuple):
        return z3.Or(*(differ(a, b) for a, b in zip(left, right, strict=True)))
    if isinstance(left, (bool, SymBool)):
        return z3.Xor(bool_term(left), bool_term(right))
    a, b = bits_term(left), bits_term(right)
    width = max(a.width, b.width)
    return a.widened(width) != b.widened(width)


def cases(suite: Suite, transition: Transition) -> Iterator[Case]:
    """The cases of one transition, paths first."""
    return Cases(suite, transition).all()
