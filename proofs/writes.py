"""What a step writes and gives, as conditions that test cases should meet."""

from collections.abc import Iterator
from typing import Any

import z3

from proofs.ranges import ends_of
from proofs.symbolic import SymBits, SymBool, bits_term, bool_term, leaves
from proofs.tables import RangeWritten, SymMap, Written
from spec.logic import Term


def written(state: Any) -> Iterator[z3.BoolRef]:
    """The composed truth values in what a step wrote into tables, or gave as an answer."""
    if isinstance(state, Written):
        yield from written(state.before)
        yield from written(state.value)
    elif isinstance(state, SymBool):
        if state.z.num_args() > 0 and not z3.is_app_of(state.z, z3.Z3_OP_UNINTERPRETED):
            yield state.z
    elif isinstance(state, tuple) and not isinstance(state, Term):
        for part in state:
            yield from written(part)


def changes(state: Any) -> Iterator[z3.BoolRef]:
    """That what a step writes into a table is another value than stood there, field by field."""
    if isinstance(state, Written):
        yield from changes(state.before)
        yield from unlike(state.before[state.key], state.value)
    elif isinstance(state, RangeWritten):
        yield from changes(state.before)
        wrote = bits_term(state.count).z != 0
        for number in ends_of(state)[:2]:
            yield from (z3.And(wrote, change) for change in unlike(state.before[number], state.value(number)))
    elif isinstance(state, tuple) and not isinstance(state, Term):
        for part in state:
            yield from changes(part)


def unlike(old: Any, new: Any) -> Iterator[z3.BoolRef]:
    """For each field, that two values differ in it."""
    for one, other in zip(leaves(old), leaves(new), strict=True):
        if z3.is_bool(one):
            yield z3.Xor(one, other)
        elif not one.eq(other):
            yield differ(SymBits(one, one.size()), SymBits(other, other.size()))


def differ(left: Any, right: Any) -> z3.BoolRef:
    """Whether two values differ in some field; true of tables, which are not compared."""
    if isinstance(left, SymMap) or isinstance(right, SymMap):
        return z3.BoolVal(True)
    if isinstance(left, tuple):
        return z3.Or(*(differ(a, b) for a, b in zip(left, right, strict=True)))
    if isinstance(left, (bool, SymBool)):
        return z3.Xor(bool_term(left), bool_term(right))
    a, b = bits_term(left), bits_term(right)
    width = max(a.width, b.width)
    return a.widened(width) != b.widened(width)
