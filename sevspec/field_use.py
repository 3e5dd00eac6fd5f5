"""Where `spec/` reads the fields of one record: knobs, the rules of a careful guest."""

import ast
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from sevspec.source import Function, function_of, reached


class Reader(NamedTuple):
    """A place in `spec/` that reads a field."""

    function: str
    place: str


@cache
def field_reads(function: Function, owner: str) -> tuple[tuple[str, int], ...]:
    """What a function's own text reads of the record that it calls `owner` (`….owner.field`), with the lines."""
    return tuple(
        (node.attr, node.lineno)
        for node in ast.walk(function.node)
        if isinstance(node, ast.Attribute)
        if ast.unparse(node.value).rpartition(".")[2] == owner
    )


def readers_of(owner: str, field: str, roots: Iterable[Callable[..., Any]]) -> tuple[Reader, ...]:
    """Where a field is read, as far as one of these functions gets there."""
    found = {}
    for root in roots:
        for function in reached(function_of(root)):
            for name, line in field_reads(function, owner):
                if name == field:
                    place = f"{function.text.file}:{line}"
                    found[place] = Reader(function.node.name, place)
    return tuple(found[place] for place in sorted(found))
