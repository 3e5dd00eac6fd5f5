"""README and guides name files that exist, verbs that there are, and commands that do what they say."""

import re
from typing import Any

import pytest

from sevspec.cli import main, verbs
from sevspec.manuals import MANUALS
from sevspec.source import ROOT

DOCUMENTS = ("README.md", "docs/reading-guide.md", "docs/generations.md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_named_files_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"\b((?:spec|impl|proofs|sevspec|tests|docs|examples)/[\w./-]*\w/?)", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_named_verbs_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"sevspec ([a-z-]+)(?= |`)", text))
    assert named & set(verbs())
    assert [verb for verb in re.findall(r"\$ sevspec ([a-z-]+)", text) if verb not in verbs()] == []


def test_readme_pins_the_manuals() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [m.title for m in MANUALS if not (m.publication in text and m.revision in text)]
    assert missing == []


LADDER = re.compile(r"^ ?[AB]\d\d .*$", re.MULTILINE)
"""Lines of the ladder."""


def test_readme_has_the_ladder_as_it_is_printed(capsys: Any) -> None:
    assert main(["attack"]) == 0
    printed = [line.rstrip() for line in LADDER.findall(capsys.readouterr().out.partition("not run")[0])]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(printed) >= 30
    assert [line.rstrip() for line in LADDER.findall(text)] == printed


def commands_of(name: str) -> list[str]:
    """The commands that a document says to run: indented lines, and code in the text."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^    sevspec (.*)$", text, re.MULTILINE)
    found += [" ".join(words.split()) for words in re.findall(r"`sevspec ((?:attack|explain)[^`]*)`", text)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("command", commands_of("docs/generations.md"))
def test_command_of_the_newcomers_page_holds(command: str, capsys: Any, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 0
    out, err = capsys.readouterr()
    assert out
    assert err == ""
