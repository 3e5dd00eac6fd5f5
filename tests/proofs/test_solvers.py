"""Three solvers are asked the same, and answer the same."""

import pytest
import z3

from proofs.session import Piece, work
from proofs.solvers import SOLVERS, version_of

INSTALLED = [solver for solver in SOLVERS if version_of(solver) is not None]


@pytest.mark.parametrize("solver", INSTALLED)
def test_solver_answers_both_ways(solver):
    x, f = z3.BitVec("a page", 8), z3.Function("entry", z3.BitVecSort(8), z3.BoolSort())
    asked = SOLVERS[solver]()
    asked.add(z3.ULT(x, 3), f(x))
    assert asked.check() == z3.sat
    asked.push()
    asked.add(z3.And(z3.Not(f(0)), z3.Not(f(1)), z3.Not(f(2))))
    assert asked.check() == z3.unsat
    asked.pop()
    assert asked.check() == z3.sat


def test_all_solvers_are_installed_for_development():
    assert list(SOLVERS) == INSTALLED


@pytest.mark.parametrize("transition", ["page_reclaim"])
def test_solvers_agree(transition):
    verdicts = [{(v.claim, v.status) for v in work(Piece("rmp", transition, solver)).verdicts} for solver in INSTALLED]
    assert all(found == verdicts[0] for found in verdicts)
