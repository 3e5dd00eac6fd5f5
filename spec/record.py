"""`@record`: a frozen value whose fields have declared widths, checked on construction.

A record is a tuple underneath, so that a step of the specification costs microseconds. Fields are declared as in a
dataclass. An `Annotated[int, Bits(n)]` field takes 0 to 2**n - 1, a `bool` field True or False; anything else is
refused by name. A symbolic value is narrowed to the width, and that it fits becomes a proof obligation.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Annotated, Any, NamedTuple, TypeVar, cast, dataclass_transform, get_args, get_origin, get_type_hints

from spec.logic import Term
from spec.vocabulary import Bits

R = TypeVar("R")


class Field(NamedTuple):
    """One field of a record: its name, its type, and its width where it is a number."""

    name: str
    type: Any
    width: int | None


def bits_of(annotation: Any) -> Bits | None:
    """The declaration in `Annotated[int, Bits(n)]`, or None for another type."""
    if get_origin(annotation) is Annotated:
        for mark in get_args(annotation)[1:]:
            if isinstance(mark, Bits):
                return mark
    return None


def width_of(annotation: Any) -> int | None:
    """The declared width of `Annotated[int, Bits(n)]`, or None for another type."""
    bits = bits_of(annotation)
    return None if bits is None else bits.width


def fields_of(cls: Any) -> tuple[Field, ...]:
    """The fields of a record class, in order."""
    return cast("tuple[Field, ...]", cls.__record_fields__)


def is_record(cls: Any) -> bool:
    """Whether `cls` was made by `@record`."""
    return hasattr(cls, "__record_fields__")


def fit(value: Any, width: int, what: str) -> Any:
    """`value` as a number of `width` bits, or ValueError naming what does not fit."""
    if isinstance(value, Term):
        return value.fit(width, what)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << width:
        return value
    raise ValueError(f"{what}: {value!r} is not a number of {width} bits")


def truth(value: Any, what: str) -> Any:
    """`value` as a truth value, or ValueError naming what is none."""
    if isinstance(value, (bool, Term)):
        return value
    raise ValueError(f"{what}: {value!r} is not a truth value")


class _Keep:
    """Marks a field that `replace` leaves alone."""


_KEEP = _Keep()


def _checks(field: Field, what: str) -> str:
    if field.width is not None:
        return (
            f"    if {field.name}.__class__ is not int or {field.name} >> {field.width}:\n"
            f"        {field.name} = fit({field.name}, {field.width}, {what!r})\n"
        )
    if field.type is bool:
        return (
            f"    if {field.name} is not True and {field.name} is not False:\n"
            f"        {field.name} = truth({field.name}, {what!r})\n"
        )
    return ""


def _compile(cls: type, fields: tuple[Field, ...], defaults: dict[str, Any]) -> tuple[Any, Any]:
    names = [field.name for field in fields]
    signature = ", ".join(f"{n}=_default_{n}" if n in defaults else n for n in names)
    make = "    return tuple_new(cls, (" + "".join(f"{n}, " for n in names) + "))\n"
    source = f"def __new__(cls, {signature}):\n"
    source += "".join(_checks(field, f"{cls.__name__}.{field.name}") for field in fields) + make
    source += "def _with(self" + (", *, " if names else "") + ", ".join(f"{n}=KEEP" for n in names) + "):\n"
    for position, field in enumerate(fields):
        checks = (
            _checks(field, f"{cls.__name__}.{field.name}")
            .replace("    ", "        ", 1)
            .replace("\n    ", "\n        ")
        )
        source += f"    if {field.name} is KEEP:\n        {field.name} = self[{position}]\n"
        if checks:
            source += "    else:\n" + checks.rstrip(" ")
    source += "    cls = self.__class__\n" + make
    scope: dict[str, Any] = {"fit": fit, "truth": truth, "tuple_new": tuple.__new__, "KEEP": _KEEP}
    scope.update({f"_default_{name}": value for name, value in defaults.items()})
    exec(compile(source, f"<record {cls.__name__}>", "exec"), scope)  # noqa: S102 - our own text, made above
    return scope["__new__"], scope["_with"]


def _show(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and type(value) is int and value > 9:
        return hex(value)
    return str(value) if isinstance(value, int) else repr(value)


def _repr(self: Any) -> str:
    pairs = zip(self.__record_fields__, self, strict=True)
    return f"{type(self).__name__}(" + ", ".join(f"{f.name}={_show(v)}" for f, v in pairs) + ")"


@dataclass_transform(frozen_default=True)
def record(cls: type[R]) -> type[R]:
    """Make `cls` a frozen record of its annotated fields."""
    hints = get_type_hints(cls, include_extras=True)
    fields = tuple(Field(name, hints[name], width_of(hints[name])) for name in cls.__annotations__)
    defaults = {f.name: cls.__dict__[f.name] for f in fields if f.name in cls.__dict__}
    new, with_ = _compile(cls, fields, defaults)
    own = {k: v for k, v in cls.__dict__.items() if k not in defaults and k not in ("__dict__", "__weakref__")}
    own.update(
        {f.name: property(itemgetter(i)) for i, f in enumerate(fields)},
        __slots__=(),
        __record_fields__=fields,
        __new__=new,
        _with=with_,
        __repr__=_repr,
    )
    return cast("type[R]", type(cls.__name__, (tuple,), own))


def replace(value: R, **changes: Any) -> R:
    """A copy of a record with some fields changed, checked as on construction."""
    with_: Callable[..., R] = cast(Any, value)._with
    return with_(**changes)
