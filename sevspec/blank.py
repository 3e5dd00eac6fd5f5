"""Operands and states of which everything is 0 and false, to change what matters."""

from typing import Any, get_args, get_origin

from spec.maps import Map
from spec.record import fields_of, is_record


def blank(kind: Any) -> Any:
    """A value of a declared type with nothing in it."""
    if get_origin(kind) is Map:
        return Map(blank(get_args(kind)[1]))
    if is_record(kind):
        return kind(*(blank(field.type) for field in fields_of(kind)))
    return False if kind is bool else 0
