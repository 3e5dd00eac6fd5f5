"""`sevspec check`: its parts, its report and its exit code, with the proofs of one transition standing for all."""

import json
import re
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Any

import pytest

from proofs.everything import SUITES
from proofs.obligations import Verdict
from proofs.session import Answer, Piece
from sevspec import proving
from sevspec.attacks.catalogue import attacks
from sevspec.checking import example, parts
from sevspec.checking.part import Finding
from sevspec.cli import main
from sevspec.commands import check
from spec.registry import invariant_info

ONE = [Piece("rmp", "psmash", invariants=("validated_implies_owned",))]


@pytest.fixture(autouse=True)
def few_proofs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One piece, proved in this process; a short cross-check; files in a folder of their own."""
    monkeypatch.setattr(proving, "selected", lambda *_: ONE)
    monkeypatch.setattr(parts, "CROSSCHECK_STEPS", 20)
    monkeypatch.setattr(parts, "runnable", lambda: [attack for attack in attacks() if attack.name == "remap"])
    monkeypatch.chdir(tmp_path)


def checked(capsys: Any, *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["check", "--no-cache", "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def test_check_proves_launches_and_names_what_is_not_built(capsys: Any) -> None:
    code, document = checked(capsys)
    assert (code, document["schema"], document["holds"]) == (0, 1, True)
    findings = {part["name"].split(":")[0]: part["finding"] for part in document["parts"]}
    assert findings["proofs, for memory without bounds"] == "holds"
    assert findings["launch of the example image"] == "holds"
    assert findings["the attack ladder"] == "holds"
    assert findings["conformance by trace"] == "not yet built"
    assert document["proofs"]["proved"] == document["proofs"]["obligations"] > 0
    recorded = json.loads(example.EXPECTED.read_text())["launches"]
    assert [one["measurement"] for one in document["launches"]] == [one["measurement"] for one in recorded]
    assert {line["claim"] for line in document["claims"]} >= {"validated_implies_owned"}
    assert all(assumption["text"] for assumption in document["assumptions"])


def test_report_is_one_page_without_links(capsys: Any) -> None:
    assert main(["check", "--no-cache"]) == 0
    page = Path("report.html").read_text()
    assert not re.search(r"https?:|src=|<link|@import|url\(", page)
    assert "validated_implies_owned" in page
    assert "GUEST_VALID" in page
    assert "needed_knobs_have_defaults" in page
    assert "everything that is built holds; report.html" in capsys.readouterr().out


def test_unknown_obligation_fails_and_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    unknown = Verdict("psmash", "validated_implies_owned", "unknown", 1.0, "page-smashed")
    monkeypatch.setattr(check, "with_progress", lambda *_: [Answer(ONE[0], (unknown,), 1.0)])
    assert main(["check"]) == 1
    line = "UNKNOWN psmash validated_implies_owned   on path: page-smashed"
    assert line in capsys.readouterr().out
    assert line in Path("report.html").read_text()


def test_other_measurement_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    recorded = json.loads(example.EXPECTED.read_text())
    recorded["launches"][0]["measurement"] = "00" * 48
    (tmp_path / "expected.json").write_text(json.dumps(recorded))
    monkeypatch.setattr(example, "EXPECTED", tmp_path / "expected.json")
    code, document = checked(capsys, "--junit", "junit.xml")
    assert (code, document["holds"]) == (1, False)
    assert "<" not in document["parts"][1]["detail"]
    cases = Xml.parse("junit.xml").getroot().iter("testcase")
    failed = [case.get("name") for case in cases if case.find("failure") is not None]
    assert failed == [document["parts"][1]["name"]]


def test_installation_without_examples_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.setattr(example, "EXPECTED", tmp_path / "missing.json")
    code, document = checked(capsys)
    assert (code, document["parts"][1]["finding"], document["launches"]) == (0, "not here", [])


def test_junit_names_what_is_not_done(capsys: Any) -> None:
    checked(capsys, "--junit", "junit.xml")
    suite = Xml.parse("junit.xml").getroot()
    skipped = {case.get("name") for case in suite.iter("testcase") if case.find("skipped") is not None}
    assert "conformance by trace" in skipped
    assert "the attack ladder" not in skipped
    assert suite.get("failures") == "0"
    assert suite.get("tests") == str(len(list(suite.iter("testcase"))))


@pytest.mark.parametrize("option", ["--report", "--junit"])
def test_file_that_cannot_be_written_is_one_line(option: str, capsys: Any) -> None:
    assert main(["check", "--no-cache", option, "missing/file"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {option}: cannot write missing/file: ")


def test_crosscheck_that_differs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(steps: int, seed: int) -> int:
        raise AssertionError("step 3:\n results differ")

    monkeypatch.setattr(parts, "crosscheck", differs)
    part = parts.crosscheck_part()
    assert (part.finding, part.detail) == (Finding.FAILS, "step 3: results differ")


def test_crosscheck_that_agrees_counts_its_steps() -> None:
    part = parts.crosscheck_part()
    assert part.finding is Finding.HOLDS
    assert part.detail.startswith("20 random steps")


def test_theorems_are_named_as_long_as_they_are_not_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = {invariant_info(claim).identifier for suite in SUITES for claim in suite.invariants}
    named = parts.planned_parts([])[0].name
    assert named.startswith("theorems ")
    assert ("T3" in named) == ("RMP-T3" not in stated)
    assert "T8" in named
    monkeypatch.setattr(parts, "THEOREMS", {})
    assert [part.name for part in parts.planned_parts([])] == [name for name, _, _ in parts.PLANNED]
