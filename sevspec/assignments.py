"""`field=value` on the command line: a state or operands, changed field by field.

`firmware.state=1`, `rmp[0x2].assigned=1`, `rmp[0x2]={"assigned": true, "asid": 5}`. What is not named stays.
"""

import json
import re
from difflib import get_close_matches
from enum import Enum
from typing import Any

from sevspec.encoding import Malformed, decoded
from sevspec.refused import Refused
from spec.maps import Map
from spec.record import fields_of, is_record, replace
from spec.vocabulary import LaunchPageType, PageSize, Permission

STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[([^\]]+)\]")
WORDS: dict[str, Any] = {
    "true": True,
    "false": False,
    "4k": int(PageSize.SIZE_4K),
    "2m": int(PageSize.SIZE_2M),
    **{str(member.name).lower(): int(member) for family in (LaunchPageType, Permission) for member in family},
}


def assigned(value: Any, text: str, option: str) -> Any:
    """The record with one assignment made; `Refused` names what is wrong with it."""
    path, equals, right = text.partition("=")
    if not equals:
        raise Refused(f"{option} {text}: write field=value")
    steps = [(m[1], m[2]) for m in STEP.finditer(path)]
    if not steps or "".join(m[0] for m in STEP.finditer(path)) != path:
        raise Refused(f"{option} {text}: '{path}' is not a field such as rmp[0x2].assigned")
    try:
        return changed(value, steps, right, path)
    except Malformed as wrong:
        raise Refused(f"{option}: {wrong}") from wrong


def changed(value: Any, steps: list[tuple[str, str]], right: str, path: str) -> Any:
    """`value` with the field at the end of the steps set."""
    (name, key), *rest = steps
    if isinstance(value, Map):
        return changed_table(value, key, rest, right, path)
    if not is_record(type(value)) or not name:
        raise Malformed(f"{path}: no such field")
    fields = {field.name: field for field in fields_of(type(value))}
    if name not in fields:
        close = get_close_matches(name, fields, n=1) or sorted(fields)
        raise Malformed(f"{path}: no field '{name}'; there is {', '.join(close)}")
    old = getattr(value, name)
    new = changed(old, rest, right, path) if rest else parsed(fields[name].type, old, right, path)
    return replace(value, **{name: new})


def changed_table(table: Any, key_text: str, rest: list[tuple[str, str]], right: str, path: str) -> Any:
    """A table with one entry changed."""
    if not key_text:
        raise Malformed(f"{path}: a table needs a key, as in rmp[0x2]")
    try:
        key = int(key_text, 0)
    except ValueError:
        raise Malformed(f"{path}: '{key_text}' is not a number") from None
    old = table[key]
    kind = type(old)
    return table.set(key, changed(old, rest, right, path) if rest else parsed(kind, old, right, path))


def parsed(kind: Any, old: Any, text: str, path: str) -> Any:
    """A value of a field from its text; JSON objects change the fields that they name."""
    if is_record(type(old)):
        return merged(old, text, path)
    if isinstance(old, Map):
        raise Malformed(f"{path}: a table is changed entry by entry, as in {path}[0x2]=…")
    if kind is bool or isinstance(old, bool):
        if text.lower() not in ("0", "1", "true", "false"):
            raise Malformed(f"{path}: '{text}' is neither 1 nor 0")
        return text.lower() in ("1", "true")
    number = WORDS.get(text.lower(), text)
    if kind is int or isinstance(kind, type):
        return plain_number(number, path)
    return decoded(kind, number, path)


def plain_number(value: Any, path: str) -> int:
    """A number whose width the table checks."""
    try:
        return value if isinstance(value, int) else int(value, 0)
    except ValueError:
        raise Malformed(f"{path}: '{value}' is not a number") from None


def merged(old: Any, text: str, path: str) -> Any:
    """A record with the fields that a JSON object names."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        raise Malformed(f'{path}: write an object such as {{"assigned": true}}')
    for name, part in data.items():
        right = part if isinstance(part, str) else json.dumps(part)
        old = changed(old, [(name, "")], right, f"{path}.{name}")
    return old


def name_of(value: Any) -> str:
    """An enumeration member as AMD spells it, with its number."""
    if isinstance(value, Enum):
        return f"{value.name} ({value.value})" if isinstance(value.value, int) else str(value.value)
    return str(value)
