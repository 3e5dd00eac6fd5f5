"""Symbolic `Map`s: a function from key to value, built from an uninterpreted base by updates.

Every key read from a base is noted: hypotheses are used at these keys. Counting over a range is a measure that each
update changes by what it writes.
"""

from collections.abc import Callable
from typing import Any

import z3

from proofs.context import Measure, Total, current
from proofs.keys import as_key, identity, named, same_key, sorts_of
from proofs.symbolic import (
    SymBits,
    bits_term,
    bool_term,
    choose,
    conjunction,
    in_range,
    leaves,
    same_term,
    symbolic,
)
from proofs.z3_terms import is_same
from spec.record import is_record, width_of


def updated(hit: z3.BoolRef, old: Any, new: Any, elsewhere: Any) -> Any:
    """`new` where the key is hit, else what stands there; a part that the update leaves alone stands there anyway."""
    if new is old or new is elsewhere:
        return elsewhere
    if is_record(type(new)):
        parts = (updated(hit, *three) for three in zip(old, new, elsewhere, strict=True))
        return tuple.__new__(type(new), tuple(parts))
    return elsewhere if same_term(old, new) else choose(hit, new, elsewhere)


class SymMap:
    """A table after some updates. Subclasses say what stands at a key."""

    def __init__(self, base: "Base") -> None:
        self.base = base
        self._read: dict[tuple[int, ...], tuple[Any, Any]] = {}

    def __getitem__(self, key: Any) -> Any:
        key = as_key(self.base.key_type, key)
        known = self._read.get(identity(key))
        if known is None:
            known = (key, self.value_at(key))
            # What was noted under a guard holds there only: elsewhere the value is made, and noted, again.
            if self is self.base or not current().guards:
                self._read[identity(key)] = known
        return known[1]

    def value_at(self, key: Any) -> Any:
        """The value at a key of the declared type."""
        raise NotImplementedError

    def set(self, key: Any, value: Any) -> "SymMap":
        """See `Map.set`."""
        return Written(self, as_key(self.base.key_type, key), value)

    def set_range(self, first: Any, count: Any, value: Callable[[Any], Any]) -> "SymMap":
        """See `Map.set_range`."""
        return RangeWritten(self, first, count, value)

    def each(self, change: Callable[[Any], Any]) -> "SymMap":
        """See `Map.each`."""
        return Changed(self, change)

    def merged_with(self, condition: z3.BoolRef, other: "SymMap") -> "SymMap":
        """This table where the condition holds, the other elsewhere."""
        return Merged(condition, self, other)

    def count_in_range(self, first: Any, count: int, predicate: Callable[[Any], Any]) -> Any:
        """See `Map.count_in_range`: a measure of the base, moved by what each update writes."""
        raise NotImplementedError

    def writes(self) -> list[tuple[Any, Any]]:
        """The ranges (first, count) that may differ from the base."""
        raise NotImplementedError

    def total_over_blocks(self, size: int, part: Callable[[Any, Any], Any]) -> Any:
        """See `Map.total_over_blocks`: the base's total, moved by the one block that a step writes."""
        writes = self.writes()
        total = base_total(self.base, size, part)
        if not writes:
            return total
        context = current()
        block = as_key(self.base.key_type, writes[-1][0] & ~(size - 1))
        single = conjunction(self._inside(first, count, block, size) for first, count in writes)
        if context.implies(single):
            before, after = (bits_term(part(table, block)).widened(TOTAL_WIDTH) for table in (self.base, self))
            return total if is_same(before, after) else SymBits(total.z - before + after, TOTAL_WIDTH)
        width = bits_term(block).width
        other = SymBits(context.invent("block", z3.BitVecSort(width)), width) & ~(size - 1)
        same = bits_term(part(self.base, other)).z == bits_term(part(self, other)).z
        context.require("a step over several blocks changes no part of a total", same)
        return total

    @staticmethod
    def _inside(first: Any, count: Any, block: Any, size: int) -> z3.BoolRef:
        """Whether a written range lies in one block, or is empty."""
        n = bits_term(count)
        begins, ends = first & ~(size - 1) == block, (first & (size - 1)) + n <= size
        return z3.Or(n.z == 0, z3.And(bool_term(begins), bool_term(ends)))


TOTAL_WIDTH = 44
"""Wide enough for a part of every one of 2**40 keys, and one more."""


def base_total(base: "Base", size: int, part: Callable[[Any, Any], Any]) -> SymBits:
    """The total over the base: unknown, but no more than the table has keys."""
    name, fields = named(part)
    function = z3.Function(f"total:{base.name}:{name}:{size}", *(f.sort() for f in fields), z3.BitVecSort(TOTAL_WIDTH))
    total = function(*fields)
    current().axioms.append(z3.ULE(total, z3.BitVecVal(1 << (width_of(base.key_type) or 0), TOTAL_WIDTH)))
    current().totals[total.get_id()] = Total(total, base, size, part)
    return SymBits(total, TOTAL_WIDTH)


class Base(SymMap):
    """A table of which nothing is known: one uninterpreted function for each leaf of its value."""

    def __init__(self, name: str, key_type: Any, value_type: Any) -> None:
        super().__init__(self)
        self.name = name
        self.key_type = key_type
        self.value_type = value_type
        self._sorts = sorts_of(key_type)

    def __getitem__(self, key: Any) -> Any:
        key = as_key(self.key_type, key)
        current().keys.setdefault(self.name, {})[identity(key)] = key
        return super().__getitem__(key)

    def value_at(self, key: Any) -> Any:
        arguments = leaves(key)

        def leaf(name: str, sort: z3.SortRef) -> Any:
            return z3.Function(name, *self._sorts, sort)(*arguments)

        return symbolic(self.value_type, leaf, self.name)

    def writes(self) -> list[tuple[Any, Any]]:
        return []

    def count_in_range(self, first: Any, count: int, predicate: Callable[[Any], Any]) -> Any:
        name, fields = named(predicate)
        first = SymBits(z3.simplify(bits_term(first).z), bits_term(first).width)
        arguments = [first.z, *fields]
        function = z3.Function(f"count:{self.name}:{name}:{count}", *(a.sort() for a in arguments), z3.BitVecSort(10))
        measure = function(*arguments)
        current().measures.append(Measure(measure, self, first, count, predicate))
        current().axioms.append(z3.ULE(measure, z3.BitVecVal(count, 10)))
        return SymBits(measure, 10)


class Written(SymMap):
    """One key changed."""

    def __init__(self, before: SymMap, key: Any, value: Any) -> None:
        super().__init__(before.base)
        self.before, self.key, self.value = before, key, value

    def value_at(self, key: Any) -> Any:
        if identity(key) == identity(self.key):
            return self.value
        return updated(same_key(key, self.key), self.before[self.key], self.value, self.before[key])

    def writes(self) -> list[tuple[Any, Any]]:
        return [*self.before.writes(), (self.key, 1)]

    def count_in_range(self, first: Any, count: int, predicate: Callable[[Any], Any]) -> Any:
        before = bits_term(self.before.count_in_range(first, count, predicate)).widened(10)
        old, new = bool_term(predicate(self.before[self.key])), bool_term(predicate(self.value))
        if is_same(old, new):
            return SymBits(before, 10)
        one, inside = z3.BitVecVal(1, 10), in_range(self.key, first, count)
        gained, lost = z3.And(inside, new, z3.Not(old)), z3.And(inside, old, z3.Not(new))
        return SymBits(z3.If(gained, before + one, z3.If(lost, before - one, before)), 10)


class RangeWritten(SymMap):
    """A range of keys changed."""

    def __init__(self, before: SymMap, first: Any, count: Any, value: Callable[[Any], Any]) -> None:
        super().__init__(before.base)
        self.before, self.first, self.count, self.value = before, first, count, value

    def value_at(self, key: Any) -> Any:
        inside = in_range(key, self.first, self.count)
        with current().under(inside):
            new = self.value(key)
        return choose(inside, new, self.before[key])

    def writes(self) -> list[tuple[Any, Any]]:
        return [*self.before.writes(), (self.first, self.count)]

    def count_in_range(self, first: Any, count: int, predicate: Callable[[Any], Any]) -> Any:
        """Where a write covers the counted range, only the new counts; where it covers its beginning, see `_part`."""
        context = current()
        before = bits_term(self.before.count_in_range(first, count, predicate)).widened(10)
        last = bits_term(first) + (count - 1)
        start, end = in_range(first, self.first, self.count), in_range(last, self.first, self.count)
        width = max(bits_term(first).width, width_of(self.base.key_type) or 0)
        i = SymBits(context.invent("uniform", z3.BitVecSort(width)), width)
        in_both = z3.And(in_range(i, first, count), in_range(i, self.first, self.count))
        with context.under(in_both):
            here = bool_term(predicate(self.value(i)))
        with context.under(start):
            at_first = bool_term(predicate(self.value(first)))
        context.require("a range write is uniform in what is counted", z3.Implies(in_both, here == at_first))
        full = z3.If(at_first, z3.BitVecVal(count, 10), z3.BitVecVal(0, 10))
        if context.implies(z3.Implies(in_both, z3.And(start, end))):
            return SymBits(z3.If(start, full, before), 10)
        context.require("a write into a counted range covers its beginning", z3.Implies(in_both, start))
        part = self._part(first, before, at_first, predicate, z3.And(start, z3.Not(end)), i, in_both)
        return SymBits(z3.If(z3.And(start, end), full, z3.If(start, part, before)), 10)

    def _part(
        self, first: Any, before: Any, new: Any, predicate: Any, partly: z3.BoolRef, i: Any, there: z3.BoolRef
    ) -> z3.BitVecRef:
        """The count after the first keys of the counted range were written; the old must be uniform there.

        So at least as many were counted before as were written, if these were.
        """
        with current().under(z3.And(partly, there)):
            old_here, old = (bool_term(predicate(self.before[key])) for key in (i, first))
        uniform = z3.Implies(z3.And(partly, there), old_here == old)
        current().require("what a range write replaces is uniform", uniform)
        length = bits_term(self.count).widened(max(10, bits_term(self.count).width))
        skipped = z3.Extract(9, 0, bits_term(first).widened(64) - bits_term(self.first).widened(64))
        written = z3.Extract(9, 0, length) - skipped
        zero = z3.BitVecVal(0, 10)
        # Only where it is uniform: that it is may not be proved from what follows of it.
        current().axioms.append(z3.Implies(z3.And(partly, old, uniform), z3.UGE(before, written)))
        return before - z3.If(old, written, zero) + z3.If(new, written, zero)


class Changed(SymMap):
    """Every value changed alike."""

    def __init__(self, before: SymMap, change: Callable[[Any], Any]) -> None:
        super().__init__(before.base)
        self.before, self.change = before, change

    def value_at(self, key: Any) -> Any:
        return self.change(self.before[key])


class Merged(SymMap):
    """One of two tables."""

    def __init__(self, condition: z3.BoolRef, then: SymMap, otherwise: SymMap) -> None:
        if then.base is not otherwise.base:
            raise TypeError(f"ite cannot choose between tables {then.base.name} and {otherwise.base.name}; write an if")
        super().__init__(then.base)
        self.condition, self.then, self.otherwise = condition, then, otherwise

    def value_at(self, key: Any) -> Any:
        return choose(self.condition, self.then[key], self.otherwise[key])

    def writes(self) -> list[tuple[Any, Any]]:
        return [*self.then.writes(), *self.otherwise.writes()]

    def count_in_range(self, first: Any, count: int, predicate: Callable[[Any], Any]) -> Any:
        counts = (table.count_in_range(first, count, predicate) for table in (self.then, self.otherwise))
        return choose(self.condition, *counts)
