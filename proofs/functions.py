"""Functions of the rules that no transition runs, as steps of nothing: arguments are operands, the value is the output.

The layout of the table, its raw form, the flags of an instruction and what invariants count with are such functions.
"""

from collections.abc import Callable
from ctypes import ArgumentError
from enum import IntEnum
from importlib import import_module
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import z3

from proofs.suite import Suite, Transition
from proofs.vectors import targets
from spec.maps import Map
from spec.record import is_record, record, width_of
from spec.registry import Outcome, transition, transition_info
from spec.vocabulary import Actor, Bits, Evidence, Status

CANNOT = (TypeError, RecursionError, ArgumentError, z3.Z3Exception)
"""What a function raises that cannot be explored: it shifts by an unknown number, or loops over one."""
WORD = Annotated[int, Bits(32)]
"""What a register that holds a code can hold."""


@record
class Nowhere:
    """The state of a function that has none."""


def kind_of(annotation: Any) -> Any:
    """The type of arbitrary values of a parameter, the first of several; None if it can have none."""
    if isinstance(annotation, UnionType):
        return kind_of(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, IntEnum):
        return WORD
    if get_origin(annotation) is Map:
        return annotation if all(kind_of(part) is not None for part in get_args(annotation)) else None
    known = annotation is bool or is_record(annotation) or width_of(annotation) is not None
    return annotation if known else None


def called(module: str, name: str) -> Callable[..., Any]:
    """A function, or what calling an instance of a class does."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]  # whatever has this name


def parameters(module: str, name: str) -> dict[str, Any] | None:
    """The types of a function's arguments; None if some can have no arbitrary value."""
    function = called(module, name)
    owner, _, _ = name.rpartition(".")
    hints = ({"self": called(module, owner)} if owner else {}) | get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    kinds = {parameter: kind_of(kind) for parameter, kind in hints.items()}
    return None if None in kinds.values() else kinds


def as_step(module: str, name: str) -> tuple[Suite, Transition] | None:
    """A function as a transition from nowhere to nowhere."""
    kinds = parameters(module, name)
    if kinds is None:
        return None
    function = called(module, name)
    names = {parameter: f"given_{parameter}" for parameter in kinds}
    arguments: Any = record(type("Arguments", (), {"__annotations__": {names[p]: kind for p, kind in kinds.items()}}))

    def step(system: Nowhere, op: Any) -> Outcome:
        value = function(**dict(zip(kinds, op, strict=True)))
        check = value if isinstance(value, str) else "value"
        return Outcome(Status.SUCCESS, check, system, Evidence.MANUAL, value)

    step.__name__ = name
    step.__annotations__ = {"system": Nowhere, "op": arguments, "return": Outcome}
    made = transition(actor=Actor.HARDWARE, manual=module)(step)
    return Suite(f"function {name}", Nowhere, (made,), (), ()), made


def step_named(name: str) -> tuple[Suite, Transition]:
    """The transition of this name, or the function that `MODULE:NAME` names, with the suite that it belongs to."""
    module, colon, function = name.partition(":")
    if not colon:
        return next((suite, step) for suite, step in targets() if transition_info(step).name == name)
    step = as_step(module, function)
    if step is None:
        raise TypeError(f"{name}: its arguments can have no arbitrary values")
    return step
