"""Symbolic values: unsigned bit vectors, truth values, and total tables as functions.

A number's width grows with `+` and `<<`, so arithmetic agrees with plain integers; narrowing it to a declared width,
and subtracting, are obligations.
"""

from collections.abc import Callable, Iterable
from typing import Any

import z3

from proofs.context import CURRENT, RangeFact, current
from proofs.within import is_inside
from proofs.z3_terms import (
    at_most,
    both,
    choice,
    different,
    either,
    equal,
    extracted,
    is_same,
    less,
    negation,
    numeral,
    truth_value,
    zero_extended,
)
from spec.logic import Term
from spec.record import fields_of, is_record, width_of

ZERO = z3.BitVecVal(0, 1)
WIDEST_COUNT = 6
"""A number may be shifted left by an unknown one of so many bits; the result has room for the longest shift."""


class SymBool(Term):
    """A truth value that is not known."""

    __slots__ = ("z",)

    def __init__(self, z: z3.BoolRef) -> None:
        self.z = z

    def __bool__(self) -> bool:
        return current().decide(self.z)

    def all_with(self, other: Any) -> "SymBool":
        return SymBool(both(self.z, bool_term(other)))

    def any_with(self, other: Any) -> "SymBool":
        return SymBool(either(self.z, bool_term(other)))

    def negated(self) -> "SymBool":
        return SymBool(negation(self.z))

    def chooses(self, then: Any, otherwise: Any) -> Any:
        context = CURRENT.get()
        if context is not None and context.forks:
            context.choices.append((self.z, then, otherwise))
        return merge(self.z, then, otherwise)

    def __eq__(self, other: object) -> Any:
        return SymBool(equal(self.z, bool_term(other)))

    def __ne__(self, other: object) -> Any:
        return SymBool(different(self.z, bool_term(other)))

    def __repr__(self) -> str:
        return f"SymBool({self.z})"


def bool_term(value: Any) -> z3.BoolRef:
    """The z3 term of a truth value, known or not."""
    if isinstance(value, SymBool):
        return value.z
    if isinstance(value, bool):
        return truth_value(value)
    raise TypeError(f"{value!r} is not a truth value")


class SymBits(Term):
    """An unsigned number of `width` bits that is not known."""

    __slots__ = ("width", "z")

    def __init__(self, z: z3.BitVecRef, width: int) -> None:
        self.z = z
        self.width = width

    def __bool__(self) -> bool:
        raise TypeError("a number is not a condition; compare it with 0")

    def widened(self, width: int) -> z3.BitVecRef:
        """The z3 term with zeros in front."""
        return self.z if width == self.width else zero_extended(self.z, width - self.width)

    def _with(self, other: Any, extra: int = 0) -> tuple[z3.BitVecRef, z3.BitVecRef, int]:
        right = bits_term(other)
        width = max(self.width, right.width) + extra
        return self.widened(width), right.widened(width), width

    def __eq__(self, other: object) -> Any:
        a, b, _ = self._with(other)
        return SymBool(equal(a, b))

    def __ne__(self, other: object) -> Any:
        a, b, _ = self._with(other)
        return SymBool(different(a, b))

    def __lt__(self, other: Any) -> Any:
        a, b, _ = self._with(other)
        return SymBool(less(a, b))

    def __le__(self, other: Any) -> Any:
        a, b, _ = self._with(other)
        return SymBool(at_most(a, b))

    def __gt__(self, other: Any) -> Any:
        a, b, _ = self._with(other)
        return SymBool(less(b, a))

    def __ge__(self, other: Any) -> Any:
        a, b, _ = self._with(other)
        return SymBool(at_most(b, a))

    def __add__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:
            return self
        a, b, width = self._with(other, extra=1)
        return SymBits(a + b, width)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, int) and other == 0:
            return self
        a, b, width = self._with(other)
        current().require("subtraction does not go below zero", at_most(b, a))
        return SymBits(a - b, width)

    def __rsub__(self, other: Any) -> Any:
        return bits_term(other) - self

    def __and__(self, other: Any) -> Any:
        if isinstance(other, int) and other < 0:
            return SymBits(self.z & numeral(other & ((1 << self.width) - 1), self.width), self.width)
        if isinstance(other, int):
            width = min(self.width, max(1, other.bit_length()))
            low = extracted(self.z, width - 1, 0) if width < self.width else self.z
            full = other & ((1 << width) - 1) == (1 << width) - 1
            return SymBits(low if full else low & numeral(other & ((1 << width) - 1), width), width)
        a, b, width = self._with(other)
        return SymBits(a & b, width)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        a, b, width = self._with(other)
        return SymBits(a | b, width)

    __ror__ = __or__

    def __xor__(self, other: Any) -> Any:
        a, b, width = self._with(other)
        return SymBits(a ^ b, width)

    __rxor__ = __xor__

    def __lshift__(self, count: int) -> Any:
        if count == 0:
            return self
        return SymBits(z3.Concat(self.z, numeral(0, count)), self.width + count)

    def __rlshift__(self, value: int) -> Any:
        if self.width > WIDEST_COUNT:
            raise TypeError(f"a shift by a number of {self.width} bits")
        width = bits_term(value).width + (1 << self.width) - 1
        return SymBits(numeral(value, width) << self.widened(width), width)

    def __rshift__(self, count: Any) -> Any:
        if isinstance(count, Term):
            a, b, width = self._with(count)
            return SymBits(z3.LShR(a, b), width)
        if count >= self.width:
            return 0
        return SymBits(extracted(self.z, self.width - 1, count), self.width - count)

    def fit(self, width: int, what: str) -> Any:
        if width >= self.width:
            return self
        high = extracted(self.z, self.width - 1, width)
        current().require(f"{what} fits {width} bits", equal(high, numeral(0, self.width - width)))
        return SymBits(extracted(self.z, width - 1, 0), width)

    def holds_throughout(self, count: Any, predicate: Callable[[Any], Any]) -> Any:
        return range_truth(self, count, predicate)

    def hashed(self, length: int) -> Any:
        width = 8 * length
        function = z3.Function(f"sha384:{length}", z3.BitVecSort(width), z3.BitVecSort(384))
        number = self.fit(width, "the hashed number")
        return SymBits(function(number.widened(width)), 384)

    def idealised(self, name: str, width: int, numbers: tuple[Any, ...]) -> Any:
        arguments = [bits_term(number).z for number in numbers]
        function = z3.Function(f"ideal:{name}", *(a.sort() for a in arguments), z3.BitVecSort(width))
        return SymBits(function(*arguments), width)

    def __repr__(self) -> str:
        return f"SymBits{self.width}({self.z})"


def bits_term(value: Any) -> SymBits:
    """A number as a term, known or not."""
    if isinstance(value, SymBits):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        width = max(1, value.bit_length())
        return SymBits(numeral(value, width), width)
    raise TypeError(f"{value!r} is not a number")


def merge(condition: z3.BoolRef, then: Any, otherwise: Any) -> Any:
    """`then` where the condition holds and `otherwise` elsewhere, field by field."""
    if then is otherwise:
        return then
    if hasattr(then, "merged_with"):
        return then.merged_with(condition, otherwise)
    if is_record(type(then)):
        fields = (merge(condition, a, b) for a, b in zip(then, otherwise, strict=True))
        return tuple.__new__(type(then), tuple(fields))
    if same_term(then, otherwise):
        return then
    if isinstance(then, (bool, SymBool)):
        return SymBool(choice(condition, bool_term(then), bool_term(otherwise)))
    if isinstance(then, (int, SymBits)):
        a, b = bits_term(then), bits_term(otherwise)
        width = max(a.width, b.width)
        return SymBits(choice(condition, a.widened(width), b.widened(width)), width)
    if then == otherwise:
        return then
    raise TypeError(f"ite cannot choose between {then!r} and {otherwise!r}; write an if")


def same_term(left: Any, right: Any) -> bool:
    """Whether two values are one term, or equal plain values of one type."""
    if isinstance(left, Term):
        return isinstance(right, type(left)) and is_same(left.z, right.z)  # type: ignore[attr-defined]  # both have one
    return type(left) is type(right) and bool(left == right)


def in_range(number: Any, first: Any, count: Any) -> Any:
    """Whether `number` is one of the `count` numbers from `first`, as a z3 truth value; no wrap is possible."""
    n, f, c = bits_term(number), bits_term(first), bits_term(count)
    width = max(n.width, f.width, c.width) + 1
    return is_inside(n.widened(width), f.widened(width), c.widened(width))


def ends_within(first: SymBits, count: SymBits) -> z3.BoolRef:
    """Whether all the `count` numbers from `first` are as wide as it is."""
    width = max(first.width, count.width) + 2
    return at_most(first.widened(width) + count.widened(width), numeral(1 << first.width, width))


def range_truth(first: SymBits, count: Any, predicate: Callable[[Any], Any]) -> Any:
    """A truth value for "the predicate holds throughout": used at every index read, and with a witness if false."""
    context = current()
    if isinstance(count, int) and count == 1:
        return predicate(first)
    context.require("a range ends where its numbers end", ends_within(first, bits_term(count)))
    truth = context.invent("throughout", z3.BoolSort())
    witness = SymBits(context.invent("witness", z3.BitVecSort(first.width)), first.width)
    inside = in_range(witness, first, count)
    with context.under(inside):
        fails = z3.Not(bool_term(predicate(witness)))
    context.axioms.append(z3.Or(truth, z3.And(inside, fails)))
    context.range_facts.append(RangeFact(truth, first, count, predicate, witness))
    return SymBool(truth)


def symbolic(kind: Any, leaf: Callable[[str, z3.SortRef], Any], name: str) -> Any:
    """A value of a declared type whose leaves `leaf(name, sort)` makes: z3 constants, or function applications."""
    if kind is bool:
        return SymBool(leaf(name, z3.BoolSort()))
    width = width_of(kind)
    if width is not None:
        return SymBits(leaf(name, z3.BitVecSort(width)), width)
    if is_record(kind):
        made = (symbolic(field.type, leaf, f"{name}.{field.name}") for field in fields_of(kind))
        return tuple.__new__(kind, tuple(made))
    raise TypeError(f"{name}: no symbolic value of type {kind!r}")


def leaves(value: Any) -> list[Any]:
    """The z3 terms of a value, in field order."""
    if isinstance(value, Term):
        return [value.z]  # type: ignore[attr-defined]  # both kinds of term have one
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in leaves(part)]
    return [bool_term(value) if isinstance(value, bool) else bits_term(value).z]


def conjunction(conditions: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """All of them; in SMT-LIB text `and` has at least two arguments."""
    known = list(conditions)
    if not known:
        return z3.BoolVal(True)
    return known[0] if len(known) == 1 else z3.And(*known)


def choose(condition: Any, then: Any, otherwise: Any) -> Any:
    """`ite` for a raw z3 condition: what a table says, not what a rule chose."""
    return merge(condition, then, otherwise)
