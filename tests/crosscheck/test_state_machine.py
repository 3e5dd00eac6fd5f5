import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from sevspec.crosscheck.agreement import Disagreement
from sevspec.crosscheck.machine import RULES, CrossCheckMachine
from sevspec.crosscheck.operands import RUNNERS
from sevspec.crosscheck.walk import DRAWS

QUICK = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
DEEP = settings(QUICK, max_examples=1000, stateful_step_count=80, derandomize=False)


def test_machine_and_specification_agree_step_by_step():
    run_state_machine_as_test(CrossCheckMachine, settings=QUICK)


@pytest.mark.slow
def test_machine_and_specification_agree_over_many_steps():
    run_state_machine_as_test(CrossCheckMachine, settings=DEEP)


def test_machine_with_a_check_removed_fails_naming_the_step(monkeypatch):
    monkeypatch.setattr("impl.rmp.rmpupdate._immutable", lambda _machine, _pfn, _size: False)
    with pytest.raises(Disagreement, match=r"(?s)rmpupdate: .*result: specification 2, machine 0"):
        run_state_machine_as_test(CrossCheckMachine, settings=settings(QUICK, report_multiple_bugs=False))


def test_rules_are_named_for_actor_and_verb():
    assert {"hypervisor_rmpupdates", "guest_pvalidates", "firmware_page_reclaims", "guest_rmpqueries"} <= set(RULES)


def test_every_drawn_step_is_one_that_the_machine_can_take():
    assert set(DRAWS) <= set(RUNNERS)


def test_deep_settings_are_deeper_than_quick_ones():
    assert DEEP.max_examples * DEEP.stateful_step_count > 50 * QUICK.max_examples * QUICK.stateful_step_count
