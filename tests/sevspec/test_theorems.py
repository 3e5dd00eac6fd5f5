"""`sevspec prove T4` and T5 by name, `--without` a rule, and what `sevspec explain` says of the protocol."""

import json
from typing import Any

import pytest

from proofs.protocol_theorems import T4, T5
from proofs.theorems import THEOREMS, knobs_of
from sevspec.cli import main
from sevspec.proving import invariants
from spec.everything import LIST_INVARIANTS, PROTOCOL_INVARIANTS


@pytest.mark.parametrize(
    ("theorem", "rule", "claim"),
    [
        ("T4", "S5", "GHCB-I10 instructions_are_at_rip"),
        ("T4", "s7", "GHCB-I15-CHECKED devices_are_on_shared_pages"),
        ("T4", "S9", "GHCB-S9 what_is_served_was_checked"),
        ("T4", "S22", "GHCB-I38 unvalidated_pages_end_the_guest"),
        ("T5", "D8", "GHCB-T5-RMP shared_pages_are_valid_nowhere"),
        ("T5", "GHCB-I24", "GHCB-I24 the_private_list_decides"),
    ],
)
def test_without_a_rule_the_run_that_comes_back_is_shown(theorem: str, rule: str, claim: str, capsys: Any) -> None:
    assert main(["prove", theorem, "--without", rule]) == 1
    shown = capsys.readouterr().out
    assert f"then {claim} does not hold" in shown
    assert "1. " in shown


def test_the_run_is_there_for_machines_too(capsys: Any) -> None:
    assert main(["prove", "T4", "--without", "S10", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["without"] == "S10"
    assert [run["claim"] for run in document["runs"]] == ["GHCB-I17-LEFT", "GHCB-I17-LEFT"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["T4", "--without", "S99"], "--without: no rule 'S99'"),
        (["T5", "--without", "S5"], "--without: no rule 'S5'"),
        (["rmpupdate", "--without", "S5"], "--without RULE goes with theorems alone"),
    ],
)
def test_unknown_rules_are_one_line(arguments: list[str], message: str, capsys: Any) -> None:
    assert main(["prove", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_theorems_are_made_of_claims_that_are_proved() -> None:
    known = invariants()
    assert all(claim in known for theorem in THEOREMS for claim in theorem.claims)
    own = {invariant.__name__ for invariant in PROTOCOL_INVARIANTS}
    assert own <= {*T4.claims, *T5.claims}
    assert {invariant.__name__ for invariant in LIST_INVARIANTS} <= {*T5.claims}


def test_premises_name_rules_and_knobs() -> None:
    assert {"S5", "S6", "S7", "S8", "S9", "S10", "S11", "S13", "S15", "S22"} <= {*T4.rules}
    assert {"D1", "D2", "D4", "D8"} <= {*T5.rules}
    assert set(knobs_of(T4)) == {"K-MSR-RESTORE", "K-CPUID-ECHO", "K-RDMSRVALID", "K-INFOVALID"}
    assert {"K-PSC-INFO2", "K-PSC-END"} <= set(knobs_of(T5))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("T4", "theorem"),
        ("PAGE_STATE_CHANGE", "event of the GHCB protocol"),
        ("register-gpa-request", "message over the GHCB MSR"),
        ("GHCB-I14", "does not hold without S6"),
    ],
)
def test_protocol_is_explained(name: str, words: str, capsys: Any) -> None:
    assert main(["explain", name]) == 0
    assert words in " ".join(capsys.readouterr().out.split())
