"""What is claimed of a step, and what may be assumed: invariants after it, invariants before it.

For one path the claims are all invariants after the step, at arbitrary values that they share. Hypotheses are the
invariants before the step, used at keys that the step and the claims read: memory has no bound.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import z3

from proofs.context import Context
from proofs.explore import unknown
from proofs.instances import Instances
from proofs.schemas import Schema, schema_of
from proofs.symbolic import bool_term, leaves
from proofs.tables import SymMap
from proofs.z3_terms import is_same, replaced
from spec.logic import Term
from spec.record import width_of
from spec.registry import Outcome, parameters_of

Predicate = Callable[..., Any]
ROUNDS = 2
"""Hypotheses read keys of their own (a region's head, a home); they are used at these too, this many times over."""

STATES = ("system", "world", "exchange", "parties", "scene")
"""How a parameter is called that is a state: of the machine, with a guest followed, of a protocol, or with memory."""
STEP = ("before", "op", "after", "outcome")


@cache
def free_parameters(invariant: Predicate) -> dict[str, Any]:
    """An invariant's parameters besides states and operands: arbitrary values."""
    return {name: kind for name, kind in parameters_of(invariant).items() if name not in (*STATES, *STEP)}


@cache
def is_state_invariant(invariant: Predicate) -> bool:
    """Whether an invariant speaks of one state, not of a step."""
    return any(name in parameters_of(invariant) for name in STATES)


@cache
def is_about_outcomes(invariant: Predicate) -> bool:
    """Whether an invariant speaks of a step's result, so that steps to one state are told apart by their results."""
    return "outcome" in parameters_of(invariant)


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


def claim(invariant: Predicate, before: Any, op: Any, outcome: Outcome) -> Claim:
    """The claim that an invariant holds after a step, or of the step."""
    values = {name: unknown(kind, arbitrary(name, kind)) for name, kind in free_parameters(invariant).items()}
    if is_state_invariant(invariant):
        return Claim(invariant, values, bool_term(invariant(outcome.system, **values)))
    of_step = {"before": before, "op": op, "after": outcome.system, "outcome": outcome}
    named = {name: of_step[name] for name in STEP if name in parameters_of(invariant)}
    return Claim(invariant, values, bool_term(invariant(**named, **values)))


# --- hypotheses ---

_SCHEMAS: dict[tuple[Predicate, int], tuple[Any, Schema]] = {}


def hypothesis(invariant: Predicate, state: Any, op: Any) -> Schema:
    """An invariant before a step, or a premise of its operands, at arbitrary values; made once for each state."""
    subject = state if is_state_invariant(invariant) else op
    key = (invariant, id(subject))
    if key not in _SCHEMAS:
        free = free_parameters(invariant)

        def text(*values: Any) -> Any:
            return invariant(subject, **dict(zip(free, values, strict=True)))

        schema = schema_of(invariant.__name__, tuple(free.values()), text)
        _SCHEMAS[key] = (subject, schema)
    return _SCHEMAS[key][1]


def tables_of(state: Any) -> list[Any]:
    """The base tables of an unknown state."""
    if isinstance(state, SymMap):
        return [state]
    if isinstance(state, tuple):
        return [table for part in state for table in tables_of(part)]
    return []


def instances(
    context: Context,
    state: Any,
    op: Any,
    invariants: Sequence[Predicate],
    claims: Sequence[Claim] = (),
    hints: Iterable[tuple[Any, Any]] = (),
) -> Instances:
    """The hypotheses on a path, and where they may be used: the keys read so far, the claims' values, and the hints."""
    key_kinds = {table.name: table.key_type for table in (*tables_of(state), *tables_of(op))}
    found = Instances([hypothesis(invariant, state, op) for invariant in invariants], key_kinds)
    for one in claims:
        for name, kind in free_parameters(one.invariant).items():
            found.learn(kind, one.values[name])
    for kind, value in hints:
        found.learn(kind, value)
    found.take_over(context)
    # An invariant mostly holds after a step because it held before it, at the same values.
    own = set(invariants)
    for one in claims:
        if one.invariant in own and is_state_invariant(one.invariant):
            found.use(hypothesis(one.invariant, state, op), tuple(one.values.values()))
    return found


def facts_for(
    context: Context,
    state: Any,
    op: Any,
    invariants: Sequence[Predicate],
    claims: Sequence[Claim] = (),
    hints: Iterable[tuple[Any, Any]] = (),
    rounds: int = ROUNDS,
) -> list[z3.BoolRef]:
    """Everything that may be assumed on a path, used everywhere."""
    found = instances(context, state, op, invariants, claims, hints)
    facts = [*context.conditions, *context.axioms, *found.all(rounds)]
    found.hand_back(context)
    return facts


# --- frame ---


@dataclass(frozen=True)
class Reads:
    """What a state invariant speaks of: tables, and numbers and truth values outside tables."""

    tables: frozenset[str]
    constants: frozenset[str]


_READS: dict[int, tuple[Schema, Reads]] = {}


def reads_of(schema: Schema) -> Reads:
    """Everything that stands in a schema."""
    if id(schema) not in _READS:
        own = {str(leaf) for place in schema.places for leaf in leaves(place)}
        noted = schema.noted
        tables = {table for table, _ in noted.keys}
        tables |= {m.table.name for m in noted.measures} | {t.table.name for t in noted.totals}
        inner = [reads_of(child) for child in schema.ranges]
        constants = {name for name in constants_in(schema.fact) if name not in own}
        reads = Reads(
            frozenset(tables.union(*(r.tables for r in inner))),
            frozenset(constants.union(*(r.constants for r in inner))),
        )
        _READS[id(schema)] = (schema, reads)
    return _READS[id(schema)][1]


def constants_in(term: z3.ExprRef) -> Iterator[str]:
    """The names of the uninterpreted constants of a term."""
    pending, seen = [term], set()
    while pending:
        part = pending.pop()
        if part.get_id() not in seen:
            seen.add(part.get_id())
            pending += part.children()
            if z3.is_const(part) and part.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                yield part.decl().name()


def changes(before: Any, after: Any) -> Iterator[str]:
    """The names of the tables, numbers and truth values that a step wrote."""
    if before is after:
        return
    if isinstance(before, SymMap):
        yield before.base.name
    elif isinstance(before, Term):
        if not (isinstance(after, Term) and is_same(leaves(before)[0], leaves(after)[0])):
            yield leaves(before)[0].decl().name()
    else:
        for old, new in zip(before, after, strict=True):
            yield from changes(old, new)


def is_framed(invariant: Predicate, state: Any, op: Any, written: set[str]) -> bool:
    """Whether a step writes nothing that an invariant speaks of, so that it says the same after it as before."""
    if not is_state_invariant(invariant):
        return False
    reads = reads_of(hypothesis(invariant, state, op))
    return not written & (reads.tables | reads.constants)


def says_the_same(one: Claim, state: Any, op: Any) -> bool:
    """Whether a claim is, word by word, what its invariant says before the step."""
    if not is_state_invariant(one.invariant):
        return False
    schema = hypothesis(one.invariant, state, op)
    return is_same(replaced(schema.said, *schema.at(tuple(one.values.values()))), one.holds)
