"""One source, two ways to run: a plain step and the symbolic paths give the same result, check and state."""

from functools import cache

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.attestation_suites import ATTESTATION_SUITES
from proofs.explore import explore, unknown
from proofs.vectors import targets
from spec.registry import operands_of, transition_info
from tests.proofs.pinned import Pinned
from tests.proofs.plain_values import plain_values

MACHINE = {transition_info(transition).name: (suite, transition) for suite, transition in targets()}
SPOKEN = {transition_info(step).name: (suite, step) for suite in ATTESTATION_SUITES for step in suite.transitions}
TARGETS = SPOKEN | MACHINE
EXAMPLES = 3 if settings.default.max_examples <= 100 else 60
"""For each transition; there are many, and each example asks the solver about every path."""


@cache
def explored(name):
    """The symbolic state, operands and paths of a transition."""
    suite, transition = TARGETS[name]
    state, op = unknown(suite.state_type, "s"), unknown(operands_of(transition), "op")
    return state, op, explore(transition, state, op)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_plain_step_takes_exactly_the_path_that_the_solver_finds(name, data):
    suite, transition = TARGETS[name]
    before = data.draw(plain_values(suite.state_type, 10), "state")
    operands = data.draw(plain_values(operands_of(transition), 8), "operands")
    plain = transition(before, operands)
    state, op, paths = explored(name)

    taken = []
    for path in paths:
        answer, differences = Pinned(path, (state, op), (before, operands)).solve(plain.system)
        assert answer != z3.unknown
        if answer == z3.sat:
            taken.append((path.outcome.result, path.outcome.check))
            assert differences == []

    assert set(taken) == {(plain.result, plain.check)}
