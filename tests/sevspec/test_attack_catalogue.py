"""The catalogue: every entry is there, every rule is explained, and nothing is left without a reason."""

import re

import pytest

from sevspec.attacks import catalogue
from sevspec.attacks.catalogue import BadCatalogue, attack_named, attack_of, attacks, relaxations, rules
from sevspec.attacks.entry import Column
from sevspec.attacks.trace import ACTIONS, ACTORS, BadTrace, parsed
from sevspec.proving import invariants
from sevspec.topics import explain
from spec.guest.world import Discipline
from spec.memory.premises import PREMISES
from spec.memory.rules import RULES
from spec.not_stated import NOT_STATED
from spec.record import fields_of

NAMES = [attack.id for attack in attacks()]


def test_entries_are_numbered_through() -> None:
    assert [f"{letter}{n:02}" for letter in "AB" for n in range(1, 35)] == NAMES
    assert list(rules()) == [f"R{n}" for n in range(1, 26)] + [f"S{n}" for n in range(1, 25)]


def test_names_are_unique() -> None:
    assert len({attack.name for attack in attacks()}) == len(NAMES)


@pytest.mark.parametrize("attack", attacks(), ids=NAMES)
def test_entry_runs_or_says_why_not(attack: catalogue.Attack) -> None:
    assert sum(map(bool, (attack.trace, attack.out, attack.waits_for))) == 1
    assert all((attack.title, attack.breaks, attack.published))
    assert attack_named(attack.name) is attack_named(attack.id) is attack


def test_every_runnable_entry_expects_something_in_every_column() -> None:
    runnable = [attack for attack in attacks() if attack.runs]
    assert len(runnable) >= 30
    for attack in runnable:
        assert set(attack.forms[0].expected) == set(Column), attack.id


@pytest.mark.parametrize("name", [*NAMES, *rules(), *relaxations(), "remap"])
def test_everything_can_be_explained(name: str) -> None:
    assert {topic.kind for topic in explain(name)} & {"attack", "rule", "relaxation"}


def test_switches_of_the_specification_have_the_names_of_the_catalogue() -> None:
    known = {name.lower() for name in (*rules(), *relaxations())}
    for rule in RULES:
        for name in (rule.name, *rule.others):
            assert name.lower() in known or name.lower().partition("-")[0] in known, name
    fields = {field.name for field in fields_of(Discipline)}
    assert {rule.spec for rule in rules().values() if rule.spec} <= fields


def test_claims_of_rules_are_stated() -> None:
    stated = {info.identifier for info in invariants().values()}
    waiting = {item.identifier for item in NOT_STATED}
    assert {claim for rule in rules().values() for claim in rule.claims} <= stated | waiting


@pytest.mark.parametrize("theorem", ["RMP-I35", "RMP-T2"])
def test_rules_that_a_theorem_needs_name_it_and_no_others(theorem: str) -> None:
    """RMP-I35 is T1. R23 is X-cteq, whose leak T2 names; what is no rule of the catalogue has no entry in it."""
    info = next(info for info in invariants().values() if info.identifier == theorem)
    needed = {name for premise in PREMISES if premise.name in info.premises for name in premise.names}
    named = {rule.id for rule in rules().values() if theorem in rule.claims}
    assert named == (needed & set(rules())) - {"R23"}


def test_every_word_of_the_vocabulary_is_used() -> None:
    steps = [step for attack in attacks() for step in attack.trace]
    assert {step.action for step in steps} == set(ACTIONS)
    assert {step.actor for step in steps} == set(ACTORS)


def test_step_is_printed_as_it_was_read() -> None:
    for attack in attacks():
        for step in attack.trace:
            (again,) = parsed(f"{step.actor}: {step.call}")
            assert (again.action, again.operands, again.result) == (step.action, step.operands, step.result)


@pytest.mark.parametrize("line", ["hv npt(a -> B)", "nobody: rd(a)", "hv: teleport(a)", "hv: npt(a -> B) then"])
def test_line_that_is_no_step_is_refused(line: str) -> None:
    with pytest.raises(BadTrace):
        parsed(line)


@pytest.mark.parametrize(
    "change",
    [
        {"rules": ["R99"]},
        {"out": "", "waits_for": ""},
        {"waits_for": "something", "trace": "guest: rd(a)", "expected": {}},
    ],
)
def test_entry_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    entry = {"id": "A99", "name": "n", "title": "t", "breaks": "b", "published": "p", "rules": [], "out": "no"}
    with pytest.raises(BadCatalogue):
        attack_of({**entry, **change})


def test_no_address_of_anyone_stands_in_the_catalogue() -> None:
    for name in (*catalogue.ATTACK_FILES, *catalogue.RULE_FILES, catalogue.RELAXATION_FILE):
        assert not re.search(r"https?:|@[0-9a-f]{6,}", str(catalogue.read(name)))
