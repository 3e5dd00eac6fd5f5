"""`sevspec explain NAME` answers for everything that has a name."""

import json
from typing import Any

import pytest

from sevspec.catalogue import FAMILIES, catalogue
from sevspec.cli import main
from sevspec.guest_rules import guest_rules
from sevspec.topics import check_names, explain
from spec.knobs import KNOBS
from spec.vocabulary import Eax, PageState, Status

NAMES = [
    *(step.name for step in catalogue().steps),
    *(step.title for step in catalogue().steps),
    *(state.value for state in PageState),
    *(state.value.lower().replace("_", "-") for state in PageState),
    *(member.name for family in FAMILIES for member in family),
    *(prop.info.identifier for prop in catalogue().properties),
    *(prop.info.name for prop in catalogue().properties),
    *(rule.name for rule in guest_rules()),
    *(rule.field for rule in guest_rules()),
    *(knob.name for knob in KNOBS),
    *(knob.field for knob in KNOBS),
    *check_names(),
]


@pytest.mark.parametrize("name", dict.fromkeys(NAMES))
def test_every_name_has_an_explanation(name: str) -> None:
    topics = explain(name)
    assert topics
    assert all(topic.facts or topic.tables for topic in topics)


def told(capsys: Any, *words: str) -> list[dict[str, Any]]:
    """The topics of a command line, as JSON."""
    assert main(["explain", *words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "sevspec.explain/1"
    topics: list[dict[str, Any]] = document["topics"]
    return topics


def test_explain_instruction_lists_its_checks_in_order_with_evidence_and_place(capsys: Any) -> None:
    (topic,) = told(capsys, "psmash")
    checks = topic["tables"][-1]["rows"]
    assert [row["nr"] for row in checks] == [str(n) for n in range(1, len(checks) + 1)]
    assert checks[0]["check"] == "feature"
    assert all(row["evidence"] and row["source"].startswith("spec/") for row in checks)
    assert topic["facts"]["invariants about it"] == "RMP-I13, RMP-I11, RMP-I16, RMP-I15"


@pytest.mark.parametrize("name", ["page_reclaim", "SNP_PAGE_RECLAIM", "snp-page-reclaim", "Page_Reclaim"])
def test_explain_firmware_command_by_either_name(name: str, capsys: Any) -> None:
    (topic,) = told(capsys, name)
    assert (topic["kind"], topic["name"]) == ("firmware command", "SNP_PAGE_RECLAIM")


def test_explain_code_finds_the_status(capsys: Any) -> None:
    (topic,) = told(capsys, "0x1A")
    assert topic["name"] == Status.INVALID_PAGE_STATE.name
    assert topic["facts"]["code"] == "0x1A"
    assert any(row["step"] == "SNP_PAGE_RECLAIM" for row in topic["tables"][0]["rows"])


def test_explain_small_code_finds_both_families(capsys: Any) -> None:
    assert {topic["name"] for topic in told(capsys, "7")} == {Eax.FAIL_NOT_SPLITTABLE.name, Status.POLICY_FAILURE.name}


def test_explain_knob_says_who_reads_it(capsys: Any) -> None:
    (topic,) = told(capsys, "K-GPA0")
    assert topic["facts"]["steps that depend on it"].startswith("RMPUPDATE")
    assert "spec/rmp/" in topic["facts"]["read at"]
    assert told(capsys, "gpa0_for_asid0") == [topic]


def test_explain_invariant_by_identifier_and_by_name(capsys: Any) -> None:
    assert told(capsys, "RMP-I11") == told(capsys, "immutable_is_firmware_only")


def test_explain_check_lists_every_step_that_has_it(capsys: Any) -> None:
    (topic,) = told(capsys, "covered")
    assert {"RMPUPDATE", "PSMASH", "SNP_PAGE_RECLAIM"} <= {row["step"] for row in topic["tables"][0]["rows"]}


def test_explain_unknown_name_is_one_line_with_close_matches(capsys: Any) -> None:
    assert main(["explain", "rmpadjus"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: nothing is called 'rmpadjus'; did you mean rmpadjust")
    assert err.count("\n") == 1


def test_explain_unknown_code_is_one_line(capsys: Any) -> None:
    assert main(["explain", "0x999"]) == 2
    assert capsys.readouterr().err == "error: no result has the code 0x999\n"


def test_explain_alone_lists_everything(capsys: Any) -> None:
    (topic,) = told(capsys)
    assert "K-GPA0" in topic["facts"]["knobs"]


def test_explain_prints_for_people(capsys: Any) -> None:
    assert main(["explain", "psmash"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("PSMASH  instruction\n")
    assert "FAIL_NOT_SPLITTABLE (7)" in out


def test_explain_rule_of_a_careful_guest_says_what_fails_without_it(capsys: Any) -> None:
    assert main(["explain", "D2", "--json"]) == 0
    (topic,) = json.loads(capsys.readouterr().out)["topics"]
    assert topic["facts"]["field"] == "Discipline.checks_carry_on_rescind"
    assert topic["facts"]["needed by"] == "RMP-I34"
    (trace,) = topic["tables"]
    assert trace["title"].startswith("RMP-I34 does not hold without rule D2")
    assert trace["rows"][-1]["step"] == "careful_accept"
