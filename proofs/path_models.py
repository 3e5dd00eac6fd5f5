"""Models of one path of a transition: small and readable, or full of values, and with a condition on top."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import z3

from proofs.explore import Path, run
from proofs.induction import facts_for, tables_of
from proofs.models import plain, plain_state, preferences, without_tables
from proofs.ranges import FEW, WHOLE, edges, read_ends, repeated
from proofs.solving import z3_solver
from proofs.suite import Suite
from proofs.symbolic import SymBits, bits_term, bool_term, leaves
from proofs.templates import nothing

KINDS = ("plain", "dense", "opposite")
"""What a case should look like besides what is asked: small and readable, full of random values, or their opposites."""
DENSE = KINDS[1:]
EFFORT = 1_500_000
"""What z3 may spend on one question, in its own units; about a second. Counted and not timed: every run has the same
cases."""
HARD = 10 * EFFORT
LOW = (16, 24, 32, 40, 48, 64, 128)
"""Bits above which a readable number has none."""
MOST_KEYS = 16
"""Of a table with more keys read, wishes speak of so many; a 2 MiB launch page reads 512."""


class PathModels:
    """One feasible path: a solver with what is known on it, and the models found so far."""

    def __init__(self, suite: Suite, state: Any, op: Any, path: Path) -> None:
        self.path, self.state, self.op = path, state, op
        self.models: list[z3.ModelRef] = []
        self.repeated: list[tuple[list[str], int, int]] = []
        context = path.context
        context.forks = False
        self.edges = run(context, lambda: [goal for fact in context.range_facts[:] for goal in edges(fact)])
        run(context, lambda: read_ends(path.outcome.system, tables_of(op)))
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
        self._wishes: dict[str, list[z3.BoolRef]] = {}
        self._flags: set[int] = set()
        for kind, wishes in zip(KINDS, (self._plain(), self._dense(0), self._dense(1)), strict=True):
            self._wishes[kind] = [self._literal(solver, f"{kind} {number}", wish) for number, wish in enumerate(wishes)]
        self._granted: dict[str, list[z3.BoolRef]] = {}
        self._asks: dict[int, z3.BoolRef] = {}
        return solver

    def _literal(self, solver: z3.Solver, name: str, condition: z3.BoolRef) -> z3.BoolRef:
        """A literal that switches a wish on; whether it is about a flag is remembered."""
        literal = z3.Bool(f"wish {name}")
        solver.add(z3.Implies(literal, condition))
        if z3.is_bool(condition.arg(0)):
            self._flags.add(literal.get_id())
        return literal

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
        context = replace(self.path.context, keys={name: self._keys(name) for name in self.path.context.keys})
        yield from preferences(self.state, nothing(type(self.state)), context)
        yield from preferences(self.op, nothing(type(self.op)), context)
        for term in self._numbers():
            yield from (z3.Extract(term.size() - 1, low, term) == 0 for low in LOW if low < term.size())
        yield from self._few()

    def _few(self) -> Iterator[z3.BoolRef]:
        """Counts that take few pages to make true."""
        for measure in self.path.context.measures:
            yield from (measure.term == 0, z3.ULE(measure.term, 4))

    def _dense(self, flip: int) -> Iterator[z3.BoolRef]:
        """All drawn at random, or the opposite: nothing stays as it is that a step should change."""
        yield from self._unlike()
        for number, term in enumerate(self._terms()):
            # Drawn by field, so that two keys that turn out to be one agree.
            chance = Random(term.decl().name())
            if z3.is_bool(term):
                yield term == z3.BoolVal(chance.getrandbits(1) != flip)
            else:
                ones = (1 << term.size()) - 1
                drawn = chance.getrandbits(term.size()) ^ ((ones - number) & ones) * flip
                yield term == z3.BitVecVal(drawn, term.size())
        yield from self._few()

    def _unlike(self) -> Iterator[z3.BoolRef]:
        """Fields that the step sets were something else before."""
        before, after = (leaves(without_tables(s, s)[0]) for s in (self.state, self.path.outcome.system))
        for old, new in zip(before, after, strict=True):
            if not old.eq(new) and old.sort() == new.sort():
                yield old != new

    def _numbers(self) -> Iterator[z3.BitVecRef]:
        return (term for term in self._terms() if z3.is_bv(term) and term.size() > 16)

    def _terms(self) -> Iterator[z3.ExprRef]:
        yield from leaves(without_tables(self.op, self.op)[0])
        for table in tables_of((self.op, self.state)):
            for key in self._keys(table.name).values():
                yield from leaves(table.value_at(key))

    def _keys(self, table: str) -> dict[tuple[int, ...], Any]:
        """The first keys that were read of a table."""
        return dict(islice(self.path.context.keys.get(table, {}).items(), MOST_KEYS))

    def model(self, *goals: z3.BoolRef, kind: str = "plain") -> z3.ModelRef | None:
        """A model of the path that meets the goals, with as many wishes as a greedy search grants; None without one."""
        own = self._asked(self.path.context.conditions)
        asked = self._asked(list(goals))
        if self._check(2 * EFFORT if asked else 0, *own, *asked) != z3.sat:
            return None
        if kind not in self._granted:
            # What the path itself forbids, no goal allows: it is found out once.
            kept = self._greedy(own, self._wishes[kind])
            self._granted[kind] = kept if kind in DENSE else self._restored(own, kept, self._wishes[kind])
        self._greedy([*own, *asked], self._granted[kind])
        return self._found()

    def instead(self, conditions: list[z3.BoolRef]) -> z3.ModelRef | None:
        """A model of other conditions than the path's, with values wherever the path reads."""
        asked = self._asked(conditions)
        if self._check(0, *asked) != z3.sat:
            return None
        self._greedy(asked, self._wishes["plain"])
        return self._found()

    def _greedy(self, asked: list[z3.BoolRef], wishes: list[z3.BoolRef]) -> list[z3.BoolRef]:
        """The wishes that are left when none contradicts; where that is too hard, numbers are let go before flags."""
        kept = wishes
        while (answer := self._check(EFFORT if kept else 0, *asked, *kept)) != z3.sat:
            if answer == z3.unsat:
                refused = {literal.get_id() for literal in self.solver.unsat_core()}
                kept = [wish for wish in kept if wish.get_id() not in refused]
            else:
                flags = [wish for wish in kept if wish.get_id() in self._flags]
                kept = flags if len(flags) < len(kept) else []
        return kept

    def _restored(self, asked: list[z3.BoolRef], kept: list[z3.BoolRef], wishes: list[z3.BoolRef]) -> list[z3.BoolRef]:
        """With those wishes, one by one, that were let go together with others though they can be granted."""
        have = {wish.get_id() for wish in kept}
        for wish in wishes:
            if wish.get_id() not in have and self._check(EFFORT, *asked, *kept, wish) == z3.sat:
                kept = [*kept, wish]
        return kept

    def _check(self, effort: int, *literals: z3.BoolRef) -> z3.CheckSatResult:
        """One question; an effort of 0 has no bound but the time of `z3_solver`."""
        self.solver.set("rlimit", effort)
        answer = self.solver.check(*literals)
        if answer == z3.unknown and effort == 0:
            raise TimeoutError(f"{self.path.outcome.check}: the solver gave up")
        return answer

    def realise(self, model: z3.ModelRef) -> None:
        """Make ranges that hold true of every number in them, not only of those that the path reads.

        Where a range is long, all keys are kept where the model has them; what is too hard even so is left undone.
        """
        context = self.path.context
        found: list[z3.BoolRef] = []
        read = [leaf for keys in context.keys.values() for key in keys.values() for leaf in leaves(key)]

        def instances() -> None:
            for fact in context.range_facts[:]:
                first, length = bits_term(fact.first), bits_term(fact.count)
                start, count = (model.eval(term.z, model_completion=True) for term in (first, length))
                known = {name: set(keys) for name, keys in context.keys.items()}
                numbers = count.as_long() if count.as_long() <= WHOLE else FEW
                found.append(length.z == count)
                if numbers > FEW or count.as_long() > WHOLE:
                    found.extend(leaf == model.eval(leaf, model_completion=True) for leaf in (first.z, *read))
                    first = SymBits(start, first.width)
                for i in range(numbers):
                    number = SymBits(z3.simplify(first.z + i), first.width)
                    found.append(z3.Implies(fact.truth, bool_term(fact.predicate(number))))
                if count.as_long() > WHOLE:
                    tables = [name for name, keys in context.keys.items() if set(keys) - known.get(name, set())]
                    self.repeated.append((tables, start.as_long(), count.as_long()))

        run(context, instances)
        self.solver.push()
        self.solver.add(found)
        if self._check(HARD, *self._asked(context.conditions)) == z3.sat:
            self._granted.clear()
        else:
            self.solver.pop()
            self._asks.clear()
            self.repeated.clear()

    def plain(self, model: z3.ModelRef) -> tuple[Any, Any]:
        """The state and the operands that a model describes."""
        context = self.path.context
        before, op = (plain_state(part, nothing(type(part)), context, model) for part in (self.state, self.op))
        for tables, start, count in self.repeated:
            read = {name: {plain(key, model) for key in context.keys[name].values()} for name in tables}
            before = repeated(before, self.state, read, start, count)
        return before, op

    def _found(self) -> z3.ModelRef:
        self.models.append(self.solver.model())
        return self.models[-1]

    def shows(self, goal: z3.BoolRef) -> bool:
        """Whether a model found before meets the goal."""
        return any(z3.is_true(model.eval(goal, model_completion=True)) for model in self.models)


def possible(path: Path) -> bool:
    """Whether a path's branches can be taken together in some state, an invariant one or not."""
    solver = z3_solver()
    solver.add(*path.context.conditions, *path.context.axioms)
    return bool(solver.check() != z3.unsat)
