"""Keys of symbolic tables, and the names by which what is counted in them goes."""

from collections.abc import Callable
from typing import Any

import z3

from proofs.symbolic import SymBits, SymBool, bits_term, bool_term, conjunction, leaves
from proofs.z3_terms import equal, plainest
from spec.record import fields_of, fit, is_record, width_of


def sorts_of(kind: Any) -> list[z3.SortRef]:
    """The z3 sorts of a type's leaves."""
    if kind is bool:
        return [z3.BoolSort()]
    width = width_of(kind)
    if width is not None:
        return [z3.BitVecSort(width)]
    if is_record(kind):
        return [sort for field in fields_of(kind) for sort in sorts_of(field.type)]
    raise TypeError(f"no sort for {kind!r}")


def as_key(kind: Any, key: Any) -> Any:
    """`key` as a value of the key type, each number as a term of exactly its declared width."""
    width = width_of(kind)
    if width is not None:
        term = bits_term(fit(key, width, "map key"))
        return SymBits(plainest(term.widened(width)), width)
    if is_record(kind):
        return tuple.__new__(kind, tuple(as_key(f.type, part) for f, part in zip(fields_of(kind), key, strict=True)))
    if kind is bool:
        return SymBool(bool_term(key))
    raise TypeError(f"no key of type {kind!r}")


def same_key(left: Any, right: Any) -> z3.BoolRef:
    """Equality of two keys as a z3 truth value."""
    pairs = zip(leaves(left), leaves(right), strict=True)
    return conjunction(equal(a, b) for a, b in pairs)


def identity(key: Any) -> tuple[int, ...]:
    """What tells two key terms apart syntactically."""
    return tuple(leaf.get_id() for leaf in leaves(key))


_NAMED: dict[str, Any] = {}
"""What has which name, of all that is counted or summed."""


def named(function: Callable[..., Any]) -> tuple[str, list[Any]]:
    """What tells one counted property from another: its name, and its fields where it is a record.

    A count is a function of that name, so no two properties may share it, and none may hold values besides its fields.
    """
    kind = type(function) if is_record(type(function)) else function
    name: str = kind.__name__
    if _NAMED.setdefault(name, kind) is not kind or getattr(function, "__closure__", None):
        raise TypeError(f"{name}: what is counted is a function or a record class with a name of its own")
    return name, [] if kind is function else leaves(function)
