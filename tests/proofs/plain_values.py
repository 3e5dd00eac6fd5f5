"""Hypothesis strategies for plain states and operands: the plainest value, with a few fields changed."""

from typing import Any, get_args

from hypothesis import strategies as st

from proofs.templates import nothing
from spec.maps import Map
from spec.record import fields_of, is_record, replace, width_of

INTERESTING = (0, 1, 2, 3, 5, 0x1FF, 0x200, 0x201, 0x3FF, 0x1000, 0x2000, 0x200000, 0x201000, 0x400000)
"""Numbers that collide: pages 0 to 3 and 0x200 to 0x201, as numbers and as addresses; ASIDs; masks."""


def numbers(width: int) -> Any:
    """A number of a width: mostly one of few, so that keys and operands meet."""
    fitting = [number for number in INTERESTING if number >> width == 0]
    return st.one_of(st.sampled_from(fitting), st.sampled_from(fitting), st.integers(0, (1 << width) - 1))


@st.composite
def changed(draw, kind: Any, value: Any, times: int) -> Any:
    """`value` with up to `times` of its fields and entries drawn anew."""
    for _ in range(draw(st.integers(0, times))):
        value = draw(changed_once(kind, value))
    return value


@st.composite
def changed_once(draw, kind: Any, value: Any) -> Any:
    """`value` with one field or entry drawn anew."""
    if kind is bool:
        return draw(st.booleans())
    if isinstance(value, Map):
        key_type, value_type = get_args(kind)
        key = draw(changed(key_type, nothing(key_type), 3))
        return value.set(key, draw(changed(value_type, value[key], 6)))
    if is_record(kind) and not fields_of(kind):
        return value
    if is_record(kind):
        field = draw(st.sampled_from(fields_of(kind)))
        return replace(value, **{field.name: draw(changed_once(field.type, getattr(value, field.name)))})
    return draw(numbers(width_of(kind)))


def plain_values(kind: Any, times: int) -> Any:
    """A value of a declared type."""
    return changed(kind, nothing(kind), times)
