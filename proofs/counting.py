"""What is known of counts and totals over a table of which nothing else is known."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import z3

from proofs.context import Context, Measure, RangeFact, Total
from proofs.explore import run, unknown
from proofs.keys import named
from proofs.schemas import Schema, met, number, schema_of
from proofs.symbolic import SymBits, SymBool, bits_term, bool_term, conjunction, in_range
from spec.record import is_record, width_of

# --- schemas ---


def measure_schema(measure: Measure) -> Schema:
    """Of any count: a counted member makes it non-zero, an uncounted one keeps it below the whole.

    Parameters: the start of the range, the fields of what is counted, and a key.
    """
    name, fields = named(measure.predicate)
    start = bits_term(measure.first)
    kinds = (number(start.width), *(kind_of_leaf(one) for one in fields), measure.table.key_type)

    def text(first: Any, *rest: Any) -> SymBool:
        predicate = with_fields(measure.predicate, rest[:-1])
        term = bits_term(measure.table.count_in_range(first, measure.count, predicate)).z
        inside, counted = in_range(rest[-1], first, measure.count), bool_term(predicate(measure.table[rest[-1]]))
        some = z3.Implies(z3.And(inside, counted), term != 0)
        return SymBool(z3.And(some, z3.Implies(z3.And(inside, z3.Not(counted)), term != measure.count)))

    return schema_of(f"count of {measure.table.name} {name} {measure.count}", kinds, text)


def total_schema(total: Total) -> Schema:
    """Of any total: no block's part exceeds it. Parameters: the fields of what is summed, and a key in the block."""
    name, fields = named(total.part)
    if not is_of_block(total):
        raise TypeError(f"{name}: a part of a total reads its own block, and is at most the block's size")
    kinds = (*(kind_of_leaf(one) for one in fields), total.table.key_type)

    def text(*values: Any) -> SymBool:
        part = with_fields(total.part, values[:-1])
        whole = total.table.total_over_blocks(total.size, part)
        share = bits_term(part(total.table, values[-1] & ~(total.size - 1)))
        return SymBool(z3.UGE(whole.z, share.widened(whole.width)))

    return schema_of(f"total of {total.table.name} {name} {total.size}", kinds, text)


def is_of_block(total: Total) -> bool:
    """Whether a part reads nothing outside its block, and is at most the block's size: totals are moved by one part."""
    table, size = total.table, total.size
    block = unknown(table.key_type, "block") & ~(size - 1)
    kind: Any = type(total.part)
    part = unknown(kind, "part") if is_record(kind) else total.part
    reading = Context(forks=False, scope=" of a part")
    share = run(reading, lambda: bits_term(part(table, block)))
    read = [(key, 1) for key in reading.keys.get(table.name, {}).values()]
    read += [(measure.first, measure.count) for measure in reading.measures]
    ends = [(first, bits_term(first) + (count - 1)) for first, count in read]
    near = [in_range(end, block, size) for first_and_last in ends for end in first_and_last]
    solver = z3.SolverFor("QF_UFBV")
    solver.add(*reading.axioms, z3.Not(conjunction([*near, (share <= size).z])))
    return bool(solver.check() == z3.unsat)


def kind_of_leaf(leaf: z3.ExprRef) -> Any:
    """The kind of a field that counts are told apart by."""
    return bool if z3.is_bool(leaf) else number(leaf.size())


def with_fields(counted: Any, fields: Sequence[Any]) -> Any:
    """What is counted, with other fields."""
    return tuple.__new__(type(counted), tuple(fields)) if fields else counted


def fields_as_terms(counted: Any) -> tuple[Any, ...]:
    """The fields of what is counted, as values of schema parameters."""
    return tuple(SymBool(leaf) if z3.is_bool(leaf) else SymBits(leaf, leaf.size()) for leaf in named(counted)[1])


_SCHEMAS: dict[tuple[Any, ...], Schema] = {}
"""Made once for all counts, or totals, that differ in their start and their fields only."""


def facts_of_count(measure: Measure) -> tuple[Schema, tuple[Any, ...]]:
    """What is known of a count at any key: a schema, and its first parameters."""
    key = (id(measure.table), named(measure.predicate)[0], measure.count, bits_term(measure.first).width)
    if key not in _SCHEMAS:
        _SCHEMAS[key] = measure_schema(measure)
    return _SCHEMAS[key], (measure.first, *fields_as_terms(measure.predicate))


def facts_of_total(total: Total) -> tuple[Schema, tuple[Any, ...]]:
    """What is known of a total at any key: a schema, and its first parameters."""
    key = (id(total.table), named(total.part)[0], total.size)
    if key not in _SCHEMAS:
        _SCHEMAS[key] = total_schema(total)
    return _SCHEMAS[key], fields_as_terms(total.part)


# --- counts beside each other, and of uniform ranges ---


def is_part(some: Measure, every: Measure) -> bool:
    """Whether two counts are over the same keys, and what the first counts the second counts too."""
    return (
        some.table is every.table
        and some.count == every.count
        and bits_term(some.first).z.eq(bits_term(every.first).z)
        and implied(property_of(some), property_of(every), some.table.value_type)
    )


def property_of(measure: Measure) -> Any:
    """What is counted, its fields aside."""
    kind = type(measure.predicate)
    return kind if is_record(kind) else measure.predicate


@cache
def implied(some: Any, every: Any, kind: Any) -> bool:
    """Whether any value with the first property has the second, whatever the fields of the two are."""
    value = unknown(kind, "counted")
    holds_some, holds_every = (
        unknown(one, name) if is_record(one) else one for one, name in ((some, "some"), (every, "every"))
    )
    solver = z3.Solver()
    solver.add(bool_term(holds_some(value)), z3.Not(bool_term(holds_every(value))))
    return bool(solver.check() == z3.unsat)


def uniform(context: Context, measure: Measure) -> list[z3.BoolRef]:
    """For each range of which a run says something that decides what is counted: all of it is counted, or nothing."""
    found = []
    ranges: dict[tuple[int, int], list[RangeFact]] = {}
    for fact in context.range_facts:
        if bits_term(fact.first).width == width_of(measure.table.key_type):
            key = (bits_term(fact.first).z.get_id(), bits_term(fact.count).z.get_id())
            ranges.setdefault(key, []).append(fact)
    for facts in ranges.values():
        if decide(context, facts, measure):
            one, last = facts[0], bits_term(measure.first) + (measure.count - 1)
            inside = [in_range(end, one.first, one.count) for end in (measure.first, last)]
            reading = Context(forks=False, keys=context.keys)
            counted = run(reading, lambda: bool_term(measure.predicate(measure.table[measure.first])))
            whole = z3.If(counted, z3.BitVecVal(measure.count, 10), z3.BitVecVal(0, 10))
            premises = [*(f.truth for f in facts), *inside, *(met(one) for one in reading.obligations)]
            found.append(z3.Implies(z3.And(*premises), measure.term == whole))
    return found


def decide(context: Context, facts: list[RangeFact], measure: Measure) -> bool:
    """Whether any two keys of which the facts' predicates hold are alike in what is counted, and all numbers fit."""
    scratch = Context(forks=False, scope=" of two keys")

    def alike() -> tuple[list[z3.BoolRef], list[z3.BoolRef], z3.BoolRef]:
        keys = [unknown(measure.table.key_type, name) for name in ("one", "another")]
        inside = [in_range(key, facts[0].first, facts[0].count) for key in keys]
        hold = [bool_term(fact.predicate(key)) for key in keys for fact in facts]
        one, another = (bool_term(measure.predicate(measure.table[key])) for key in keys)
        return inside, hold, one != another

    inside, hold, differ = run(scratch, alike)
    misfit = z3.Not(conjunction(met(one) for one in scratch.obligations))
    solver = z3.SolverFor("QF_UFBV")
    solver.add(*context.conditions, *scratch.axioms, *inside, z3.Or(misfit, conjunction([*hold, differ])))
    return bool(solver.check() == z3.unsat)
