"""The words in which rules are written. On plain values they compute; on terms (see `Term`) they build formulas.

A rule uses `all_of`, `any_of`, `none_of`, `implies` for truth, `ite` and `select` to choose data, and one `if` for each
outcome. Python's `and`, `or`, `not`, `in` and chained comparison decide at once and so do not appear in rules.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Term:
    """A value that is not known yet. `proofs/` supplies the only implementation; rules never mention it.

    A term has the operators of the value that it stands for. Asking for its truth outside an exploration is an error,
    and so is hashing it.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # a term has no value to hash

    def all_with(self, other: Any) -> Any:
        """Conjunction with a truth value."""
        raise NotImplementedError

    def any_with(self, other: Any) -> Any:
        """Disjunction with a truth value."""
        raise NotImplementedError

    def negated(self) -> Any:
        """Negation."""
        raise NotImplementedError

    def chooses(self, then: Any, otherwise: Any) -> Any:
        """`then` where this truth value holds, `otherwise` elsewhere."""
        raise NotImplementedError

    def fit(self, width: int, what: str) -> Any:
        """This number as a field of `width` bits; that it fits becomes an obligation."""
        raise NotImplementedError

    def holds_throughout(self, count: Any, predicate: Callable[[Any], Any]) -> Any:
        """Whether `predicate` holds for the `count` numbers from this one."""
        raise NotImplementedError

    def hashed(self, length: int) -> Any:
        """SHA-384 of this number as `length` bytes; see `spec/ideal.py`."""
        raise NotImplementedError

    def idealised(self, name: str, width: int, numbers: tuple[Any, ...]) -> Any:
        """An unknown function of these numbers; see `spec/ideal.py`."""
        raise NotImplementedError


# Most conditions of a rule have one or two terms and are known, so those are parameters and are looked at first.


def all_of(first: bool = True, second: bool = True, /, *others: bool) -> bool:
    """True if every condition holds."""
    for condition in others:
        second = all_of(second, condition)
    if first is True:
        return second
    if first is False or second is False:
        return False
    return first if second is True else _both(first, second)


def any_of(first: bool = False, second: bool = False, /, *others: bool) -> bool:
    """True if some condition holds."""
    for condition in others:
        second = any_of(second, condition)
    if first is False:
        return second
    if first is True or second is True:
        return True
    return first if second is False else _either(first, second)


def none_of(first: bool = False, second: bool = False, /, *others: bool) -> bool:
    """True if no condition holds."""
    if second is not False or others:
        first = any_of(first, second, *others)
    if first is False:
        return True
    return False if first is True else _negation(first)


def _both(left: Any, right: Any) -> bool:
    return cast(bool, left.all_with(right))


def _either(left: Any, right: Any) -> bool:
    return cast(bool, left.any_with(right))


def _negation(condition: Any) -> bool:
    return cast(bool, condition.negated())


def implies(premise: bool, conclusion: bool) -> bool:
    """True unless the premise holds and the conclusion does not."""
    return any_of(none_of(premise), conclusion)


def iff(left: bool, right: bool) -> bool:
    """True if both hold or neither does."""
    return all_of(implies(left, right), implies(right, left))


def ite(condition: bool, then: T, otherwise: T) -> T:
    """Data by condition: `then` if it holds, else `otherwise`. For outcomes write an `if`."""
    if condition is True:
        return then
    if condition is False:
        return otherwise
    return cast(T, cast(Any, condition).chooses(then, otherwise))


def select(index: int, choices: tuple[T, ...]) -> T:
    """The choice at `index`, which must be less than the number of choices."""
    if not isinstance(index, Term):
        return choices[index]
    result = choices[-1]
    for position in range(len(choices) - 2, -1, -1):
        result = ite(cast(Any, index) == position, choices[position], result)
    return result


def first_of(*causes: tuple[str, bool]) -> str | None:
    """The name of the first cause that holds: several named causes of one outcome."""
    for name, condition in causes:
        if condition:
            return name
    return None


def as_bit(condition: bool) -> int:
    """1 if the condition holds, else 0."""
    return ite(condition, 1, 0)


def all_in_range(first: int, count: int, predicate: Callable[[int], bool]) -> bool:
    """True if the predicate holds for each of the `count` numbers from `first`."""
    if isinstance(first, Term):
        return cast(bool, first.holds_throughout(count, predicate))
    if isinstance(count, Term):  # a known start and an unknown length: the start, as a term as wide as the length
        return cast(bool, ((cast(Any, count) ^ count) | first).holds_throughout(count, predicate))
    result = True
    for number in range(first, first + count):
        result = all_of(result, predicate(number))
        if result is False:
            break
    return result


def any_in_range(first: int, count: int, predicate: Callable[[int], bool]) -> bool:
    """True if the predicate holds for at least one of the `count` numbers from `first`."""
    if isinstance(first, Term) or isinstance(count, Term):
        return none_of(all_in_range(first, count, lambda number: none_of(predicate(number))))
    result = False
    for number in range(first, first + count):
        result = any_of(result, predicate(number))
        if result is True:
            break
    return result


def same(left: Any, right: Any) -> bool:
    """Equality of two values of one type, field by field for records."""
    if isinstance(left, tuple) and not isinstance(left, Term):
        return all_of(*(same(a, b) for a, b in zip(left, right, strict=True)))
    return cast(bool, left == right)


def is_subset(mask: int, of: int) -> bool:
    """True if every bit set in `mask` is set in `of`."""
    return (mask & of) == mask
