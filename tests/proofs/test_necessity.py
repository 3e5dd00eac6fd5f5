"""Each knob that an invariant needs is needed: with the other answer a replayed step breaks the invariant."""

import pytest

from proofs.necessity import SEVERAL_STEPS, Need, is_shown_in_one_step, needs, pair, violation


def named(need: Need) -> str:
    return " ".join(pair(need))


NEEDS = list(needs())


@pytest.mark.parametrize("need", [n for n in NEEDS if is_shown_in_one_step(n)], ids=named)
def test_with_the_other_answer_a_step_breaks_the_invariant(need: Need) -> None:
    found = violation(need)
    assert found is not None
    assert found.replayed
    assert f"preserves {need.invariant.__name__}" in found.text()


@pytest.mark.slow
@pytest.mark.parametrize("need", [n for n in NEEDS if not is_shown_in_one_step(n)], ids=named)
def test_of_the_others_no_single_step_breaks_it(need: Need) -> None:
    assert violation(need) is None


def test_what_takes_several_steps_is_a_need() -> None:
    assert {pair(need) for need in NEEDS} >= SEVERAL_STEPS
