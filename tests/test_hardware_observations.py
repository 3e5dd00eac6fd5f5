"""Every recorded line has its verdict: the model agrees, the line is an open question, or it is outside the model."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sevspec.cli import main
from sevspec.observations import Observation, recorded, verdicts
from sevspec.observations.judged import AGREES, NOT_MODELLED, OPEN, OUTSIDE, verdict
from sevspec.observations.recorded import Contradiction, expect

LINES = recorded()
OUTSIDE_THE_MODEL = {"hw-037", "hw-038", "hw-041", "hw-060", "hw-061", "hw-062"}


def test_there_are_63_lines() -> None:
    assert [line.id for line in LINES] == [f"hw-{n:03}" for n in range(1, 64)]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.id)
def test_observation_has_its_verdict(line: Observation) -> None:
    given = verdict(line)
    if line.open:
        assert given.word == OPEN
    elif line.id in OUTSIDE_THE_MODEL:
        assert given.word == OUTSIDE
        assert given.how == NOT_MODELLED[line.kind]
    else:
        assert given.word == AGREES, given.how


def changed(line: Observation, **raw: Any) -> Observation:
    """A line with other values: what no machine printed."""
    return Observation(**(vars(line) | {"raw": line.raw | raw}))


def line_named(name: str) -> Observation:
    """One line."""
    return next(line for line in LINES if line.id == name)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("hw-002", {"lo": "0xfff0000000144003"}),
        ("hw-003", {"error_code": "0x80000001"}),
        ("hw-006", {"hi": "0x1f"}),
        ("hw-013", {"G": "0x1000000001"}),
        ("hw-015", {"hpa": "0x1c13ab000"}),
        ("hw-019", {"exitinfo1": "0xc80000007"}),
        ("hw-025", {"error": "0x406"}),
        ("hw-042", {"base": "0x11580000"}),
        ("hw-052", {"segment_size": "0x4000000000"}),
        ("hw-057", {"eax": "0xcfdffffb"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_changed_value_contradicts_the_model(name: str, raw: dict[str, str]) -> None:
    assert verdict(changed(line_named(name), **raw)).contradicts


@pytest.mark.parametrize("name", ["hw-001", "hw-007", "hw-018", "hw-028", "hw-029", "hw-031", "hw-033", "hw-034"])
def test_changed_code_contradicts_the_model(name: str) -> None:
    line = line_named(name)
    assert verdict(Observation(**(vars(line) | {"result": "0x5"}))).contradicts


def test_contradiction_says_both_values() -> None:
    with pytest.raises(Contradiction, match=r"^word: the model says 0x5, the machine 0x7$"):
        expect("word", 5, 7)


def test_all_verdicts_are_printed(capsys: Any) -> None:
    code = main(["explain", "--observations", "--json"])
    listed = json.loads(capsys.readouterr().out)["observations"]
    assert [one["id"] for one in listed] == [line.id for line in LINES]
    assert code == int(any(one.contradicts for one in verdicts()))
    assert main(["explain", "--observations"]) == code
    assert "hw-063" in capsys.readouterr().out


@pytest.mark.skipif("SEVSPEC_DATA" not in os.environ, reason="SEVSPEC_DATA is not set: ids are not compared")
def test_no_line_of_the_collection_is_missing() -> None:
    path = Path(os.environ["SEVSPEC_DATA"]) / "hardware" / "observations.jsonl"
    collected = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    kinds = {line.id: line.kind for line in LINES}
    assert {line["id"]: line["kind"] for line in collected} == kinds
    assert {line["id"] for line in collected if line["verdict"] == "undetermined"} == {o.id for o in LINES if o.open}
