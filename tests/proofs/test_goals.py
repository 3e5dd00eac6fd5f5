"""Each part of a condition decides alone, each bound is met from both sides."""

import pytest
import z3

from proofs.goals import goals

A, B, C = z3.Bools("a b c")
X = z3.BitVec("x", 8)


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize(
    "condition",
    [A, z3.Not(A), z3.And(A, B), z3.Or(A, z3.And(B, C)), A == B, z3.If(A, B, C), z3.ULE(X, 3), X == 3, X != 3],
)
def test_goal_implies_what_is_wanted(condition, wanted):
    found = list(goals(condition, wanted))
    assert found
    for goal in found:
        solver = z3.Solver()
        solver.add(goal, condition != wanted)
        assert solver.check() == z3.unsat


def solutions(condition, wanted):
    """Which of a and b hold, for each goal."""
    found = []
    for goal in goals(condition, wanted):
        solver = z3.Solver()
        solver.add(goal)
        assert solver.check() == z3.sat
        model = solver.model()
        found.append(tuple(z3.is_true(model.eval(term, model_completion=True)) for term in (A, B)))
    return found


def test_true_disjunction_has_each_disjunct_alone():
    assert solutions(z3.Or(A, B), True) == [(True, False), (False, True)]


def test_false_conjunction_has_each_conjunct_alone():
    assert solutions(z3.And(A, B), False) == [(False, True), (True, False)]


def holds_of(goal, number):
    """Whether a goal holds of one number."""
    return z3.is_true(z3.simplify(z3.substitute(goal, (X, z3.BitVecVal(number, 8)))))


def test_bound_is_met_from_both_sides():
    met = set()
    for goal in (*goals(z3.ULT(X, 7), True), *goals(z3.ULT(X, 7), False)):
        met |= {number for number in range(5, 10) if holds_of(goal, number)}
    assert {6, 7, 8} <= met
