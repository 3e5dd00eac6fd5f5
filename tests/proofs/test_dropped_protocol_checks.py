"""A claim about the GHCB protocol is not true by itself: with the check that it rests on dropped, its proof fails."""

import pytest

from proofs import without
from proofs.session import Piece
from proofs.solving import FAILED, PROVED
from sevspec.mutation_report import mutants_without

DROPPED = [
    ("ghcb-msr", "msr_asks:own-page", "only_the_own_page_is_registered"),
    ("ghcb-msr", "on_sev_info_response:version-range", "versions_are_common"),
    ("ghcb-msr", "on_register_response:same-frame", "registrations_name_the_own_page"),
    ("ghcb-msr", "on_cpuid_response:encryption-denied", "encryption_is_not_denied"),
    ("ghcb-msr", "on_cpuid_response:same-register", "registers_of_cpuid_are_those_asked_for"),
    ("ghcb-msr", "on_hv_features_response:snp-features", "snp_guests_have_snp_features"),
    ("ghcb-msr", "on_hv_features_response:answers-the-request", "answers_fit_their_requests"),
    ("vc", "hypervisor_raises_vc:nesting-bound", "nesting_is_bounded"),
    ("vc", "vc_enters:not-validated", "unvalidated_pages_end_the_guest"),
    ("vc", "vc_enters:no-event", "unknown_codes_have_no_effect"),
    ("vc", "vc_admits:opcode-mismatch", "effects_match_exit_codes"),
    ("vc", "vc_admits:privilege", "privileges_are_kept"),
    ("vc", "vc_admits:port", "ports_are_permitted"),
    ("vc", "vc_checks:secure-tsc", "own_registers_come_from_nobody"),
    ("vc", "vc_checks:no-length", "lengths_are_those_of_instructions"),
    ("vc", "vc_checks:user-mmio", "privileges_are_kept"),
    ("vc", "vc_checks:private-memory", "devices_are_on_shared_pages"),
    ("vc", "vc_checks:page-crossing", "devices_are_on_shared_pages"),
    ("vc", "vc_checks:memory-operand", "strings_stay_in_reach"),
    ("vc", "vc_takes_page:copies-first", "nested_calls_copy_first"),
    ("vc", "vc_believes:answer-not-valid", "answers_were_marked_valid"),
    ("vc", "vc_believes:error-answer", "other_answers_end_the_guest"),
    ("vc", "vc_believes:forged-exception", "only_two_exceptions_are_accepted"),
    ("vc", "vc_believes:result-not-valid", "results_were_marked_valid"),
    ("ghcb-host", "host_checks:unregistered-page", "served_pages_are_registered"),
    ("ghcb-host", "host_checks:event", "checked_events_are_offered"),
    ("ghcb-host", "host_checks:scratch", "what_is_left_is_in_bounds"),
    ("ghcb-host", "host_checks:string-length", "what_is_left_is_in_bounds"),
    ("ghcb-host", "host_reads_header:list-length", "entries_are_in_the_buffer"),
    ("ghcb-list", "list_adds:not-in-that-state", "pages_are_listed_once"),
    ("ghcb-list", "list_adds:alignment", "large_pages_are_aligned"),
    ("ghcb-list", "list_adds:full", "lists_have_room"),
    ("ghcb-list", "list_judges:last-entry", "completion_is_consistent"),
    ("ghcb-list", "list_judges:header-reserved", "completion_is_consistent"),
    ("ghcb-list", "list_judges:progress", "progress_is_monotone"),
    ("ghcb-list", "list_takes:not-accepted", "private_pages_are_accepted"),
]


@pytest.mark.parametrize(("suite", "rule", "claim"), DROPPED, ids=lambda part: part)
def test_without_the_check_the_claim_is_not_proved(suite: str, rule: str, claim: str) -> None:
    transition = rule.partition(":")[0]
    piece = Piece(suite, transition, invariants=(claim,))
    (answer,) = without.prove_changed(mutants_without(rule), [piece])
    assert {verdict.claim: verdict.status for verdict in answer.verdicts} == {claim: FAILED}


@pytest.mark.parametrize(("suite", "claim"), sorted({(suite, claim) for suite, _, claim in DROPPED}))
def test_with_all_checks_it_is_proved(suite: str, claim: str) -> None:
    transitions = {rule.partition(":")[0] for s, rule, c in DROPPED if (s, c) == (suite, claim)}
    pieces = [Piece(suite, transition, invariants=(claim,)) for transition in sorted(transitions)]
    for answer in without.prove_changed([], pieces):
        assert {verdict.status for verdict in answer.verdicts} == {PROVED}
