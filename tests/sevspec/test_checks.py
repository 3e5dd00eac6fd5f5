"""The checks read from the text are those that symbolic exploration finds: same results, same names."""

from collections.abc import Callable
from typing import Any

import pytest

from proofs.explore import explore, unknown
from sevspec.catalogue import ALL_TRANSITIONS, Step, catalogue
from sevspec.source import ROOT
from spec.everything import MEMORY_TRANSITIONS
from spec.registry import parameters_of
from spec.vocabulary import Eax, Event, Evidence

STEPS = catalogue().steps


def state_of(transition: Callable[..., Any]) -> Any:
    """A state of the kind that a transition starts from, of which nothing is known."""
    return unknown(next(iter(parameters_of(transition).values())), "s")


def not_met(step: Step) -> set[tuple[Any, str]]:
    """What a step on memory asks of `access` and can never be answered: that of an agent that it is not."""
    if step.call not in MEMORY_TRANSITIONS:
        return set()
    return {(result, check.name) for check in step_named("access").checks for result in check.results}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_checks_read_from_the_text_are_those_explored(step: Step) -> None:
    paths = explore(step.call, state_of(step.call))
    explored = {(path.outcome.result, path.outcome.check) for path in paths}
    read = {(result, check.name) for check in step.checks for result in check.results}
    assert explored <= read
    assert read - explored <= not_met(step)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_evidence_read_from_the_text_is_that_explored(step: Step) -> None:
    paths = explore(step.call, state_of(step.call))
    explored = {(path.outcome.check, path.outcome.evidence) for path in paths}
    read = {(check.name, check.evidence) for check in step.checks}
    assert explored <= read
    assert {name for name, _ in read - explored} <= {name for _, name in not_met(step)}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_check_has_a_sentence_and_a_place(step: Step) -> None:
    for check in step.checks:
        assert check.sentence.text, check
        assert isinstance(check.evidence, Evidence)
        line = (ROOT / check.file).read_text(encoding="utf-8").splitlines()[check.line - 1]
        assert any(word in line for word in ("if ", "return ", f'"{check.name}"', "(")), (check, line)


def step_named(name: str) -> Step:
    """A step of the registry."""
    return next(step for step in STEPS if step.name == name)


def test_psmash_checks_stand_in_the_order_of_its_text() -> None:
    names = [(check.name, check.results) for check in step_named("psmash").checks]
    assert names[0] == ("feature", (Event.UD,))
    assert names[5:9] == [
        ("spa-alignment", (Eax.FAIL_INPUT,)),
        ("covered", (Eax.FAIL_INPUT,)),
        ("in-use", (Eax.FAIL_INUSE,)),
        ("page-size", (Eax.FAIL_NOT_SPLITTABLE,)),
    ]
    assert names[-1] == ("split", (Eax.SUCCESS,))


def test_a_check_without_a_comment_of_its_own_stands_under_the_one_before() -> None:
    checks = {check.name: check for check in step_named("page_reclaim").checks}
    assert checks["alignment"].sentence == checks["page-size"].sentence
    assert checks["alignment"].sentence.text == "The size is the entry's, and the address fits it."


def test_results_from_a_table_are_read_by_cause() -> None:
    checks = {check.name: check.results for check in step_named("rmpupdate").checks}
    assert checks["in-use"] == (Eax.FAIL_INUSE,)
    assert checks["immutable"] == (Eax.FAIL_PERMISSION,)
    assert checks["overlap"] == (Eax.FAIL_OVERLAP,)


def test_every_transition_of_the_registry_is_a_step() -> None:
    assert [step.call for step in STEPS] == list(ALL_TRANSITIONS)
