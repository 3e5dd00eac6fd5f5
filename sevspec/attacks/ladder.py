"""The ladder: every attack in every column, on both sides, compared with what is expected and with what is proved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sevspec.attacks.catalogue import attacks, rules
from sevspec.attacks.entry import Attack, Column, Form
from sevspec.attacks.judge import SAFE
from sevspec.attacks.machine.firmware import OnMachine
from sevspec.attacks.play import Run, play
from sevspec.attacks.searching.found import found_for
from sevspec.attacks.setting import Setting, setting_of
from sevspec.attacks.side import NotStated
from sevspec.attacks.specification.firmware import OnSpecification
from sevspec.proving import invariants

SCHEMA = "sevspec.attack/1"


@dataclass(frozen=True)
class Cell:
    """One attack in one column, with the rules that one of its forms leaves out."""

    attack: Attack
    form: Form
    column: Column
    expected: str | None
    """None where the catalogue says nothing of this combination."""
    model: Run | None
    not_stated: str
    """Why the specification has no answer."""
    machine: Run
    backed_by: str

    @property
    def outcome(self) -> str:
        """What came of it."""
        return self.machine.outcome

    @property
    def agrees(self) -> bool:
        """Both sides say the same, and what is expected."""
        told = {self.machine.outcome, *({self.model.outcome} if self.model else ()), *filter(None, (self.expected,))}
        return len(told) == 1

    @property
    def is_safe(self) -> bool:
        """The guest loses nothing but time."""
        return is_safe(self.outcome)

    def data(self) -> dict[str, Any]:
        """For machines."""
        return {
            "attack": self.attack.id,
            "name": self.attack.name,
            "column": self.column.value,
            "without": list(self.form.without),
            "with": list(self.form.added),
            "relax": sorted({*self.attack.assumes, *self.form.relax}),
            "expected": self.expected,
            "model": self.model.outcome if self.model else None,
            "not_stated": self.not_stated or None,
            "machine": self.machine.outcome,
            "safe": self.is_safe,
            "agrees": self.agrees,
            "backed_by": self.backed_by,
            "found": None if self.is_safe else found_lines(self.attack, self.form, self.column),
        }


def is_safe(outcome: str) -> bool:
    """By the name of the outcome, its form aside."""
    return outcome.partition("(")[0] in SAFE or outcome in SAFE


def found_lines(attack: Attack, form: Form, column: Column) -> list[str] | None:
    """The trace that a search found to the cell."""
    one = found_for(attack, form, column)
    return [f"{step.actor}: {step.call}" for step in one.trace] if one else None


def cell(attack: Attack, form: Form, column: Column) -> Cell:
    """Play it on both sides."""
    setting = setting_of(attack, form, column)
    machine = play(attack, setting, OnMachine)
    model, reason = modelled(attack, setting)
    backing = backed_by(attack, form, column, machine.outcome)
    return Cell(attack, form, column, form.expected.get(column), model, reason, machine, backing)


def modelled(attack: Attack, setting: Setting) -> tuple[Run | None, str]:
    """On the specification; or why it has no words for a step."""
    try:
        return play(attack, setting, OnSpecification), ""
    except NotStated as missing:
        return None, str(missing)


def backed_by(attack: Attack, form: Form, column: Column, outcome: str) -> str:
    """The theorem that forbids it, or the trace that shows it: found by search, or written down."""
    if not is_safe(outcome):
        found = found_for(attack, form, column)
        return f"found trace of {len(found.trace)} steps" if found else "trace"
    if outcome == "n/a":
        return "n/a"
    stated = {info.identifier for info in invariants().values()}
    kept = [name for name in attack.rules if name not in form.without]
    claims = dict.fromkeys(claim for name in kept for claim in rules()[name].claims if claim in stated)
    return ", ".join(claims) if claims and column.has_rmp else "run"


def cells(chosen: Iterable[Attack], *, all_forms: bool) -> Iterator[Cell]:
    """The cells of attacks: as they are, or in all their forms."""
    for attack in chosen:
        for form in attack.forms if all_forms else attack.forms[:1]:
            for column in form.expected:
                yield cell(attack, form, column)


def form_with(attack: Attack, without: tuple[str, ...], added: tuple[str, ...], relax: tuple[str, ...]) -> Form:
    """The form of the catalogue with these rules left out; else one of which nothing is expected."""
    for form in attack.forms:
        same = set(form.without) == set(without) and set(form.added) == set(added)
        if same and set(form.relax) == set(relax) - set(attack.assumes):
            return form
    return Form({}, without, added, relax)


def runnable() -> list[Attack]:
    """Attacks that have a trace."""
    return [attack for attack in attacks() if attack.runs]


def entries() -> list[dict[str, Any]]:
    """Every entry: in the model or not, and why."""
    return [
        {
            "attack": attack.id,
            "name": attack.name,
            "title": attack.title,
            "in_model": attack.in_model,
            "runs": attack.runs,
            "reason": attack.out or attack.waits_for or None,
            "rules": list(attack.rules),
        }
        for attack in attacks()
    ]


def document(found: Iterable[Cell]) -> dict[str, Any]:
    """For machines."""
    all_cells = [one.data() for one in found]
    return {
        "schema": SCHEMA,
        "agree": all(one["agrees"] for one in all_cells),
        "cells": all_cells,
        "entries": entries(),
    }
