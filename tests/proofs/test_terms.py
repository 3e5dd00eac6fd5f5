"""Terms refuse what a plain number would answer at once, and agree with plain numbers in what they compute."""

import operator

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from proofs.context import Context
from proofs.explore import run
from proofs.symbolic import SymBits, SymBool, merge

CONDITION = SymBool(z3.Bool("condition"))
NUMBER = SymBits(z3.BitVec("number", 8), 8)


def test_truth_of_a_term_outside_an_exploration_is_an_error():
    with pytest.raises(TypeError, match="outside an exploration"):
        bool(CONDITION)


def test_and_between_terms_is_an_error():
    with pytest.raises(TypeError, match="outside an exploration"):
        _ = CONDITION and CONDITION


def test_membership_of_a_term_is_an_error():
    with pytest.raises(TypeError):
        assert NUMBER in (1, 2)


def test_truth_of_a_number_is_an_error():
    with pytest.raises(TypeError, match="compare it with 0"):
        bool(NUMBER)


@pytest.mark.parametrize("term", [CONDITION, NUMBER])
def test_hash_of_a_term_is_an_error(term):
    with pytest.raises(TypeError, match="unhashable"):
        hash(term)


def test_invariant_that_branches_is_an_error():
    with pytest.raises(TypeError, match="write all_of"):
        run(Context(forks=False), lambda: bool(CONDITION))


def test_choice_between_different_kinds_is_an_error():
    with pytest.raises(TypeError, match="write an if"):
        merge(CONDITION.z, "a", "b")


def test_sum_is_wider_than_its_parts():
    assert (NUMBER + NUMBER).width == 9
    assert (NUMBER << 4).width == 12
    assert (NUMBER & 0xF).width == 4


def test_narrowing_becomes_an_obligation():
    context = Context()
    run(context, lambda: (NUMBER + 1).fit(8, "a field"))
    assert [obligation.what for obligation in context.obligations] == ["a field fits 8 bits"]


def test_subtraction_becomes_an_obligation():
    context = Context()
    run(context, lambda: NUMBER - 1)
    assert [obligation.what for obligation in context.obligations] == ["subtraction does not go below zero"]


COMPUTED = (operator.add, operator.and_, operator.or_, operator.xor)
COMPARED = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


def constant(number, width):
    """A term of a known value."""
    return SymBits(z3.BitVecVal(number, width), width)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**40 - 1), st.sampled_from(COMPUTED))
def test_computing_on_terms_is_computing_on_numbers(left, right, compute):
    expected = compute(left, right)
    for a, b in ((constant(left, 64), constant(right, 40)), (constant(left, 64), right), (left, constant(right, 40))):
        assert z3.simplify(compute(a, b).z).as_long() == expected


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.sampled_from(COMPARED))
def test_comparing_terms_is_unsigned(left, right, compare):
    found = compare(constant(left, 64), constant(right, 64))
    assert z3.is_true(z3.simplify(found.z)) == compare(left, right)


@given(st.integers(0, 2**64 - 1), st.integers(0, 63), st.integers(1, 16))
def test_shifting_terms_is_shifting_numbers(number, right, left):
    shifted = constant(number, 64) >> right
    assert z3.simplify(shifted.z).as_long() == number >> right
    assert z3.simplify((constant(number, 64) << left).z).as_long() == number << left


@given(st.integers(1, 2**16 - 1), st.integers(0, 63))
def test_shifting_a_number_by_a_term_is_shifting_it_by_a_number(number, count):
    assert z3.simplify((number << constant(count, 6)).z).as_long() == number << count


def test_shifting_a_number_by_a_wide_term_is_refused():
    with pytest.raises(TypeError):
        _ = 1 << constant(1, 7)
