"""Traces that a search found: each is played on both sides, and the search finds it again."""

from dataclasses import replace

import pytest

from sevspec.attacks.catalogue import attack_named, attacks
from sevspec.attacks.entry import Attack, Column, Form
from sevspec.attacks.judge import SEVERITY
from sevspec.attacks.ladder import backed_by, is_safe
from sevspec.attacks.machine.firmware import OnMachine
from sevspec.attacks.play import play
from sevspec.attacks.searching.found import Found, found, found_for
from sevspec.attacks.searching.search import TooMany, search
from sevspec.attacks.searching.words import steps_of
from sevspec.attacks.setting import setting_of
from sevspec.attacks.specification.firmware import OnSpecification

QUICK = 300
"""States of a search that the ordinary tests repeat."""


def name_of(one: Found) -> str:
    return "-".join((one.attack, one.column.value, *one.without, *one.added, *one.relax))


def cell_of(one: Found) -> tuple[Attack, Form]:
    attack = attack_named(one.attack)
    assert attack is not None
    form = next(form for form in attack.forms if one.is_of(form))
    return attack, form


def assert_found_again(one: Found) -> None:
    """As short, and to the same outcome; how many states there are on the way depends on what a state holds."""
    attack, form = cell_of(one)
    again = search(attack, form, one.column)
    assert again is not None
    assert (len(again.trace), again.outcome) == (len(one.trace), one.outcome)


def test_traces_to_many_unsafe_cells_of_many_attacks_are_found() -> None:
    assert len({one.attack for one in found()}) >= 10
    assert len(found()) >= 10
    assert {one.column for one in found()} >= {Column.SEV, Column.ES, Column.SNP}


@pytest.mark.parametrize("one", found(), ids=name_of)
@pytest.mark.parametrize("make", [OnSpecification, OnMachine])
def test_found_trace_does_the_harm_on_both_sides(one: Found, make: type) -> None:
    attack, form = cell_of(one)
    columns = [column for column in Column if found_for(attack, form, column) is one]
    assert one.column in columns
    for column in columns:
        run = play(replace(attack, trace=one.trace), setting_of(attack, form, column), make)
        assert one.outcome.partition("+")[0] in run.outcome.split("+")
        assert not is_safe(run.outcome)


@pytest.mark.parametrize("one", found(), ids=name_of)
def test_found_trace_is_no_longer_than_the_scripted_one(one: Found) -> None:
    attack, form = cell_of(one)
    assert len(one.trace) <= len(attack.trace)
    assert backed_by(attack, form, one.column, one.outcome) == f"found trace of {len(one.trace)} steps"


@pytest.mark.parametrize("one", [one for one in found() if one.states <= QUICK], ids=name_of)
def test_search_finds_it_again(one: Found) -> None:
    assert_found_again(one)


@pytest.mark.slow
@pytest.mark.parametrize("one", [one for one in found() if one.states > QUICK], ids=name_of)
def test_long_search_finds_it_again(one: Found) -> None:
    assert_found_again(one)


def test_search_finds_nothing_where_every_rule_is_kept() -> None:
    """The words of the attack lead nowhere: all that they can do is searched."""
    attack = attack_named("iommu-log")
    assert attack is not None
    for harm in SEVERITY:
        kept = Form({Column.SNP: harm})
        assert search(attack, kept, Column.SNP) is None


def test_search_says_when_it_gives_up() -> None:
    attack = attack_named("remap")
    assert attack is not None
    with pytest.raises(TooMany):
        search(attack, Form({Column.SNP: "LEAK"}), Column.SNP, most=50)


def test_words_are_said_in_more_ways_than_the_script_does() -> None:
    for attack in attacks():
        if attack.runs and any(step.action == "npt" for step in attack.trace):
            assert len(steps_of(attack)) > len(set(attack.trace))
