"""Plain states, operands and results as JSON and back.

One rule for numbers: a string in hexadecimal, `"0x1f"`. Truth values are true and false. A record is an object of its
fields, a table `{"default": …, "changed": [{"key": …, "value": …}, …]}`, a result its family, name and value.
"""

from enum import Enum, IntEnum
from typing import Any, cast, get_args, get_origin

from spec.maps import Map
from spec.record import fields_of, is_record, width_of
from spec.vocabulary import Result

FAMILIES: dict[str, type[Enum]] = {family.__name__: family for family in get_args(Result)}


class Malformed(ValueError):
    """JSON that is not what its place calls for; the message begins with the place."""


def encoded(value: Any) -> Any:
    """A plain value as JSON data."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Enum) and not isinstance(value, int):
        return value.name
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, Map):
        entries = [
            {"key": encoded(k), "value": encoded(v)} for k, v in sorted(value.changed(), key=lambda pair: pair[0])
        ]
        return {"default": encoded(cast(Any, value)._default), "changed": entries}
    if is_record(type(value)):
        return {field.name: encoded(part) for field, part in zip(fields_of(type(value)), value, strict=True)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: encoded(part) for name, part in zip(value._fields, value, strict=True)}
    if isinstance(value, tuple):
        return [encoded(part) for part in value]
    raise TypeError(f"no JSON for {value!r}")


def decoded(kind: Any, data: Any, where: str) -> Any:
    """A value of a declared type from JSON data; `Malformed` names the place that is wrong."""
    if kind is bool:
        if not isinstance(data, bool):
            raise Malformed(f"{where}: {data!r} is not true or false")
        return data
    if (width := width_of(kind)) is not None:
        return number(data, width, where)
    if get_origin(kind) is Map:
        return table(kind, data, where)
    if not is_record(kind):
        raise Malformed(f"{where}: values of type {kind!r} are not exchanged")
    return record_of(kind, data, where)


def number(data: Any, width: int, where: str) -> int:
    """A number of at most `width` bits; a plain JSON number is understood too."""
    try:
        value = int(data, 0) if isinstance(data, str) else data
    except ValueError:
        value = None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << width:
        raise Malformed(f"{where}: {data!r} is not a number of {width} bits")
    return value


def table(kind: Any, data: Any, where: str) -> Any:
    """A table from its default and its changed entries."""
    key_type, value_type = get_args(kind)
    if not isinstance(data, dict) or set(data) != {"default", "changed"} or not isinstance(data["changed"], list):
        raise Malformed(f"{where}: a table has 'default' and 'changed'")
    found: Map[Any, Any] = Map(decoded(value_type, data["default"], f"{where} default"))
    for entry in data["changed"]:
        if not isinstance(entry, dict) or set(entry) != {"key", "value"}:
            raise Malformed(f"{where}: an entry has 'key' and 'value'")
        key = decoded(key_type, entry["key"], f"{where} key")
        found = found.set(key, decoded(value_type, entry["value"], f"{where}[{entry['key']}]"))
    return found


def record_of(kind: Any, data: Any, where: str) -> Any:
    """A record from an object that has each of its fields."""
    if not isinstance(data, dict):
        raise Malformed(f"{where}: {data!r} is not an object")
    names = [field.name for field in fields_of(kind)]
    wrong = [name for name in data if name not in names] or [name for name in names if name not in data]
    if wrong:
        raise Malformed(f"{where}: {'no' if wrong[0] in data else 'missing'} field '{wrong[0]}'")
    return kind(*(decoded(field.type, data[field.name], f"{where}.{field.name}") for field in fields_of(kind)))


def result_data(result: Any) -> dict[str, Any]:
    """A result as its family, name and value."""
    value = hex(result.value) if isinstance(result, IntEnum) else result.value
    return {"family": type(result).__name__, "name": result.name, "value": value}


def result_of(data: Any, where: str) -> Any:
    """The result that `result_data` wrote."""
    try:
        return FAMILIES[data["family"]][data["name"]]
    except (KeyError, TypeError) as error:
        raise Malformed(f"{where}: {data!r} is not a result") from error
