"""Ranges in test cases: a case at each end of one, and plain tables in which a range that holds is true throughout."""

from collections.abc import Collection
from typing import Any

import z3

from proofs.context import RangeFact
from proofs.goals import chosen_inside
from proofs.symbolic import SymBits, bits_term, bool_term
from proofs.tables import Base, Merged, RangeWritten, Written
from spec.record import is_record, width_of

WHOLE, FEW = 512, 16
"""Of a range that holds, every number gets a value of its own if it has no more numbers than this (a 2 MiB page); of a
longer one only the first few do, and the others repeat them: 16 is a multiple of every period in the rules."""


def edges(fact: RangeFact) -> list[tuple[str, z3.BoolRef]]:
    """A range that fails at its last number, and one that holds though the number behind it fails."""
    first, length = bits_term(fact.first), bits_term(fact.count)
    behind = first + length
    last, behind = (
        SymBits(z3.Extract(first.width - 1, 0, n.z), first.width) for n in (behind + (2**first.width - 1), behind)
    )
    name = str(fact.truth)
    only_last = z3.Or(length.z == 1, bool_term(fact.predicate(SymBits(first.z, first.width))))
    fails_at_last = z3.And(length.z != 0, z3.Not(fact.truth), z3.Not(bool_term(fact.predicate(last))), only_last)
    found = [
        (f"{name} last", fails_at_last),
        (f"{name} behind", z3.And(fact.truth, z3.Not(bool_term(fact.predicate(behind))))),
    ]
    # A length that is chosen has an end for each choice.
    for number, choice in enumerate(chosen_inside(z3.Not(length.z == 0))):
        sides = (choice.arg(0), z3.Not(choice.arg(0)))
        found += [(f"{name} last {number} {side}", z3.And(fails_at_last, test)) for side, test in enumerate(sides)]
    return found


def read_ends(value: Any, given: Collection[Base]) -> None:
    """Read a table where each range that was written begins, ends, and has ended, so that cases have values there.

    A table that was given as an operand replaces another one as a whole, and is read at one key.
    """
    if isinstance(value, Merged):
        read_ends((value.then, value.otherwise), given)
    elif isinstance(value, (RangeWritten, Written)):
        read_ends(value.before, given)
    elif isinstance(value, tuple):
        for part in value:
            read_ends(part, given)
    elif isinstance(value, Base) and any(value is table for table in given):
        _ = value[1]
    if isinstance(value, RangeWritten):
        width = width_of(value.base.key_type) or 0
        begin, behind = bits_term(value.first), bits_term(value.first) + bits_term(value.count)
        last = behind.widened(behind.width) - 1
        for end in (begin.z, last, behind.z):
            _ = value.base[SymBits(z3.simplify(fitted(end, width)), width)]


def fitted(number: z3.BitVecRef, width: int) -> z3.BitVecRef:
    """The lowest bits of a number, with zeros in front if it has fewer."""
    size = number.size()
    return z3.Extract(width - 1, 0, number) if size > width else z3.ZeroExt(width - size, number)


def repeated(value: Any, symbol: Any, read: dict[str, set[Any]], start: int, count: int) -> Any:
    """A state in whose tables a range goes on as it begins, but for the numbers that are read."""
    if isinstance(symbol, Base):
        keys = read.get(symbol.name, set())
        for number in range(start + FEW, start + count) if keys else ():
            if number not in keys:
                value = value.set(number, value[start + (number - start) % FEW])
        return value
    if is_record(type(symbol)):
        return type(value)(*(repeated(v, s, read, start, count) for v, s in zip(value, symbol, strict=True)))
    return value
