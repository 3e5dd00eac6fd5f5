import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from sevspec.crosscheck.agreement import Disagreement
from sevspec.crosscheck.machine import RULES, CrossCheckMachine
from sevspec.crosscheck.operands import RUNNERS
from sevspec.crosscheck.walk import DRAWS

QUICK = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
UNTIL_FOUND = settings(QUICK, max_examples=1000, phases=[Phase.generate])
"""The first failure ends it."""
DEEP = settings(QUICK, max_examples=1000, stateful_step_count=80, derandomize=False)


def test_machine_and_specification_agree_step_by_step():
    run_state_machine_as_test(CrossCheckMachine, settings=QUICK)


@pytest.mark.slow
def test_machine_and_specification_agree_over_many_steps():
    run_state_machine_as_test(CrossCheckMachine, settings=DEEP)


def test_machine_with_a_check_removed_fails_naming_the_step(monkeypatch):
    monkeypatch.setattr("impl.rmp.rmpupdate._immutable", lambda _machine, _pfn, _size: False)
    with pytest.raises(Disagreement, match=r"(?s)rmpupdate: .*specification immutable, machine"):
        run_state_machine_as_test(CrossCheckMachine, settings=UNTIL_FOUND)


def test_rules_are_named_for_actor_and_verb():
    assert {"hypervisor_rmpupdates", "guest_pvalidates", "firmware_page_reclaims", "guest_rmpqueries"} <= set(RULES)


def test_every_drawn_step_is_one_that_the_machine_can_take():
    assert set(DRAWS) <= set(RUNNERS)
