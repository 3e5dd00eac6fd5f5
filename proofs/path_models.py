"""Models of one path of a transition: small and readable, or full of values, and with a condition on top."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from typing import Any

import z3

from proofs.explore import Path, run
from proofs.induction import facts_for, tables_of
from proofs.models import plain, plain_state
from proofs.ranges import FEW, WHOLE, edges, neighbours, read_ends, repeated
from proofs.solving import z3_solver
from proofs.suite import Suite
from proofs.symbolic import SymBits, bits_term, bool_term, leaves
from proofs.templates import nothing
from proofs.wishes import PLAIN, wishes
from proofs.writes import changes

EFFORT = 1_500_000
"""What z3 may spend on one question, in its own units; about a second. Counted and not timed: every run has the same
cases."""
HARD = 10 * EFFORT


class PathModels:
    """One feasible path: a solver with what is known on it, and the models found so far."""

    def __init__(self, suite: Suite, state: Any, op: Any, path: Path) -> None:
        self.path, self.state, self.op = path, state, op
        self.models: list[z3.ModelRef] = []
        self.repeated: list[tuple[list[str], int, int]] = []
        self.held: list[tuple[list[str], int]] = []
        """Tables in which a range of a few numbers, or of a page's, was made to hold, and its last number."""
        context = path.context
        context.forks = False
        self.edges = run(context, lambda: [goal for fact in context.range_facts[:] for goal in edges(fact)])
        # A function gives its next state as a value.
        after = (path.outcome.system, path.outcome.output)
        run(context, lambda: read_ends(after, tables_of(op)))
        self.changes = run(context, lambda: list(changes(after)))
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
        self._granted: dict[str, list[z3.BoolRef]] = {}
        self._asks: dict[int, z3.BoolRef] = {}
        return solver

    def _wished(self, kind: str) -> list[z3.BoolRef]:
        """The literals that switch on the wishes for a kind of case."""
        if kind not in self._wishes:
            found = enumerate(wishes(kind, self.state, self.op, self.path))
            self._wishes[kind] = [self._literal(f"{kind} {number}", wish) for number, wish in found]
        return self._wishes[kind]

    def _literal(self, name: str, condition: z3.BoolRef) -> z3.BoolRef:
        """A literal that switches a wish on; whether it is about a flag is remembered."""
        literal = z3.Bool(f"wish {name}")
        self.solver.add(z3.Implies(literal, condition))
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

    def model(self, *goals: z3.BoolRef, kind: str = PLAIN) -> z3.ModelRef | None:
        """A model of the path that meets the goals, with as many wishes as a greedy search grants; None without one."""
        own = self._asked(self.path.context.conditions)
        asked = self._asked(list(goals))
        if self._check(2 * EFFORT if asked else 0, *own, *asked) != z3.sat:
            return None
        if kind not in self._granted:
            # What the path itself forbids, no goal allows: it is found out once.
            kept = self._greedy(own, self._wished(kind))
            self._granted[kind] = self._restored(own, kept, self._wished(kind)) if kind == PLAIN else kept
        self._greedy([*own, *asked], self._granted[kind])
        return self._found()

    def instead(self, conditions: list[z3.BoolRef]) -> z3.ModelRef | None:
        """A model of other conditions than the path's, with values wherever the path reads."""
        asked = self._asked(conditions)
        if self._check(0, *asked) != z3.sat:
            return None
        self._greedy(asked, self._wished(PLAIN))
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
                tables = [name for name, keys in context.keys.items() if set(keys) - known.get(name, set())]
                if count.as_long() > WHOLE:
                    self.repeated.append((tables, start.as_long(), count.as_long()))
                elif z3.is_true(model.eval(fact.truth)):
                    self.held.append((tables, start.as_long() + count.as_long() - 1))

        run(context, instances)
        self.solver.push()
        self.solver.add(found)
        if self._check(HARD, *self._asked(context.conditions)) == z3.sat:
            self._granted.clear()
        else:
            self.solver.pop()
            self._asks.clear()
            self.repeated.clear()
            self.held.clear()

    def plain(self, model: z3.ModelRef) -> tuple[Any, Any]:
        """The state and the operands that a model describes."""
        context = self.path.context
        before, op = (plain_state(part, nothing(type(part)), context, model) for part in (self.state, self.op))
        for tables, start, count in self.repeated:
            read = {name: {plain(key, model) for key in context.keys[name].values()} for name in tables}
            before = repeated(before, self.state, read, start, count)
        return before, op

    def neighbours(self) -> Iterator[tuple[Any, Any]]:
        """States in which a range holds but for one field at its last number, and the operands."""
        model = self.model() if self.held else None
        if model is not None:
            before, op = self.plain(model)
            for tables, last in self.held:
                yield from ((other, op) for other in neighbours(before, self.state, tables, last))

    def _found(self) -> z3.ModelRef:
        self.models.append(self.solver.model())
        return self.models[-1]

    def shows(self, goal: z3.BoolRef) -> bool:
        """Whether a model found before meets the goal.

        A copy is asked: z3 4.15 takes the values of functions for each other in a model that is asked again and again.
        """
        return any(z3.is_true(copy(model).eval(goal, model_completion=True)) for model in self.models)


def possible(path: Path) -> bool:
    """Whether a path's branches can be taken together in some state, an invariant one or not."""
    solver = z3_solver()
    solver.add(*path.context.conditions, *path.context.axioms)
    return bool(solver.check() != z3.unsat)
