"""Ranges in test cases: a case at each end of one, and plain tables in which a range that holds is true throughout."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

import z3

from proofs.context import RangeFact
from proofs.goals import chosen_inside, goals
from proofs.symbolic import SymBits, bits_term, bool_term
from proofs.tables import Base, Merged, RangeWritten, Written
from spec.record import is_record, width_of

WHOLE, FEW = 512, 16
"""Of a range that holds, every number gets a value of its own if it has no more numbers than this (a 2 MiB page); of a
longer one only the first few do, and the others repeat them: 16 is a multiple of every period in the rules."""
MOST_WAYS = 16
"""In how many ways a range fails at its last number."""


def edges(fact: RangeFact) -> list[tuple[str, z3.BoolRef]]:
    """A range that fails at its last number, in each way, or at its first; one that holds, but not behind its end."""
    first, length = bits_term(fact.first), bits_term(fact.count)
    behind = first + length
    last, behind = (
        SymBits(z3.Extract(first.width - 1, 0, n.z), first.width) for n in (behind + (2**first.width - 1), behind)
    )
    name = str(fact.truth)
    at_first, at_last = bool_term(fact.predicate(SymBits(first.z, first.width))), bool_term(fact.predicate(last))
    ways = list(islice(goals(at_last, False), MOST_WAYS))
    fails = z3.And(length.z != 0, z3.Not(fact.truth))
    # The witness is read too, and would fail elsewhere if it could.
    only_last = z3.And(fails, fact.witness.z == last.z, z3.Or(length.z == 1, at_first))
    fails_at_last = [z3.And(only_last, way) for way in ways]
    found = [(f"{name} last {number}", goal) for number, goal in enumerate(fails_at_last)]
    at_begin = z3.And(fails, fact.witness.z == first.z, z3.Not(at_first))
    found += [(f"{name} first", z3.And(at_begin, at_last)), (f"{name} only", z3.And(at_begin, length.z == 1))]
    found.append((f"{name} behind", z3.And(fact.truth, z3.Not(bool_term(fact.predicate(behind))))))
    # A length that is chosen has an end for each choice.
    for number, choice in enumerate(chosen_inside(z3.Not(length.z == 0))):
        sides = (choice.arg(0), z3.Not(choice.arg(0)))
        found += [(f"{name} end {number} {side}", z3.And(fails_at_last[0], test)) for side, test in enumerate(sides)]
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
        for end in ends_of(value):
            _ = value.base[end]


def ends_of(written: RangeWritten) -> tuple[SymBits, ...]:
    """The first and the last number of a range that was written, and the one behind it."""
    width = width_of(written.base.key_type) or 0
    begin, behind = bits_term(written.first), bits_term(written.first) + bits_term(written.count)
    last = behind.widened(behind.width) - 1
    return tuple(SymBits(z3.simplify(fitted(end, width)), width) for end in (begin.z, last, behind.z))


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


def neighbours(value: Any, symbol: Any, tables: Collection[str], number: int) -> Iterator[Any]:
    """The states that differ from a plain one in one field of what these tables have at a number."""
    if isinstance(symbol, Base):
        if symbol.name in tables:
            yield from (value.set(number, other) for other in flipped(value[number]))
    elif is_record(type(symbol)):
        for place, (part, inner) in enumerate(zip(value, symbol, strict=True)):
            for other in neighbours(part, inner, tables, number):
                yield type(value)(*value[:place], other, *value[place + 1 :])


def flipped(value: Any) -> Iterator[Any]:
    """A plain value with one truth value, or the lowest bit of one number, turned over."""
    if isinstance(value, bool):
        yield not value
    elif is_record(type(value)):
        for place, part in enumerate(value):
            for other in flipped(part):
                yield type(value)(*value[:place], other, *value[place + 1 :])
    else:
        yield value ^ 1
