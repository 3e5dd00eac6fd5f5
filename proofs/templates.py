"""The plainest value of each type: what a readable model or test case looks like where nothing else is asked of it."""

from typing import Any, get_args, get_origin

from spec.features import MILAN, Platform
from spec.maps import Map
from spec.record import fields_of, is_record
from spec.system.initial import booted
from spec.system.state import System

PLAINEST = {System: booted(MILAN), Platform: MILAN}
"""Where all zeros is no sensible value."""


def nothing(kind: Any) -> Any:
    """A value of a declared type in which everything is 0, false or empty, or has its declared default."""
    if kind in PLAINEST:
        return PLAINEST[kind]
    if get_origin(kind) is Map:
        return Map(nothing(get_args(kind)[1]))
    if is_record(kind):
        defaults = defaults_of(kind)
        return kind(*(defaults[f.name] if f.name in defaults else nothing(f.type) for f in fields_of(kind)))
    return False if kind is bool else 0


def defaults_of(kind: Any) -> dict[str, Any]:
    """The defaults that a record class declares."""
    values = kind.__new__.__defaults__ or ()
    names = [field.name for field in fields_of(kind)]
    return dict(zip(names[len(names) - len(values) :], values, strict=True))
