"""Models of one path of a transition: small and readable, or full of values, and with a condition on top."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import z3

from proofs.explore import Path, run
from proofs.induction import facts_for, tables_of
from proofs.models import preferences, without_tables
from proofs.solving import z3_solver
from proofs.suite import Suite
from proofs.symbolic import leaves
from proofs.templates import nothing

KINDS = ("plain", "dense", "opposite")
"""What a case should look like besides what is asked: small and readable, full of random values, or their opposites."""
DENSE = KINDS[1:]


class PathModels:
    """One feasible path: a solver with what is known on it, and the models found so far."""

    def __init__(self, suite: Suite, state: Any, op: Any, path: Path) -> None:
        self.path, self.state, self.op = path, state, op
        self.models: list[z3.ModelRef] = []
        context = path.context
        context.forks = False
        unconditional = replace(context, conditions=[])
        self.facts = run(unconditional, lambda: facts_for(unconditional, state, op, suite.hypotheses, ()))
        self.invariant = True
        self.solver = self._solver(self.facts)
        if self.solver.check(*self._asked(context.conditions)) == z3.unsat:
            self.invariant = False
            self.solver = self._solver(context.axioms)

    def _solver(self, facts: list[z3.BoolRef]) -> z3.Solver:
        solver = z3_solver()
        solver.add(facts)
        self._wishes: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for kind, wishes in zip(KINDS, (self._plain(), self._dense(0), self._dense(1)), strict=True):
            for wish in wishes:
                name = f"wish {kind} {len(self._wishes[kind])}"
                self._wishes[kind].append(name)
                solver.add(z3.Implies(z3.Bool(name), wish))
        self._asks: dict[int, z3.BoolRef] = {}
        return solver

    def _asked(self, conditions: list[z3.BoolRef]) -> list[z3.BoolRef]:
        """Literals that switch conditions on."""
        for condition in conditions:
            if condition.get_id() not in self._asks:
                literal = z3.Bool(f"asked {condition.get_id()}")
                self._asks[condition.get_id()] = literal
                self.path.context.kept.append(condition)
                self.solver.add(z3.Implies(literal, condition))
        return [self._asks[condition.get_id()] for condition in conditions]

    def _plain(self) -> Iterator[z3.BoolRef]:
        context = self.path.context
        yield from preferences(self.state, nothing(type(self.state)), context)
        yield from preferences(self.op, nothing(type(self.op)), context)
        for term in self._numbers():
            yield from (z3.Extract(term.size() - 1, low, term) == 0 for low in range(16, term.size(), 8))
        yield from self._few()

    def _few(self) -> Iterator[z3.BoolRef]:
        """Counts that take few pages to make true."""
        for measure in self.path.context.measures:
            yield from (measure.term == 0, z3.ULE(measure.term, 4))

    def _dense(self, flip: int) -> Iterator[z3.BoolRef]:
        """All drawn at random, or the opposite: nothing stays as it is that a step should change."""
        chance = Random(len(self.path.context.taken))
        for term in self._terms():
            if z3.is_bool(term):
                yield term == z3.BoolVal(chance.getrandbits(1) != flip)
            else:
                ones = (1 << term.size()) - 1
                yield term == z3.BitVecVal(chance.getrandbits(term.size()) ^ ones * flip, term.size())
        yield from self._few()

    def _numbers(self) -> Iterator[z3.BitVecRef]:
        return (term for term in self._terms() if z3.is_bv(term) and term.size() > 16)

    def _terms(self) -> Iterator[z3.ExprRef]:
        yield from leaves(without_tables(self.op, self.op)[0])
        for table in tables_of((self.op, self.state)):
            for key in self.path.context.keys.get(table.name, {}).values():
                yield from leaves(table.value_at(key))

    def model(self, conditions: list[z3.BoolRef], kind: str = "plain") -> z3.ModelRef | None:
        """A model with as many wishes as a greedy search grants; None if the conditions are impossible."""
        asked = self._asked(conditions)
        kept = list(self._wishes[kind])
        if self.solver.check(*asked) != z3.sat:
            return None
        while True:
            answer = self.solver.check(*asked, *(z3.Bool(name) for name in kept))
            if answer == z3.sat:
                self.models.append(self.solver.model())
                return self.models[-1]
            core = {str(literal) for literal in self.solver.unsat_core()} if answer == z3.unsat else set(kept)
            kept = [name for name in kept if name not in core]

    def shows(self, goal: z3.BoolRef) -> bool:
        """Whether a model found before meets the goal."""
        return any(z3.is_true(model.eval(goal, model_completion=True)) for model in self.models)


def possible(path: Path) -> bool:
    """Whether a path's branches can be taken together in some state, an invariant one or not."""
    solver = z3_solver()
    solver.add(*path.context.conditions, *path.context.axioms)
    return bool(solver.check() != z3.unsat)
