"""What is claimed of a step, and what may be assumed: invariants after it, invariants before it.

For one path the claims are all invariants after the step, at arbitrary values that they share. Hypotheses are the
invariants before the step, used at every key that the step and the claims read: memory has no bound.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import z3

from proofs.context import Context, Measure, RangeFact, Total
from proofs.explore import run, unknown
from proofs.symbolic import SymBits, bits_term, bool_term, in_range
from proofs.tables import SymMap, identity
from spec.record import bits_of, width_of
from spec.registry import Outcome, parameters_of
from spec.vocabulary import Bits

Predicate = Callable[..., Any]
ROUNDS = 2
"""Hypotheses read keys of their own (a region's head, a home); they are used at these too, this many times over."""

STATES = ("system", "world")
STEP = ("before", "op", "after", "outcome")


def kind_of(annotation: Any) -> Any:
    """What makes two parameter types interchangeable as instances: width and kind of a number, else the class."""
    bits = bits_of(annotation)
    return annotation if bits is None else bits


def free_parameters(invariant: Predicate) -> dict[str, Any]:
    """An invariant's parameters besides states and operands: arbitrary values."""
    return {name: kind for name, kind in parameters_of(invariant).items() if name not in (*STATES, *STEP)}


def is_state_invariant(invariant: Predicate) -> bool:
    """Whether an invariant speaks of one state, not of a step."""
    return any(name in parameters_of(invariant) for name in STATES)


@dataclass(frozen=True)
class Claim:
    """One invariant, of one state or step, at arbitrary values."""

    invariant: Predicate
    values: dict[str, Any]
    holds: z3.BoolRef

    @property
    def name(self) -> str:
        """The invariant's name."""
        return self.invariant.__name__


def arbitrary(name: str, kind: Any) -> str:
    """The name of an arbitrary value; two of one name and different widths are different values."""
    width = width_of(kind)
    return f"any {name}" if width is None else f"any {name}, {width} bits"


def is_about_outcomes(invariant: Predicate) -> bool:
    """Whether an invariant speaks of a step's result, so that it says something of steps that change nothing."""
    return "outcome" in parameters_of(invariant)


def claim(invariant: Predicate, before: Any, op: Any, outcome: Outcome) -> Claim:
    """The claim that an invariant holds after a step, or of the step."""
    values = {name: unknown(kind, arbitrary(name, kind)) for name, kind in free_parameters(invariant).items()}
    if is_state_invariant(invariant):
        return Claim(invariant, values, bool_term(invariant(outcome.system, **values)))
    of_step = {"before": before, "op": op, "after": outcome.system, "outcome": outcome}
    named = {name: of_step[name] for name in STEP if name in parameters_of(invariant)}
    return Claim(invariant, values, bool_term(invariant(**named, **values)))


class Hypotheses:
    """Invariants before a step, premises of its operands, facts about ranges and counts: at the keys that matter."""

    def __init__(
        self, context: Context, state: Any, op: Any, invariants: Iterable[Predicate], uniformity: bool = False
    ) -> None:
        self.context = context
        self.op = op
        self.claimed = {m.term.get_id() for m in context.measures} if uniformity else set()
        self.state = state
        self.invariants = tuple(invariants)
        self.facts: list[z3.BoolRef] = []
        self._tables = {table.name: table for table in (*tables_of(state), *tables_of(op))}
        self._used: set[Any] = set()
        self._known: dict[Any, dict[tuple[int, ...], Any]] = {}

    def learn(self, annotation: Any, value: Any) -> None:
        """Use hypotheses at this value too."""
        self._known.setdefault(kind_of(annotation), {})[identity(value)] = value

    def use(self, rounds: int = ROUNDS) -> None:
        """Use every invariant and fact at every key read so far, so many times over."""
        for _ in range(rounds):
            for name, keys in self.context.keys.items():
                self._known.setdefault(kind_of(self._tables[name].key_type), {}).update(keys)
            for invariant in self.invariants:
                self._use_invariant(invariant)
            for number, fact in enumerate(self.context.range_facts):
                self._use_range(number, fact)
            for total in list(self.context.totals.values()):
                self._use_total(total)
            measures = {m.term.get_id(): m for m in self.context.measures}
            for measure in measures.values():
                self._use_measure(measure)
            for some, all_ in permutations(measures.values(), 2):
                if self._fresh("subset", some.term.get_id(), all_.term.get_id()) and is_part(some, all_):
                    self.facts.append(z3.ULE(some.term, all_.term))

    def _fresh(self, *what: Any) -> bool:
        if what in self._used:
            return False
        self._used.add(what)
        return True

    def _use_invariant(self, invariant: Predicate) -> None:
        kinds = free_parameters(invariant)
        choices = [self._known.get(kind_of(kind), {}).items() for kind in kinds.values()]
        for combination in product(*choices):
            if self._fresh(invariant.__name__, tuple(i for i, _ in combination)):
                values = dict(zip(kinds, (value for _, value in combination), strict=True))
                subject = self.state if is_state_invariant(invariant) else self.op
                fact = bool_term(invariant(subject, **values))
                if not z3.is_true(fact):
                    self.facts.append(fact)

    def _use_range(self, number: int, fact: RangeFact) -> None:
        width = bits_term(fact.first).width
        # A start that was computed may be a bit wider than the numbers that are read.
        known = self._known.get(Bits(width), {}) | self._known.get(Bits(width - 1), {})
        for key, value in known.items():
            if self._fresh("range", number, key):
                inside = z3.And(fact.truth, in_range(value, fact.first, fact.count))
                with self.context.under(inside):
                    self.facts.append(z3.Implies(inside, bool_term(fact.predicate(value))))

    def _use_measure(self, measure: Measure) -> None:
        """Of any count: a counted member makes it non-zero, an uncounted one keeps it below the whole."""
        if measure.term.get_id() in self.claimed and self._fresh("uniform", measure.term.get_id()):
            self._use_uniformity(measure)
        for key, value in list(self._known.get(kind_of(measure.table.key_type), {}).items()):
            if self._fresh("count", measure.term.get_id(), key):
                inside = in_range(value, measure.first, measure.count)
                counted = bool_term(measure.predicate(measure.table[value]))
                self.facts.append(z3.Implies(z3.And(inside, counted), measure.term != 0))
                self.facts.append(z3.Implies(z3.And(inside, z3.Not(counted)), measure.term != measure.count))

    def _use_uniformity(self, measure: Measure) -> None:
        """Where a rule says the same of a whole range, and that decides what is counted, all is counted or nothing."""
        ranges: dict[tuple[int, int], list[RangeFact]] = {}
        for fact in self.context.range_facts:
            if bits_term(fact.first).width == width_of(measure.table.key_type):
                key = (bits_term(fact.first).z.get_id(), bits_term(fact.count).z.get_id())
                ranges.setdefault(key, []).append(fact)
        for facts in ranges.values():
            if self._decide(facts, measure):
                one = facts[0]
                last = bits_term(measure.first) + (measure.count - 1)
                inside = [in_range(end, one.first, one.count) for end in (measure.first, last)]
                counted = bool_term(measure.predicate(measure.table[measure.first]))
                all_ = z3.If(counted, z3.BitVecVal(measure.count, 10), z3.BitVecVal(0, 10))
                self.facts.append(z3.Implies(z3.And(*(f.truth for f in facts), *inside), measure.term == all_))

    def _decide(self, facts: list[RangeFact], measure: Measure) -> bool:
        """Whether any two keys of which the facts' predicates hold are alike in what is counted."""
        scratch = Context(forks=False)

        def alike() -> tuple[list[z3.BoolRef], z3.BoolRef]:
            keys = [unknown(measure.table.key_type, name) for name in ("one", "another")]
            inside = [in_range(key, facts[0].first, facts[0].count) for key in keys]
            hold = [bool_term(fact.predicate(key)) for key in keys for fact in facts]
            one, another = (bool_term(measure.predicate(measure.table[key])) for key in keys)
            return [*inside, *hold], one != another

        given, differ = run(scratch, alike)
        solver = z3.SolverFor("QF_UFBV")
        solver.add(*self.context.conditions, *scratch.axioms, *given, differ)
        return bool(solver.check() == z3.unsat)

    def _use_total(self, total: Total) -> None:
        """Of any total: no block's part exceeds it."""
        for value in list(self._known.get(kind_of(total.table.key_type), {}).values()):
            block = SymBits(z3.simplify((value & ~(total.size - 1)).z), value.width)
            if self._fresh("total", total.term.get_id(), block.z.get_id()):
                part = bits_term(total.part(total.table, block))
                self.facts.append(z3.UGE(total.term, part.widened(total.term.size())))


def is_part(some: Measure, every: Measure) -> bool:
    """Whether two counts are over the same keys, and what the first counts the second counts too."""
    if (
        some.table is not every.table
        or some.count != every.count
        or not bits_term(some.first).z.eq(bits_term(every.first).z)
    ):
        return False
    value = unknown(some.table.value_type, "counted")
    solver = z3.Solver()
    solver.add(bool_term(some.predicate(value)), z3.Not(bool_term(every.predicate(value))))
    return bool(solver.check() == z3.unsat)


def tables_of(state: Any) -> list[Any]:
    """The base tables of an unknown state."""
    if isinstance(state, SymMap):
        return [state]
    if isinstance(state, tuple):
        return [table for part in state for table in tables_of(part)]
    return []


def facts_for(
    context: Context,
    state: Any,
    op: Any,
    invariants: Iterable[Predicate],
    claims: Iterable[Claim],
    hints: Iterable[tuple[Any, Any]] = (),
    uniformity: bool = False,
    rounds: int = ROUNDS,
) -> list[z3.BoolRef]:
    """Everything that may be assumed on a path; call it with the path's exploration under way.

    With `uniformity`, what a rule says of a whole range is used for what a claim counts: costly, and rarely needed.
    """
    hypotheses = Hypotheses(context, state, op, invariants, uniformity)
    for one in claims:
        for name, kind in free_parameters(one.invariant).items():
            hypotheses.learn(kind, one.values[name])
    for kind, value in hints:
        hypotheses.learn(kind, value)
    hypotheses.use(rounds)
    return [*context.conditions, *context.axioms, *hypotheses.facts]
