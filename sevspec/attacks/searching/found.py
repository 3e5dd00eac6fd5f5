"""Traces that a search found, as `python -m sevspec.attacks.searching` wrote them; the tests replay each of them."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sevspec.attacks.entry import Attack, Column, Form
from sevspec.attacks.trace import Step, step_of

FILE = "found.json"


@dataclass(frozen=True)
class Found:
    """A shortest trace to an outcome of an attack."""

    attack: str
    column: Column
    without: tuple[str, ...]
    relax: tuple[str, ...]
    outcome: str
    trace: tuple[Step, ...]
    states: int
    """How many states the search saw."""


@cache
def found() -> tuple[Found, ...]:
    """All of them."""
    path = files("sevspec.attacks").joinpath("data", FILE)
    if not path.is_file():
        return ()
    entries = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Found(
            entry["attack"],
            Column(entry["column"]),
            tuple(entry["without"]),
            tuple(entry["relax"]),
            entry["outcome"],
            tuple(map(step_of, entry["trace"])),
            entry["states"],
        )
        for entry in entries
    )


def found_for(attack: Attack, form: Form, column: Column) -> Found | None:
    """The trace to a cell, if one was looked for and found."""
    for one in found():
        if (one.attack, one.column) == (attack.id, column) and set(one.without) == set(form.without):
            if set(one.relax) == set(form.relax):
                return one
    return None
