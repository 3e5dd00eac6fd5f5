"""Test cases reach every check, agree with the rules, and show each part of a condition."""

import pytest

from proofs.explore import explore, unknown
from proofs.path_models import possible
from proofs.vectors import cases, targets
from spec.registry import operands_of, transition_info

SMALL = ("psmash", "page_reclaim")


@pytest.fixture(scope="module", params=SMALL)
def made(request):
    """A transition with its cases."""
    suite, transition = next((s, t) for s, t in targets() if transition_info(t).name == request.param)
    return suite, transition, list(cases(suite, transition))


def test_every_feasible_path_has_a_case(made):
    suite, transition, found = made
    paths = explore(transition, unknown(suite.state_type, "s"), unknown(operands_of(transition), "op"))
    wanted = {(path.outcome.result, path.outcome.check) for path in paths if possible(path)}
    assert {(case.outcome.result, case.outcome.check) for case in found} == wanted


def test_case_is_what_the_specification_answers(made):
    _, transition, found = made
    assert all(transition(case.before, case.op) == case.outcome for case in found)


def test_cases_have_names_and_differ(made):
    found = made[2]
    assert len({case.name for case in found}) == len(found)
    assert all((a.before, a.op) != (b.before, b.op) for i, a in enumerate(found) for b in found[:i])


def test_each_cause_of_one_check_has_a_case_of_its_own():
    suite, transition = next((s, t) for s, t in targets() if transition_info(t).name == "psmash")
    special = [c for c in cases(suite, transition) if c.outcome.check == "splittable"]
    causes = {(c.before.rmp[c.op.spa >> 12].immutable, c.before.rmp[c.op.spa >> 12].asid == 0) for c in special}
    assert {(True, False), (False, True)} <= causes
