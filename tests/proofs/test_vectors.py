"""Test cases reach every check, agree with the rules, and show each part of a condition."""

import pytest

from proofs.explore import explore, unknown
from proofs.functions import as_step
from proofs.path_models import possible
from proofs.ranges import flipped
from proofs.vectors import cases, targets
from spec.registry import operands_of, transition_info
from spec.rmp.layout import SegmentEntry, segment_count

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


def given_layouts(module, function, value):
    """The layouts of a function's cases in which it gives this value."""
    return [case.op.given_layout for case in cases(*as_step(module, function)) if case.outcome.output == value]


def test_range_fails_in_one_case_at_its_first_number_and_in_one_at_its_last():
    found = given_layouts("spec.rmp.layout_rules", "processor_refuses", "segment-table")
    reserved = [{n for n, entry in layout.table.changed() if entry.reserved} for layout in found]
    ends = [segment_count(layout) - 1 for layout in found]
    assert any(0 in numbers and last not in numbers for numbers, last in zip(reserved, ends, strict=True))
    assert any(last in numbers and 0 not in numbers for numbers, last in zip(reserved, ends, strict=True))


def test_part_of_a_refusal_decides_alone_where_the_answer_behind_it_is_another():
    refused = given_layouts("spec.rmp.layout_rules", "walk_reports_reserved", False)
    assert any(x.segmented and x.cached_only and x.table[0].reserved for x in refused)


def test_neighbours_of_a_value_differ_in_one_field_each():
    entry = SegmentEntry(covered=2, base=5, reserved=False)
    assert list(flipped(entry)) == [SegmentEntry(3, 5, False), SegmentEntry(2, 4, False), SegmentEntry(2, 5, True)]
