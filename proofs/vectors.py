"""Concrete cases of a transition: one for each path, and more until each part of each condition has decided alone.

A case's state satisfies the invariants where it can; a check that no invariant state reaches gets a state that does
not, and says so. Every case is replayed: its outcome is what the specification answers on plain values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import z3

from proofs.everything import BESIDE_MEMORY
from proofs.explore import explore, unknown
from proofs.goals import goals
from proofs.path_models import PathModels, possible
from proofs.suite import Suite, Transition
from proofs.symbolic import SymBits, conjunction
from proofs.wishes import DENSE, KINDS
from proofs.writes import differ, written
from spec.logic import Term
from spec.registry import Outcome, operands_of, transition_info

TRIES = 8
"""On how many paths a goal is looked for before it counts as impossible: on those that change the state, and on short
ones, on which little else has to hold."""

ANSWERS = 2
"""Paths that differ in how a refusal is answered only: it is sent, or does not fit its page."""


@dataclass(frozen=True)
class Case:
    """A state, operands, and what the specification answers."""

    transition: str
    number: int
    before: Any
    op: Any
    outcome: Outcome
    invariant: bool
    """The state before is known to satisfy the invariants at every key that the step reads."""

    @property
    def name(self) -> str:
        """Unique among all cases."""
        return f"{self.transition}-{self.number:03}-{self.outcome.check}"


def targets() -> list[tuple[Suite, Transition]]:
    """Every transition once, in the first suite that has it; steps on memory alone have no cases yet."""
    found: dict[str, tuple[Suite, Transition]] = {}
    for suite in BESIDE_MEMORY:
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
        if model is not None:
            yield from self.replayed(*runs.plain(model), runs.invariant)

    def replayed(self, before: Any, op: Any, invariant: bool) -> Iterator[Case]:
        """The case of a state and operands, if it is a new one."""
        if (before, op) not in self.seen:
            self.seen.append((before, op))
            name = transition_info(self.transition).name
            yield Case(name, len(self.seen), before, op, self.transition(before, op), invariant)

    def all(self) -> Iterator[Case]:
        """Paths, then conditions, then choices of data."""
        for runs in self.runs:
            self.reach(runs)
            yield from self.case(runs, runs.model())
        for runs in self.runs:
            if runs.path.outcome.system is not self.state or runs.path.outcome.output is not None:
                for kind in KINDS[1:] if isinstance(runs.path.outcome.output, SymBits) else DENSE:
                    yield from self.case(runs, runs.model(kind=kind))
        yield from self.sides()
        yield from self.orders()
        yield from self.ranges()
        yield from self.choices()
        yield from self.effects()
        for runs in self.runs:
            yield from self.changes(runs)

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
        shortest = sorted(through, key=lambda r: len(r.path.context.taken))
        for runs in dict.fromkeys([*through[: TRIES // 2], *shortest[: TRIES // 2]]):
            model = runs.model(goal)
            if model is not None:
                yield from self.case(runs, model)
                return

    def orders(self) -> Iterator[Case]:
        """Each refusal together with the next one that it keeps from being seen, so that the order of the two shows."""
        for refused in self.runs:
            first = refused.path.context
            changes = refused.path.outcome.system is not self.state
            for position, taken in enumerate(first.taken):
                # A refusal that is sent as an answer changes the state; its checks are the branches that were taken.
                if changes and not taken:
                    continue
                for nearest in self.other_ways(first.taken, position):
                    made = list(self.together(refused, nearest, position))
                    yield from made
                    if made:
                        break

    def together(self, refused: PathModels, nearest: PathModels, position: int) -> Iterator[Case]:
        """Cases that take the first path, and without its branch at a position would take the other one."""
        first, later = refused.path.context, nearest.path.context.conditions[position + 1 :]
        here = [first.conditions[position]]
        ends = (refused.path.outcome, nearest.path.outcome)
        values = [end.output for end in ends if isinstance(end.output, (int, Term))]
        if len(values) == len(ends) and ends[0].check == ends[1].check:
            fitting = (obligation.claim for obligation in nearest.path.context.obligations)
            later = [*later, differ(*values), *fitting]
            here = list(goals(here[0]))
        before, after = first.conditions[:position], first.conditions[position + 1 :]
        for goal in here if later else ():
            asked = [*before, goal, *after, *later]
            if not nearest.shows(conjunction(asked)):
                yield from self.case(nearest, nearest.instead(asked))

    def other_ways(self, taken: list[bool], position: int) -> list[PathModels]:
        """Short paths that leave one at a branch; where a further check follows, ones on which that decides."""
        side = [*taken[:position], not taken[position]]
        others = [r for r in self.runs if r.path.context.taken[: position + 1] == side]
        deciding = [r for r in others if all(r.path.context.taken[position + 1 : position + 2])]
        return sorted(deciding or others, key=lambda r: len(r.path.context.taken))[:ANSWERS]

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

    def changes(self, runs: PathModels) -> Iterator[Case]:
        """Each field that is written, with another value before; each range that holds, with one field else at its end.

        Whether invariants hold of the latter is not known.
        """
        for goal in runs.changes:
            if not runs.shows(goal):
                yield from self.case(runs, runs.model(goal, kind=DENSE[0]))
        for before, op in runs.neighbours():
            yield from self.replayed(before, op, False)

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


def cases(suite: Suite, transition: Transition) -> Iterator[Case]:
    """The cases of one transition, paths first."""
    return Cases(suite, transition).all()
