"""Plain states and operands in the field's words: what differs from the plainest state, and nothing else."""

from collections.abc import Iterator
from typing import Any, cast

from spec.maps import Map
from spec.record import fields_of, is_record
from spec.rmp.entry import RmpEntry
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import PageSize

LETTERS = ("r", "w", "u", "s", "S")
"""Read, write, execute as user, execute as supervisor, supervisor shadow stack."""
SHOWN_LINES = 6


def number(value: int) -> str:
    """A number as this field writes it: small ones in decimal, addresses and masks in hexadecimal."""
    return str(int(value)) if value < 10 else hex(value)


def mask_words(mask: int) -> str:
    """A permission mask as `rwusS`, absent ones as dashes."""
    letters = "".join(letter if mask >> bit & 1 else "-" for bit, letter in enumerate(LETTERS))
    return letters if mask < 1 << len(LETTERS) else f"{letters}+{number(mask >> len(LETTERS) << len(LETTERS))}"


def words(value: Any) -> str:
    """A record in one line: its true fields by name, its non-zero fields with their values."""
    if not is_record(type(value)):
        return number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return " ".join(parts(value)) or "all zero"


def parts(value: Any, prefix: str = "") -> Iterator[str]:
    """The words of a record's fields, nested ones with their path."""
    for field, part in zip(fields_of(type(value)), value, strict=True):
        name = prefix + field.name
        if isinstance(part, VmplMasks):
            masks: tuple[int, ...] = tuple(cast(Any, part))
            if any(masks):
                yield f"{name} " + " ".join(f"{vmpl}:{mask_words(mask)}" for vmpl, mask in enumerate(masks))
        elif isinstance(value, RmpEntry) and field.name == "page_size":
            yield "2M" if part == PageSize.SIZE_2M else "4K"
        elif is_record(type(part)):
            yield from parts(part, f"{name}.")
        elif isinstance(part, Map):
            yield from (f"{name}[{words(key)}]={words(item)}" for key, item in entries(part))
        elif part is True:
            yield name
        elif part is not False and part != 0:
            yield f"{name}={number(part)}"


def entries(table: Map[Any, Any]) -> list[tuple[Any, Any]]:
    """The changed entries of a table, in the order of their keys."""
    return sorted(table.changed(), key=lambda pair: pair[0])


def differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """What differs between two values of one type, a line for each field or run of table entries."""
    if isinstance(new, Map):
        keys = sorted({key for table in (old, new) for key, _ in table.changed() if old[key] != new[key]})
        lines = [f"{name}[{shown}]: {text}" for shown, text in runs([(key, words(new[key])) for key in keys])]
        yield from lines[:SHOWN_LINES]
        if len(lines) > SHOWN_LINES:
            yield f"{name}: and {len(lines) - SHOWN_LINES} more"
    elif is_record(type(new)):
        for field, a, b in zip(fields_of(type(new)), old, new, strict=True):
            yield from differences(a, b, f"{name}.{field.name}" if name else field.name)
    elif old != new:
        yield f"{name}={words(new)}"


def runs(items: list[tuple[Any, str]]) -> Iterator[tuple[str, str]]:
    """Entries with their keys as words; consecutive keys with the same text together."""
    start = 0
    for end in range(1, len(items) + 1):
        (first, text), (last, _) = items[start], items[end - 1]
        joins = end < len(items) and items[end][1] == text and isinstance(last, int) and items[end][0] == last + 1
        if not joins:
            yield (words(first) if end - start == 1 else f"{words(first)} to {words(last)}"), text
            start = end
