"""What an accepted report means is proved, is not proved of nothing, and needs each rule and each premise."""

from dataclasses import replace

import pytest

from proofs import obligations
from proofs.attestation_suites import ATTESTATION
from proofs.attesting import ASSUMPTIONS, rules_are_kept
from proofs.everything import INITIAL
from proofs.premises import OF_ATTESTATION
from proofs.search import search
from proofs.small_attestation import attestation_key, attestation_moves, introduced
from proofs.solving import FAILED, PROVED
from proofs.witnesses import Witness, fails_of, shown
from sevspec.attesting.told import known_checks
from spec.attestation.invariants import accepted_reports_were_asked_for
from spec.attestation.parties import CAREFUL_OF_KEYS
from spec.attestation.relying_party import relying_party_judges
from spec.attestation.rules import DILIGENT
from spec.registry import transition_info

JUDGES = next(t for t in ATTESTATION.transitions if t is relying_party_judges)


@pytest.mark.parametrize("transition", ATTESTATION.transitions, ids=lambda t: transition_info(t).name)
def test_every_obligation_is_proved(transition) -> None:
    assert {v.status for v in obligations.prove_transition(ATTESTATION, transition)} == {PROVED}


def test_it_begins_with_every_invariant() -> None:
    suite = next(s for s in INITIAL if s.name == "attestation-initial")
    assert {v.status for v in obligations.prove_transition(suite, suite.transitions[0])} == {PROVED}


@pytest.mark.parametrize("premise", ASSUMPTIONS[:3], ids=lambda a: a.__name__)
def test_without_the_premise_acceptance_means_less(premise) -> None:
    rest = tuple(a for a in ASSUMPTIONS if a is not premise)
    verdicts = {v.claim: v.status for v in obligations.prove_transition(replace(ATTESTATION, assumptions=rest), JUDGES)}
    assert verdicts["accepted_reports_were_asked_for"] == FAILED


def test_without_the_premise_nonces_can_be_guessed() -> None:
    rest = tuple(a for a in ASSUMPTIONS if a.__name__ != "nonces_are_not_guessed")
    asks = next(t for t in ATTESTATION.transitions if t.__name__ == "guest_asks_for_report")
    verdicts = {v.claim: v.status for v in obligations.prove_transition(replace(ATTESTATION, assumptions=rest), asks)}
    assert verdicts["requested_nonces_had_been_made"] == FAILED


@pytest.mark.slow
def test_genuine_reports_are_accepted_and_no_other() -> None:
    found = search(
        introduced(DILIGENT),
        attestation_moves(),
        attestation_key,
        lambda _: False,
        is_bad_step=lambda before, taken: fails_of(accepted_reports_were_asked_for, before, taken),
    )
    assert found.trace == ()
    assert found.states > 1000
    decided = {check for name, check in found.checks if name == "relying_party_judges"}
    assert "accepted" in decided
    assert {"signature", "chip-id", "certificate-tcb", "policy-forbidden", "measurement", "vmpl"} <= decided
    assert decided <= set(known_checks())


@pytest.mark.parametrize("witness", OF_ATTESTATION, ids=lambda w: w.name)
def test_without_the_rule_something_else_is_accepted(witness: Witness) -> None:
    trace = shown(witness).trace
    assert (trace[-1].take, trace[-1].outcome.check) == (relying_party_judges, "accepted")
    start = witness.start()
    assert not rules_are_kept(start, None)
    kept = (*start.rules, *start.care)
    assert kept.count(False) == 1


def test_every_rule_has_a_trace() -> None:
    dropped = {((*w.start().rules, *w.start().care)).index(False) for w in OF_ATTESTATION}
    assert dropped == set(range(len(DILIGENT) + len(CAREFUL_OF_KEYS)))  # type: ignore[arg-type]  # records are tuples
