"""Guest messages: answered once, sealed once, and no level speaks for a higher one; with what that needs."""

from dataclasses import replace

import pytest

from proofs import obligations
from proofs.attestation_suites import MESSAGES
from proofs.everything import INITIAL
from proofs.premises import OF_MESSAGES
from proofs.search import search
from proofs.small_messages import corresponding, message_key, message_moves
from proofs.solving import FAILED, PROVED
from proofs.suites import RMP
from proofs.witnesses import Witness, fails_in, shown
from spec.attestation.exchange import THRIFTY
from spec.attestation.message_invariants import (
    INVARIANTS,
    OF_THE_MACHINE,
    REKEYING,
    SPEAKING,
    keys_and_counts_stay,
    no_level_speaks_for_a_higher_one,
)
from spec.everything import TRANSITIONS
from spec.registry import invariant_info, transition_info

NAMES = {transition_info(t).name for t in TRANSITIONS}


@pytest.mark.parametrize("transition", MESSAGES.transitions, ids=lambda t: transition_info(t).name)
def test_every_obligation_is_proved(transition) -> None:
    assert {v.status for v in obligations.prove_transition(MESSAGES, transition)} == {PROVED}


def test_it_begins_with_every_invariant() -> None:
    suite = next(s for s in INITIAL if s.name == "messages-initial")
    assert {v.status for v in obligations.prove_transition(suite, suite.transitions[0])} == {PROVED}


def test_every_other_step_is_proved_to_touch_nothing() -> None:
    followed = {transition_info(t).name for t in MESSAGES.transitions}
    info = invariant_info(keys_and_counts_stay)
    left = {transition_info(t).name for t in RMP.transitions if not info.speaks_of(transition_info(t))}
    assert left == followed & NAMES == set(REKEYING)
    assert set(SPEAKING) == {name for name in NAMES if name.startswith("guest_request")}
    assert set(OF_THE_MACHINE) <= set(RMP.invariants)


@pytest.mark.parametrize("name", ["launch_update", "page_swap_in", "activate"])
def test_steps_that_write_contexts_leave_keys_and_counts(name: str) -> None:
    suite = replace(RMP, invariants=(keys_and_counts_stay,))
    transition = next(t for t in RMP.transitions if transition_info(t).name == name)
    verdicts = {v.claim: v.status for v in obligations.prove_transition(suite, transition)}
    assert verdicts["keys_and_counts_stay"] == PROVED


def test_reports_and_keys_are_for_the_level_of_the_key_or_below() -> None:
    suite = replace(RMP, invariants=(no_level_speaks_for_a_higher_one,))
    transition = next(t for t in RMP.transitions if transition_info(t).name == "guest_request")
    verdicts = {v.claim: v.status for v in obligations.prove_transition(suite, transition)}
    assert verdicts["no_level_speaks_for_a_higher_one"] == PROVED


@pytest.mark.parametrize(
    ("premise", "step", "broken"),
    [
        ("no_copy_arrives", "guest_request_import", "one_context_has_the_keys"),
        ("guest_keeps_s12", "guest_seals_request", "no_number_got_a_second_plaintext"),
        ("guest_keeps_s12", "guest_hears_answer", "used_numbers_are_remembered"),
    ],
)
def test_without_the_premise_it_is_not_proved(premise: str, step: str, broken: str) -> None:
    rest = tuple(a for a in MESSAGES.assumptions if a.__name__ != premise)
    transition = next(t for t in MESSAGES.transitions if transition_info(t).name == step)
    verdicts = {
        v.claim: v.status for v in obligations.prove_transition(replace(MESSAGES, assumptions=rest), transition)
    }
    assert verdicts[broken] == FAILED


@pytest.mark.parametrize("witness", OF_MESSAGES, ids=lambda w: w.name)
def test_without_the_rule_there_is_a_trace(witness: Witness) -> None:
    assert len(shown(witness).trace) > 1
    assert witness.text().endswith(f"then {witness.identifier} does not hold")


def test_thrifty_guest_is_answered_and_seals_no_number_twice() -> None:
    plain = [i for i in INVARIANTS if invariant_info(i).identifier in ("RMP-I44", "RMP-I44-IV")]
    found = search(
        corresponding(THRIFTY), message_moves(), message_key, lambda state: any(fails_in(i, state) for i in plain)
    )
    assert len(plain) == 2
    assert found.trace == ()
    assert {
        ("guest_hears_answer", "answered"),
        ("guest_hears_answer", "failed"),
        ("guest_seals_request", "unanswered"),
        ("guest_request", "sequence"),
        ("guest_request", "answered"),
    } <= found.checks
