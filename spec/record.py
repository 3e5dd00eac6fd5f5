"""`@record`: a frozen value whose fields have declared widths, checked on construction.

A record is a tuple underneath, so that a step of the specification costs microseconds. Fields are declared as in a
dataclass. An `Annotated[int, Bits(n)]` field takes 0 to 2**n - 1, a `bool` field True or False; anything else is
refused by name. A symbolic value is narrowed to the width, and that it fits becomes a proof obligation.
"""

from collections import namedtuple
from typing import Annotated, Any, NamedTuple, TypeVar, cast, dataclass_transform, get_args, get_origin, get_type_hints

from spec.logic import Term
from spec.vocabulary import Bits

_tuple_new: Any = tuple.__new__

R = TypeVar("R")


class Field(NamedTuple):
    """One field of a record: its name, its type, and its width where it is a number."""

    name: str
    type: Any
    width: int | None

    def checked(self, value: Any, record: str) -> Any:
        """The value as the field takes it, or ValueError."""
        what = f"{record}.{self.name}"
        return truth(value, what) if self.width is None else fit(value, self.width, what)


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


_NUMBERS: set[type] = {int}
"""Classes whose instances are numbers: plain ones, and enumerations as they are met."""


def fit(value: Any, width: int, what: str) -> Any:
    """`value` as a number of `width` bits, or ValueError naming what does not fit."""
    if isinstance(value, Term):
        return value.fit(width, what)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << width:
        _NUMBERS.add(value.__class__)
        return value
    raise ValueError(f"{what}: {value!r} is not a number of {width} bits")


def truth(value: Any, what: str) -> Any:
    """`value` as a truth value, or ValueError naming what is none."""
    if isinstance(value, (bool, Term)):
        return value
    raise ValueError(f"{what}: {value!r} is not a truth value")


def _constructor(cls: type, fields: tuple[Field, ...], defaults: dict[str, Any]) -> Any:
    """`__new__` with the fields as parameters, written out: a check costs no call where the value is a plain one."""
    names = [field.name for field in fields]
    signature = ", ".join(f"{n}=_default_{n}" if n in defaults else n for n in names)
    source = f"def __new__(cls, {signature}):\n"
    for name, kind, width in fields:
        if width is not None:
            source += f"    if {name}.__class__ is not int and {name}.__class__ not in numbers or {name} >> {width}:\n"
            source += f"        {name} = fit({name}, {width}, {f'{cls.__name__}.{name}'!r})\n"
        elif kind is bool:
            source += f"    if {name} is not True and {name} is not False:\n"
            source += f"        {name} = truth({name}, {f'{cls.__name__}.{name}'!r})\n"
    source += "    return tuple_new(cls, (" + "".join(f"{n}, " for n in names) + "))\n"
    scope: dict[str, Any] = {"fit": fit, "truth": truth, "numbers": _NUMBERS, "tuple_new": _tuple_new}
    scope.update({f"_default_{name}": value for name, value in defaults.items()})
    exec(compile(source, f"<record {cls.__name__}>", "exec"), scope)  # noqa: S102 - our own text, made above
    return scope["__new__"]


def _unquestioned(field: Field) -> tuple[type | None, int]:
    """The class and the width of values that `replace` takes as they are; no class where it takes everything."""
    if field.width is not None:
        return int, field.width
    return (bool, 1) if field.type is bool else (None, 0)


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
    own = {k: v for k, v in cls.__dict__.items() if k not in defaults and k not in ("__dict__", "__weakref__")}
    twin = cast(Any, namedtuple)(cls.__name__, [f.name for f in fields])
    own.update(
        {f.name: twin.__dict__[f.name] for f in fields},
        __slots__=(),
        __record_fields__=fields,
        __record_places__={f.name: (position, *_unquestioned(f)) for position, f in enumerate(fields)},
        __new__=_constructor(cls, fields, defaults),
        __repr__=_repr,
    )
    return cast("type[R]", type(cls.__name__, (tuple,), own))


def replace(value: R, /, **changes: Any) -> R:
    """A copy of a record with some fields changed, checked as on construction."""
    known: Any = value
    values, places = [*known], known.__record_places__
    for name, new in changes.items():
        try:
            position, kind, width = places[name]
        except KeyError:
            raise TypeError(f"{type(value).__name__} has no field {name!r}") from None
        if kind is not None and (new.__class__ is not kind or new >> width):
            field: Field = known.__record_fields__[position]
            new = field.checked(new, type(value).__name__)
        values[position] = new
    copy: R = _tuple_new(known.__class__, values)
    return copy
