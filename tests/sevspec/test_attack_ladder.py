"""The ladder: both sides and the catalogue agree in every cell, and a rule that is left out lets its attack return."""

from functools import cache

import pytest

from sevspec.attacks.catalogue import attack_named, attacks, rules
from sevspec.attacks.entry import Attack, Column, Form
from sevspec.attacks.ladder import Cell, cell, form_with, is_safe

RUNNABLE = [attack for attack in attacks() if attack.runs]
FORMS = [
    pytest.param(attack, form, column, id=f"{attack.id}-{column.value}-{form.words or 'kept'}".replace(" ", "-"))
    for attack in RUNNABLE
    for form in attack.forms
    for column in form.expected
]
NOT_STATED = {
    ("A13", Column.SNP): "VmsaRegProt",
    ("A13", Column.RI): "VmsaRegProt",
    ("A13", Column.PV): "VmsaRegProt",
    ("B30", Column.SEV): "DEACTIVATE",
    ("B30", Column.ES): "DEACTIVATE",
}
"""Cells in which the specification has no words for a step, and which word is missing."""

TABLE = {
    "R1": ("registers", Column.SNP),
    "R2": ("registers", Column.SNP),
    "R4": ("bit-flip", Column.SNP),
    "R5": ("remap", Column.SNP),
    "R6": ("lost-page", Column.SNP),
    "R7": ("half-remap", Column.SNP),
    "R13": ("tlb-poisoning", Column.SNP),
    "R14": ("rmp-init-race", Column.SNP),
    "R15": ("permuted-launch", Column.SNP),
    "R17": ("policy-abuse", Column.SNP),
    "R19": ("iommu-log", Column.SNP),
    "R20": ("dropped-line", Column.SNP),
    "R21": ("memory-alias", Column.SNP),
    "R22": ("vmsa-ciphertexts", Column.SNP),
    "R25": ("asid-reuse", Column.SNP),
    "S1": ("double-validation", Column.SNP),
    "S2": ("lost-carry", Column.SNP),
    "S3": ("grant-without-zeroing", Column.PV),
    "S5": ("wesee", Column.SNP),
    "S16": ("heckler", Column.SNP),
    "S17": ("missing-flush", Column.SNP),
    "S22": ("lost-page", Column.SNP),
}
"""A rule, and the attack that comes back in a column when nothing but the rule is left out."""
ADDED = {"R22": ("block-move", Column.SEV), "R23": ("ciphertexts", Column.SNP)}
"""A rule that the column does not have by itself, and the attack that changes with it."""
WITH_SOFTWARE = {
    "R10": ("heckler", Column.RI, "S16"),
    "R11": ("wesee", Column.PV, "S5"),
}
"""A rule, and the attack that comes back where software's rule against it is left out, too."""
ELSEWHERE = {
    "R3": "exits",
    "R8": "S2 shows it",
    "R9": "a paravisor",
    "R12": "reflected exits",
    "R16": "guest messages",
    "R18": "CPUID exits",
    "R24": "versions",
}
"""Rules of hardware and firmware that no attack of the ladder shows by itself yet, and what it takes."""


@cache
def run(name: str, without: tuple[str, ...], added: tuple[str, ...], relax: tuple[str, ...], column: Column) -> Cell:
    attack = attack_named(name)
    assert attack is not None
    return cell(attack, form_with(attack, without, added, relax), column)


def played(name: str, form: Form, column: Column) -> Cell:
    return run(name, form.without, form.added, form.relax, column)


@pytest.mark.parametrize(("attack", "form", "column"), FORMS)
def test_cell_is_as_expected_on_both_sides(attack: Attack, form: Form, column: Column) -> None:
    found = played(attack.name, form, column)
    assert found.machine.outcome == form.expected[column]
    if found.model is None:
        assert NOT_STATED[attack.id, column] in found.not_stated
    else:
        assert found.model.outcome == form.expected[column]
    assert found.agrees


@pytest.mark.parametrize("rule", TABLE)
def test_leaving_out_one_rule_flips_a_safe_cell(rule: str) -> None:
    name, column = TABLE[rule]
    attack = attack_named(name)
    assert attack is not None
    kept = played(name, attack.forms[0], column)
    left_out = played(name, form_with(attack, (rule,), (), ()), column)
    assert is_safe(kept.outcome)
    assert not is_safe(left_out.outcome)
    assert left_out.model is not None
    assert left_out.model.outcome == left_out.outcome
    assert rule in attack.rules


@pytest.mark.parametrize("rule", TABLE)
def test_leaving_out_any_other_rule_does_not_flip_it(rule: str) -> None:
    name, column = TABLE[rule]
    attack = attack_named(name)
    assert attack is not None
    for other in TABLE.keys() - set(attack.rules):
        found = played(name, form_with(attack, (other,), (), ()), column)
        assert is_safe(found.outcome), (rule, other, found.outcome)
        assert found.agrees


@pytest.mark.parametrize("rule", ADDED)
def test_adding_one_rule_changes_an_unsafe_cell(rule: str) -> None:
    name, column = ADDED[rule]
    attack = attack_named(name)
    assert attack is not None
    without = played(name, attack.forms[0], column)
    added = played(name, form_with(attack, (), (rule,), ()), column)
    assert not is_safe(without.outcome)
    assert added.outcome != without.outcome
    assert added.agrees


@pytest.mark.parametrize("rule", WITH_SOFTWARE)
def test_leaving_out_hardware_and_software_flips_a_cell_that_either_keeps_safe(rule: str) -> None:
    name, column, software = WITH_SOFTWARE[rule]
    for without in ((), (rule,), (software,)):
        assert is_safe(run(name, without, (), (), column).outcome), without
    both = run(name, (rule, software), (), (), column)
    assert not is_safe(both.outcome)
    assert both.agrees


def test_every_rule_of_hardware_and_firmware_is_shown_or_named() -> None:
    shown = {*TABLE, *ADDED, *WITH_SOFTWARE, *ELSEWHERE}
    assert {rule for rule in rules() if rule.startswith("R")} <= shown
    assert not set(TABLE) & set(ELSEWHERE)


def test_an_unknown_combination_has_no_expectation_and_both_sides_agree() -> None:
    attack = attack_named("remap")
    assert attack is not None
    found = played("remap", form_with(attack, ("R4", "R6"), (), ()), Column.SNP)
    assert found.expected is None
    assert found.agrees
    assert found.outcome == "FAULT(#NPF)"
