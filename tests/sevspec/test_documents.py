"""README and reading guide name files that exist, and verbs that there are."""

import re

import pytest

from sevspec.cli import verbs
from sevspec.manuals import MANUALS
from sevspec.source import ROOT

DOCUMENTS = ("README.md", "docs/reading-guide.md")


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
