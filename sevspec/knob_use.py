"""Where `spec/` reads its knobs."""

import ast
from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

from sevspec.source import Function, function_of, reached
from spec.knobs import DEFAULT_KNOBS, Knob, Knobs


class KnobReader(NamedTuple):
    """A place in `spec/` that reads a knob."""

    function: str
    place: str


@cache
def knob_reads(function: Function) -> tuple[tuple[str, int], ...]:
    """The knob fields that a function's own text reads, with their lines."""
    return tuple(
        (node.attr, node.lineno)
        for node in ast.walk(function.node)
        if isinstance(node, ast.Attribute) and node.attr in Knobs.__annotations__
        if ast.unparse(node.value).rpartition(".")[2] == "knobs"
    )


def readers_of(knob: Knob, roots: Iterable[Callable[..., Any]]) -> tuple[KnobReader, ...]:
    """Where a knob is read, as far as one of these functions gets there."""
    found = {}
    for root in roots:
        for function in reached(function_of(root)):
            for field, line in knob_reads(function):
                if field == knob.field:
                    place = f"{function.text.file}:{line}"
                    found[place] = KnobReader(function.node.name, place)
    return tuple(found[place] for place in sorted(found))


def default_of(knob: Knob) -> str:
    """A knob's default as the source spells it."""
    value = getattr(DEFAULT_KNOBS, knob.field)
    return value.name if isinstance(value, Enum) else str(value)
