"""Where `spec/` reads its knobs."""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from sevspec import field_use
from sevspec.field_use import Reader, field_reads
from sevspec.source import Function
from spec.knobs import DEFAULT_KNOBS, Knob, Knobs

OWNER = "knobs"
"""What rules call the record of knobs."""


def knob_reads(function: Function) -> tuple[tuple[str, int], ...]:
    """The knob fields that a function's own text reads, with their lines."""
    return tuple(read for read in field_reads(function, OWNER) if read[0] in Knobs.__annotations__)


def readers_of(knob: Knob, roots: Iterable[Callable[..., Any]]) -> tuple[Reader, ...]:
    """Where a knob is read, as far as one of these functions gets there."""
    return field_use.readers_of(OWNER, knob.field, roots)


def default_of(knob: Knob) -> str:
    """A knob's default as the source spells it."""
    value = getattr(DEFAULT_KNOBS, knob.field)
    return value.name if isinstance(value, Enum) else str(value)
