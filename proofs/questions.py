"""What is asked about a path: whether it can be taken, and whether what is claimed of it follows.

Hypotheses are not all handed to the solver: it gets those that its own models show to be missing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import z3

from proofs.context import Context
from proofs.explore import Path, run
from proofs.induction import ROUNDS, Claim, changes, claim, instances, is_framed, says_the_same
from proofs.instances import Instances
from proofs.solving import FAILED, MAKE_SOLVER, PROVED, UNKNOWN, checked, new_solver, status_of, z3_solver
from proofs.suite import Suite, Transition, about
from proofs.symbolic import bool_term, conjunction

EFFORT, HARD = 10_000, 6_000_000
"""How much a growing solver may do for several conditions at once, and for one, in the solver's own units."""


@dataclass
class Query:
    """What must follow on a path, and what may be assumed: facts, and instances of hypotheses."""

    path: Path
    claims: list[Claim]
    facts: list[z3.BoolRef]
    instances: Instances

    def all_facts(self) -> list[z3.BoolRef]:
        """Every hypothesis at every key, so many times over: for models that are to be shown."""
        facts = [*self.facts, *self.instances.all(ROUNDS)]
        self.instances.hand_back(self.path.context)
        return facts


def query_of(suite: Suite, transition: Transition, state: Any, op: Any, path: Path) -> Query:
    """Claims and hypotheses of one path."""
    context = path.context
    context.forks = False
    written = set(changes(state, path.outcome.system))
    spoken = [invariant for invariant in about(suite, transition) if not is_framed(invariant, state, op, written)]

    def build() -> tuple[list[Claim], list[z3.BoolRef], list[tuple[Any, Any]]]:
        tried = [claim(invariant, state, op, path.outcome) for invariant in spoken]
        claims = [one for one in tried if not says_the_same(one, state, op)]
        assumed = [bool_term(assumption(state, op)) for assumption in suite.assumptions]
        return claims, assumed, [pair for hint in suite.hints for one in claims for pair in hint(state, op, one.values)]

    claims, assumed, hinted = run(context, build)
    found = instances(context, state, op, suite.hypotheses, claims, hinted)
    return Query(path, claims, [*context.conditions, *context.axioms, *assumed, *found.facts], found)


class Asked:
    """The questions about a path: hypotheses are taken as the solver's models need them.

    One solver grows with all questions: each condition has a name in it, and is asked for by that name.
    """

    def __init__(self, facts: Iterable[z3.BoolRef], instances: Instances) -> None:
        self.instances = instances
        self.used: list[z3.BoolRef] = []
        self.growing = z3.SimpleSolver()
        self.names = 0
        self.add(facts)

    def add(self, facts: Iterable[z3.BoolRef]) -> None:
        """Assume facts from now on."""
        known = list(facts)
        self.used += known
        self.growing.add(known)

    def named(self, condition: z3.BoolRef) -> z3.BoolRef:
        """The name of a condition, which follows from it."""
        self.names += 1
        name = z3.Bool(f"question {self.names}")
        self.growing.add(z3.Implies(name, condition))
        return name

    def impossible(self, conditions: Sequence[z3.BoolRef]) -> list[str]:
        """Whether each condition is impossible: PROVED; FAILED if a model of it breaks no hypothesis.

        All are asked at once, and one by one where that is too hard or finds something.
        """
        names = [self.named(condition) for condition in conditions]
        if len(conditions) > 1:
            together = self.answer(z3.Or(*conditions), self.named(z3.Or(*names)), EFFORT)
            if together == PROVED:
                return [PROVED] * len(conditions)
        return [self.answer(condition, name) for condition, name in zip(conditions, names, strict=True)]

    def answer(self, condition: z3.BoolRef, name: z3.BoolRef | None = None, effort: int = 0) -> str:
        """Whether a condition is impossible; UNKNOWN if that takes more than the effort, unless it is 0."""
        answer, _ = self.settled(condition, name, effort)
        return UNKNOWN if answer == z3.unknown else self.confirmed(condition, status_of(answer))

    def settled(
        self, condition: z3.BoolRef, name: z3.BoolRef | None = None, effort: int = 0, rounds: int = ROUNDS
    ) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """z3's answer once its models break no hypothesis any more, and the last model."""
        name = self.named(condition) if name is None else name
        while True:
            self.growing.set("rlimit", effort or HARD)
            answer, model = checked(self.growing, name)
            if answer == z3.unknown and not effort:
                # What is hard for a solver that grows is asked of a new one, which looks at the whole question first.
                solver = z3_solver()
                solver.add([*self.used, condition])
                answer, model = checked(solver)
            broken = [] if model is None else self.instances.broken_by(model, rounds)
            if not broken:
                return answer, model
            self.add(broken)

    def confirmed(self, goal: z3.BoolRef, status: str) -> str:
        """The answer of the solver that was asked for, to the question that z3 has found enough facts for."""
        if MAKE_SOLVER.get() is z3_solver:
            return status
        solver = new_solver()
        solver.add([*self.used, goal])
        return status_of(solver.check())


class Reachable:
    """Which paths can be taken in a state of which every hypothesis holds; what one path needed serves the others."""

    def __init__(self, suite: Suite, state: Any, op: Any) -> None:
        context = Context(forks=False, scope=" of what is assumed")
        assumed = run(context, lambda: [bool_term(assumption(state, op)) for assumption in suite.assumptions])
        hinted = run(context, lambda: [pair for hint in suite.hints for pair in hint(state, op, {})])
        self.instances = instances(context, state, op, suite.hypotheses, hints=hinted)
        self.asked = Asked([*assumed, *context.axioms], self.instances)

    def is_possible(self, path: Path) -> bool | None:
        """Whether a path can be taken; None: not known."""
        self.instances.take_over(path.context)
        taken = conjunction([*path.context.conditions, *path.context.axioms])
        answer, _ = self.asked.settled(taken, rounds=0)
        return {FAILED: True, PROVED: False}.get(self.asked.confirmed(taken, status_of(answer)))


def feasibility(path: Path) -> z3.CheckSatResult:
    """Whether a path's branches can be taken together in some state, an invariant one or not."""
    solver = new_solver()
    solver.add(*path.context.conditions, *path.context.axioms)
    return solver.check()


def feasible(path: Path) -> bool:
    """Whether no solver has refuted a path."""
    return bool(feasibility(path) != z3.unsat)


def feasibilities(paths: Iterable[Path]) -> Iterator[tuple[Path, z3.CheckSatResult]]:
    """`feasibility` of each path. Paths share their branches, so z3 has one solver for all; others are asked anew."""
    if MAKE_SOLVER.get() is not z3_solver:
        yield from ((path, feasibility(path)) for path in paths)
        return
    solver = z3.SimpleSolver()
    names: dict[int, z3.BoolRef] = {}
    for path in paths:
        wanted = [*path.context.conditions, *path.context.axioms]
        for condition in wanted:
            if condition.get_id() not in names:
                names[condition.get_id()] = z3.Bool(f"branch {len(names)}")
                solver.add(z3.Implies(names[condition.get_id()], condition))
        yield path, solver.check(*(names[condition.get_id()] for condition in wanted))
