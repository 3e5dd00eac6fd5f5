"""`Map`: a total, persistent table. Every key has a value; an update makes a new table and leaves the old one.

Concretely a map is a base (one value for every key, or a function of the key) and the keys that differ from it.
Symbolically it is a function from key to value, so a table over 2**40 pages costs what its updates cost.
"""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from immutables import Map as PersistentMap

K = TypeVar("K")
V = TypeVar("V")


class Map(Generic[K, V]):
    """A total map: `m[k]`, `m.set(k, v)`, `m.set_range(first, count, f)`, and counts over ranges."""

    __slots__ = ("_base", "_changed", "_default")

    def __init__(self, default: V, base: Callable[[K], V] | None = None, changed: Any = None) -> None:
        self._default = default
        self._base = base
        self._changed: Any = PersistentMap() if changed is None else changed

    @classmethod
    def of(cls, base: Callable[[K], V]) -> "Map[K, V]":
        """The map that gives `base(k)` for every key."""
        return cls(cast(V, None), base)

    def __getitem__(self, key: K) -> V:
        if self._base is None or key in self._changed:
            value: V = self._changed.get(key, self._default)
            return value
        return self._base(key)

    def set(self, key: K, value: V) -> "Map[K, V]":
        """The map that differs from this one at `key` at most."""
        changed = self._changed
        if value != (self._default if self._base is None else self._base(key)):
            return Map(self._default, self._base, changed.set(key, value))
        return Map(self._default, self._base, changed.delete(key)) if key in changed else self

    def set_range(self, first: int, count: int, value: Callable[[int], V]) -> "Map[K, V]":
        """The map that gives `value(k)` for the `count` keys from `first`, and agrees with this one elsewhere."""
        with self._changed.mutate() as changed:
            for number in range(first, first + count):
                new, key = value(number), cast(K, number)
                if new != (self._default if self._base is None else self._base(key)):
                    changed[key] = new
                elif key in changed:
                    del changed[key]
            return Map(self._default, self._base, changed.finish())

    def each(self, change: Callable[[V], V]) -> "Map[K, V]":
        """The map that gives `change(m[k])` for every key."""
        made: Map[K, V]
        if self._base is None:
            made = Map(change(self._default))
        else:
            base = self._base
            made = Map.of(lambda key: change(base(key)))
        for key, value in self._changed.items():
            made = made.set(key, change(value))
        return made

    def count_in_range(self, first: int, count: int, predicate: Callable[[V], bool]) -> int:
        """How many of the `count` keys from `first` have a value of which the predicate holds."""
        return sum(bool(predicate(self[cast(K, number)])) for number in range(first, first + count))

    def total_over_blocks(self, size: int, part: Callable[["Map[K, V]", int], int]) -> int:
        """The sum of `part(self, first)` over all aligned blocks of `size` keys; one that equals the base counts 0."""
        blocks = {cast(int, key) & ~(size - 1) for key in self._changed}
        return sum(part(self, first) for first in blocks)

    def changed(self) -> Iterator[tuple[K, V]]:
        """The keys whose value differs from the base, in no order; for reports and tests, not for rules."""
        return iter(self._changed.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Map):
            return NotImplemented
        alike = self._default == other._default and self._base is other._base
        return alike and cast(bool, self._changed == other._changed)

    __hash__ = None  # type: ignore[assignment]  # a map is compared, never used as a key

    def __repr__(self) -> str:
        def show(key: Any) -> str:
            return hex(key) if isinstance(key, int) else repr(key)

        base = repr(self._default) if self._base is None else "…"
        return "Map(" + "".join(f"{show(k)}: {v!r}, " for k, v in self._changed.items()) + f"otherwise: {base})"
