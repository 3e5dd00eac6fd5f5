"""What does not hold is refused, and shown: wrong invariants, numbers that do not fit, solvers that give up."""

from dataclasses import replace

import pytest
import z3

from proofs import obligations
from proofs.counterexample import counterexample
from proofs.session import Piece, found
from proofs.solving import FAILED, MAKE_SOLVER, PROVED, UNKNOWN
from spec.logic import implies, none_of
from spec.record import replace as with_fields
from spec.registry import Outcome, invariant, transition
from spec.rmp.psmash import Psmash
from spec.system.state import System
from spec.vocabulary import Actor, Eax, Evidence, Guarantor, Pfn


@invariant("TEST-1", guarantor=Guarantor.NOBODY, manual="nowhere")
def no_page_has_an_owner(system: System, page: Pfn) -> bool:
    """Wrong of RMPUPDATE."""
    return system.rmp[page].asid == 0


@transition(actor=Actor.HARDWARE, manual="nowhere")
def counts_beyond_its_width(system: System, op: Psmash) -> Outcome:
    """Adds to a number that may be the greatest there is."""
    head = system.rmp[0]
    counted = system.rmp.set(0, with_fields(head, subpage_count=head.subpage_count + 1))
    return Outcome(Eax.SUCCESS, "counted", with_fields(system, rmp=counted), Evidence.INFERRED)


def with_invariants(suite, *claims):
    """The suite that proves and assumes just these."""
    return replace(suite, invariants=claims, hypotheses=claims)


def status(verdicts, claim):
    """What became of one claim."""
    return next(verdict for verdict in verdicts if verdict.claim == claim)


@pytest.fixture(scope="module")
def rmpupdate():
    """The suite and the transition."""
    return found(Piece("rmp", "rmpupdate"))


def test_wrong_invariant_fails_with_a_replayed_counterexample(rmpupdate):
    suite, step = rmpupdate
    wrong = with_invariants(suite, no_page_has_an_owner)
    verdict = status(obligations.prove_transition(wrong, step), "no_page_has_an_owner")
    assert verdict.status == FAILED

    example = counterexample(wrong, step, verdict.claim, verdict.path)
    assert example.replayed
    assert example.outcome.result == Eax.SUCCESS
    assert no_page_has_an_owner(example.before, **example.values)
    assert not no_page_has_an_owner(example.outcome.system, **example.values)
    assert "the plain run does the same" in example.text()


def test_sum_that_may_not_fit_fails(rmpupdate):
    suite, _ = rmpupdate
    verdicts = obligations.prove_transition(with_invariants(suite), counts_beyond_its_width)
    assert status(verdicts, "numbers-fit").status == FAILED


class GivesUp(z3.Solver):
    """Finds what is satisfiable, and never proves anything."""

    def check(self, *assumptions):
        answer = super().check(*assumptions)
        return z3.unknown if answer == z3.unsat else answer


def test_solver_that_gives_up_proves_nothing(rmpupdate):
    suite, step = rmpupdate
    narrow = replace(suite, invariants=())
    assert status(obligations.prove_transition(narrow, step), "numbers-fit").status == PROVED
    token = MAKE_SOLVER.set(GivesUp)
    try:
        assert status(obligations.prove_transition(narrow, step), "numbers-fit").status == UNKNOWN
    finally:
        MAKE_SOLVER.reset(token)


@invariant("TEST-2", guarantor=Guarantor.NOBODY, manual="nowhere")
def assigned_pages_are_immutable(before: System, after: System, page: Pfn) -> bool:
    """Wrong of a step of RMPUPDATE."""
    return implies(none_of(before.rmp[page].assigned), none_of(after.rmp[page].assigned))


def test_wrong_step_invariant_fails_with_a_replayed_counterexample(rmpupdate):
    suite, step = rmpupdate
    wrong = replace(suite, invariants=(assigned_pages_are_immutable,))
    verdict = status(obligations.prove_transition(wrong, step), "assigned_pages_are_immutable")
    assert verdict.status == FAILED
    assert counterexample(wrong, step, verdict.claim, verdict.path).replayed
