"""The generated documents are those that the registry gives, and the open questions are those of the knobs."""

import re
from typing import Any

import pytest

from sevspec import docs
from sevspec.manual_map import sections
from sevspec.observations import recorded
from sevspec.source import ROOT
from spec.knobs import KNOBS

QUESTIONS = (ROOT / "docs" / "open-questions.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^### (Q-\d+) (.*?)\n(.*?)(?=^##|\Z)", QUESTIONS, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", docs.DOCUMENTS)
def test_committed_document_equals_the_generated_one(name: str) -> None:
    committed = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert committed == docs.DOCUMENTS[name](), f"docs/{name} is out of date: run `make docs`"


def test_check_names_the_documents_that_are_out_of_date(tmp_path: Any) -> None:
    assert docs.out_of_date(tmp_path) == list(docs.DOCUMENTS)
    for name, text in docs.DOCUMENTS.items():
        (tmp_path / name).write_text(text(), encoding="utf-8")
    assert docs.out_of_date(tmp_path) == []


def test_docs_command_refuses_other_arguments(capsys: Any) -> None:
    assert docs.main(["--bogus"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_manual_reference_is_split_into_sections() -> None:
    assert list(sections('APM Vol. 3, "PSMASH"; Vol. 2, 15.36.5 and 15.36.11')) == [
        ("APM Vol. 3", '"PSMASH"'),
        ("APM Vol. 2", "15.36.5"),
        ("APM Vol. 2", "15.36.11"),
    ]
    assert list(sections("APM Vol. 2, 15.36.10, Tables 15-39 and 15-40"))[1:] == [
        ("APM Vol. 2", "Table 15-39"),
        ("APM Vol. 2", "Table 15-40"),
    ]
    assert list(sections('Firmware ABI (56860), "SNP_INIT"')) == [("Firmware ABI", '"SNP_INIT"')]


def test_questions_are_numbered_through() -> None:
    assert [number for number, _, _ in ENTRIES] == [f"Q-{n:02}" for n in range(1, len(ENTRIES) + 1)]


def plain(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())


def test_every_knob_has_a_question_and_every_such_question_a_knob() -> None:
    asked = {title.partition(":")[0]: plain(body) for _, title, body in ENTRIES if title.startswith("K-")}
    assert list(asked) == [knob.name for knob in KNOBS]
    for knob in KNOBS:
        body = asked[knob.name]
        assert f"Our reading: {plain(knob.default)} (`{knob.field}` =" in body, knob.name
        assert f"Otherwise: {plain(knob.otherwise)}." in body, knob.name
        assert "Evidence: " in body, knob.name
        assert "Depends on it: " in body, knob.name


def test_every_open_observation_has_a_question_and_no_other_has_one() -> None:
    asked = {title.partition(":")[0] for _, title, _ in ENTRIES if title.startswith("hw-")}
    assert asked == {observation.id for observation in recorded() if observation.open}


def test_observations_named_in_questions_exist() -> None:
    assert set(re.findall(r"\bhw-\d+", QUESTIONS)) <= {observation.id for observation in recorded()}


def test_knobs_named_in_questions_exist() -> None:
    assert set(re.findall(r"\bK-[A-Z0-9-]*[A-Z0-9]", QUESTIONS)) == {knob.name for knob in KNOBS}
