"""The catalogue, read from its files; a key that nobody knows is refused."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from sevspec.attacks.entry import Attack, Column, Form, Keeper, Pages, Relaxation, Rule
from sevspec.attacks.trace import parsed
from spec.vocabulary import Evidence

RULE_FILES = ("hardware_rules.toml", "software_rules.toml")
RELAXATION_FILE = "relaxations.toml"
ATTACK_FILES = ("early_generations.toml", "platform.toml", "guest_software.toml", "interfaces.toml")
RMP_COLUMNS = "SNP+"
"""SNP and what builds on it."""
PAGE_KINDS = ("private", "shared", "free", "monitor", "large")


class BadCatalogue(ValueError):
    """An entry that does not fit its schema."""


def read(name: str) -> dict[str, Any]:
    """One data file."""
    return tomllib.loads(files("sevspec.attacks").joinpath("data", name).read_text(encoding="utf-8"))


@cache
def rules() -> dict[str, Rule]:
    """Every rule by its identifier."""
    found = [entry for name in RULE_FILES for entry in read(name)["rule"]]
    return {entry["id"]: rule_of(entry) for entry in found}


def rule_of(entry: dict[str, Any]) -> Rule:
    """One rule."""
    keeper, evidence = Keeper(entry.pop("keeper")), Evidence[entry.pop("evidence")]
    claims = tuple(entry.pop("claims", ()))
    return Rule(
        **{key: " ".join(text.split()) for key, text in entry.items()}, keeper=keeper, evidence=evidence, claims=claims
    )


@cache
def relaxations() -> dict[str, Relaxation]:
    """Every relaxation by its identifier."""
    return {
        entry["id"]: Relaxation(**{key: " ".join(text.split()) for key, text in entry.items()})
        for entry in read(RELAXATION_FILE)["relaxation"]
    }


@cache
def attacks() -> tuple[Attack, ...]:
    """Every entry, in the order of the identifiers."""
    return tuple(attack_of(entry) for name in ATTACK_FILES for entry in read(name)["attack"])


def attack_of(entry: dict[str, Any]) -> Attack:
    """One attack."""
    pages = Pages(**{kind: tuple(entry.pop(kind, ())) for kind in PAGE_KINDS})
    base = entry.pop("expected", None)
    forms = [Form(columns_of(base))] if base is not None else []
    forms += [form_of(form) for form in entry.pop("form", [])]
    trace = parsed(entry.pop("trace")) if "trace" in entry else ()
    stopping = tuple(entry.pop("rules"))
    assumed = tuple(entry.pop("assumes", ()))
    attack = Attack(**entry, rules=stopping, assumes=assumed, pages=pages, trace=trace, forms=tuple(forms))
    known = set(rules()) | set(relaxations())
    used = {name for form in attack.forms for name in (*form.without, *form.added, *form.relax)} | set(attack.rules)
    used |= set(attack.assumes)
    if used - known:
        raise BadCatalogue(f"{attack.id}: no rule is called {', '.join(sorted(used - known))}")
    if attack.runs != bool(attack.forms) or attack.runs == bool(attack.out or attack.waits_for):
        raise BadCatalogue(f"{attack.id}: a trace with what is expected, or a reason why there is none")
    return attack


def form_of(entry: dict[str, Any]) -> Form:
    """One form of an attack."""
    without, relax, added = (tuple(entry.pop(key, ())) for key in ("without", "relax", "with"))
    return Form(columns_of(entry.pop("expected")), without, added, relax, **entry)


def columns_of(expected: Mapping[str, str]) -> dict[Column, str]:
    """What is expected, by column."""
    found: dict[Column, str] = {}
    for name, outcome in expected.items():
        columns: Iterable[Column] = (Column(name),) if name != RMP_COLUMNS else [c for c in Column if c.has_rmp]
        found.update(dict.fromkeys(columns, outcome))
    return {column: found[column] for column in Column if column in found}


def attack_named(name: str) -> Attack | None:
    """By identifier or name, in any case, with hyphens or underscores."""
    wanted = name.lower().replace("_", "-")
    return next((attack for attack in attacks() if wanted in (attack.id.lower(), attack.name)), None)
