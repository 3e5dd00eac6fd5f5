"""From a solver's model to a plain state and operands: small, readable, and fit to be replayed.

A model says what stands at the keys that a path reads. Everywhere else stands what the template has. Counts that the
model gives to a region are made true by filling pages that no one reads.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import z3

from proofs.context import Context
from proofs.induction import tables_of
from proofs.symbolic import SymBits, SymBool, bits_term, leaves
from proofs.tables import Base, SymMap
from spec.logic import Term
from spec.maps import Map
from spec.record import fields_of, is_record, replace, width_of
from spec.rmp.entry import UNASSIGNED


def plain(value: Any, model: z3.ModelRef) -> Any:
    """The value that a model gives to a symbolic one."""
    if isinstance(value, SymBool):
        return z3.is_true(model.eval(value.z, model_completion=True))
    if isinstance(value, SymBits):
        return model.eval(value.z, model_completion=True).as_long()
    if isinstance(value, tuple):
        return type(value)(*(plain(part, model) for part in value))
    return value


def plain_state(state: Any, template: Any, context: Context, model: z3.ModelRef) -> Any:
    """The state that a model describes; keys that no one read are as in the template."""
    if isinstance(state, Base):
        table: Map[Any, Any] = template
        for key in context.keys.get(state.name, {}).values():
            table = table.set(plain(key, model), plain(state.value_at(key), model))
        return filled(table, state, context, model) if state.name.endswith(".rmp") else table
    if is_record(type(state)):
        parts = (plain_state(s, t, context, model) for s, t in zip(state, template, strict=True))
        return type(state)(*parts)
    return plain(state, model)


def filled(table: Map[Any, Any], base: Any, context: Context, model: z3.ModelRef) -> Map[Any, Any]:
    """The table with pages added until each count is what the model says, guests' pages before ownerless ones."""
    read = {plain(key, model) for key in context.keys.get(base.name, {}).values()}
    owned_first = sorted(context.measures, key=lambda m: not hasattr(m.predicate, "asid"))
    for measure in owned_first:
        first = model.eval(bits_term(measure.first).z, model_completion=True).as_long()
        predicate = plain(measure.predicate, model)
        missing = model.eval(measure.term, model_completion=True).as_long()
        missing -= table.count_in_range(first, measure.count, predicate)
        asid = getattr(predicate, "asid", 0)
        filler = replace(UNASSIGNED, assigned=True, asid=asid)
        spare = (p for p in range(first, first + measure.count) if p not in read and not table[p].assigned)
        for _, page in zip(range(missing), spare, strict=False):
            table = table.set(page, filler)
    return table


def preferences(state: Any, template: Any, context: Context) -> Iterator[z3.BoolRef]:
    """What a readable model would have: everything that was read is as in the template."""
    for table in tables_of(state):
        usual = default_of(state, template, table)
        for key in context.keys.get(table.name, {}).values():
            yield from (a == b for a, b in pairs(table.value_at(key), usual))
    yield from (a == b for a, b in pairs(*without_tables(state, template)))


def pairs(value: Any, usual: Any) -> Iterator[tuple[Any, Any]]:
    """The leaves of a symbolic value beside those of a plain one."""
    if isinstance(value, Term):
        yield leaves(value)[0], (z3.BoolVal(usual) if isinstance(usual, bool) else z3.BitVecVal(usual, value.width))  # type: ignore[attr-defined]  # a number has a width
    elif isinstance(value, tuple):
        for part, other in zip(value, usual, strict=True):
            yield from pairs(part, other)


def default_of(state: Any, template: Any, table: Any) -> Any:
    """What the template has at a key of a table that nobody changed."""
    if state is table:
        return template[no_key(table.key_type)]
    if isinstance(state, tuple):
        for part, other in zip(state, template, strict=True):
            found = default_of(part, other, table)
            if found is not None:
                return found
    return None


def no_key(kind: Any) -> Any:
    """A key that stands for any other."""
    return kind(*(last_key(f.type) for f in fields_of(kind))) if is_record(kind) else (1 << 62)


def last_key(kind: Any) -> Any:
    """The same as a part of a key, which has to fit."""
    width = width_of(kind)
    return no_key(kind) if width is None else (1 << width) - 1


def without_tables(state: Any, template: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The parts of a state that are not tables, beside the template's."""
    parts = [(s, t) for s, t in zip(state, template, strict=True) if not isinstance(s, SymMap)]
    nested = [without_tables(s, t) if is_record(type(s)) else (s, t) for s, t in parts]
    return tuple(a for a, _ in nested), tuple(b for _, b in nested)


def smallest_model(solver: z3.Solver, wishes: Iterable[z3.BoolRef]) -> z3.ModelRef | None:
    """A model that grants as many wishes as a greedy search finds; None if there is no model at all."""
    if solver.check() != z3.sat:
        return None
    named = {f"wish{i}": wish for i, wish in enumerate(wishes)}
    solver.push()
    for name, wish in named.items():
        solver.add(z3.Implies(z3.Bool(name), wish))
    kept = list(named)
    while True:
        answer = solver.check(*(z3.Bool(name) for name in kept))
        if answer == z3.sat:
            model = solver.model()
            solver.pop()
            return model
        refused = {str(literal) for literal in solver.unsat_core()} if answer == z3.unsat else set(kept)
        kept = [name for name in kept if name not in refused]
