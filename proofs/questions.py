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

EFFORT, HARD = 10_000, (6_000_000, 24_000_000)
"""How much a solver may do for several conditions at once, and for one, in the solver's own units.

For one, a growing solver and a new one have turns: what takes one of them very long is mostly easy for the other.
"""


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

    One solver grows with all questions: each condition has a name in it, from when it is asked for until it is settled.
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

    def impossible(self, conditions: Sequence[z3.BoolRef]) -> list[str]:
        """Whether each condition is impossible: PROVED; FAILED if a model of it breaks no hypothesis."""
        if len(conditions) > 1 and self.refutes_all(conditions):
            return [PROVED] * len(conditions)
        return [self.answer(condition) for condition in conditions]

    def refutes_all(self, conditions: Sequence[z3.BoolRef]) -> bool:
        """Whether it is quickly seen, with the facts that are known, that none of the conditions is possible."""
        self.growing.push()
        self.growing.add(z3.Or(*conditions))
        self.growing.set("rlimit", EFFORT)
        answer = self.growing.check()
        self.growing.pop()
        return answer == z3.unsat and self.confirmed(z3.Or(*conditions), PROVED) == PROVED

    def answer(self, condition: z3.BoolRef) -> str:
        """Whether a condition is impossible."""
        answer, _ = self.settled(condition)
        return UNKNOWN if answer == z3.unknown else self.confirmed(condition, status_of(answer))

    def settled(self, condition: z3.BoolRef, rounds: int = ROUNDS) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """z3's answer once its models break no hypothesis any more, and the last model."""
        self.names += 1
        name = z3.Bool(f"question {self.names}")
        self.growing.add(z3.Implies(name, condition))
        while True:
            answer, model = self.asked(condition, name)
            broken = [] if model is None else self.instances.broken_by(model, rounds)
            if not broken:
                # Nobody asks for it again: whatever comes later need not decide it.
                self.growing.add(z3.Not(name))
                return answer, model
            self.add(broken)

    def asked(self, condition: z3.BoolRef, name: z3.BoolRef) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """z3's answer with the facts known so far."""
        for effort in HARD:
            self.growing.set("rlimit", effort)
            answer, model = checked(self.growing, name)
            if answer == z3.unknown:
                answer, model = self.asked_anew(condition, effort)
            if answer != z3.unknown:
                return answer, model
        return self.asked_anew(condition, 0)

    def asked_anew(self, condition: z3.BoolRef, effort: int) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """The answer of a new solver, which looks at the whole question first; with an effort of 0 it has its time."""
        solver = z3_solver()
        solver.set("rlimit", effort)
        solver.add([*self.used, condition])
        return checked(solver)

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
