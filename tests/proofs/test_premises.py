"""What is no invariant has a trace; each invariant of a careful guest fails without a rule that it needs."""

import pytest

from proofs.necessity import needs
from proofs.premises import OF_EXECUTION, OF_KNOBS, OF_NOTHING, OF_RULES
from proofs.search import search
from proofs.small_levels import everything
from proofs.small_metadata import Swapped, replaying_moves
from proofs.small_world import has_ended
from proofs.witnesses import Witness, fails_in, shown
from spec.everything import GUEST_INVARIANTS, NO_INVARIANTS
from spec.guest.invariants import valid_pages_are_unique
from spec.guest.launch_invariants import INVARIANTS as LAUNCH_INVARIANTS
from spec.guest.world import CAREFUL, Discipline
from spec.knobs import DEFAULT_KNOBS
from spec.record import fields_of
from spec.registry import invariant_info
from spec.vocabulary import Guarantor


def steps(witness: Witness) -> list[str]:
    return [taken.take.__name__ for taken in shown(witness).trace]


@pytest.mark.parametrize("witness", OF_NOTHING, ids=lambda w: w.name)
def test_what_is_no_invariant_fails_of_a_careful_guest(witness: Witness) -> None:
    assert invariant_info(witness.statement).guarantor is Guarantor.NOBODY
    start = witness.start()
    assert (start.world if hasattr(start, "world") else start).guest.rules == CAREFUL
    assert steps(witness)
    assert witness.text().endswith(f"then {witness.identifier} does not hold")


@pytest.mark.parametrize("witness", OF_RULES, ids=lambda w: w.name)
def test_without_the_rule_the_invariant_fails(witness: Witness) -> None:
    rules = witness.start().guest.rules
    dropped = [rule for rule, kept in zip(fields_of(Discipline), rules, strict=True) if not kept]
    assert 1 <= len(dropped) <= 2
    assert steps(witness)


@pytest.mark.parametrize("witness", OF_EXECUTION, ids=lambda w: w.name)
def test_of_a_guest_that_executes_before_vmrun_the_invariant_fails(witness: Witness) -> None:
    start = witness.start()
    assert start.guest.rules == CAREFUL
    assert start.system.platform.knobs.swap_type_checked
    assert not start.ghost.entered
    assert "careful_accept" in steps(witness)


def test_everything_said_of_the_launch_needs_that_vmrun_comes_first() -> None:
    assert {w.statement for w in OF_EXECUTION} == set(LAUNCH_INVARIANTS)


@pytest.mark.parametrize("witness", OF_KNOBS, ids=lambda w: w.name)
def test_with_the_other_answer_of_the_knob_the_invariant_fails(witness: Witness) -> None:
    start = witness.start()
    assert start.guest.rules == CAREFUL
    assert not start.system.platform.knobs.gpa0_for_asid0
    assert "host_writes_entry" in steps(witness)


def test_every_invariant_of_careful_guests_has_a_rule_that_it_needs() -> None:
    careful = {invariant_info(i).identifier for i in GUEST_INVARIANTS if invariant_info(i).guarantor is Guarantor.GUEST}
    assert {witness.identifier for witness in OF_RULES} == careful


def test_everything_that_is_no_invariant_is_looked_for() -> None:
    assert {w.identifier for w in OF_NOTHING} == {invariant_info(i).identifier for i in NO_INVARIANTS}


def test_forged_entry_is_not_accepted_where_the_knob_has_its_default() -> None:
    found = search(
        Swapped(metadata=False).start(CAREFUL, DEFAULT_KNOBS),
        replaying_moves(),
        everything,
        lambda world: fails_in(valid_pages_are_unique, world),
        has_ended,
    )
    assert found.trace == ()
    assert ("host_writes_entry", "written") in found.checks


def test_every_knob_that_needs_several_steps_is_one_that_is_needed() -> None:
    assert {w.statement.__name__ for w in OF_KNOBS} <= {need.invariant.__name__ for need in needs()}
