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
    added: tuple[str, ...]
    relax: tuple[str, ...]
    outcome: str
    trace: tuple[Step, ...]
    states: int
    """How many states the search saw."""

    def is_of(self, form: Form) -> bool:
        """The form has the same rules left out, added and lifted."""
        mine = (set(self.without), set(self.added), set(self.relax))
        return mine == (set(form.without), set(form.added), set(form.relax))


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
            tuple(entry["with"]),
            tuple(entry["relax"]),
            entry["outcome"],
            tuple(map(step_of, entry["trace"])),
            entry["states"],
        )
        for entry in entries
    )


def found_for(attack: Attack, form: Form, column: Column) -> Found | None:
    """The trace to a cell, if a search found one; SNP's stands for RI and PV too where the outcome is the same."""
    known = {one.column: one for one in found() if one.attack == attack.id and one.is_of(form)}
    stands = known.get(Column.SNP) if column.has_rmp else None
    if column not in known and stands is not None and form.expected.get(column) == stands.outcome:
        return stands
    return known.get(column)
