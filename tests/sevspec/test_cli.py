"""The command line: versions, help, and mistakes as one line with exit code 2."""

import subprocess
import sys
from typing import Any

import pytest

from sevspec.cli import main, verbs
from sevspec.manuals import MANUALS
from sevspec.observations import recorded
from sevspec.source import ROOT


def test_version_names_the_manuals(capsys: Any) -> None:
    assert main(["--version"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("sevspec ")
    assert all(manual.publication in out for manual in MANUALS)
    numbers = {"24593", "24594", "26568", "55766", "56421", "56860", "57230"}
    assert {manual.publication for manual in MANUALS} == numbers


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_help_lists_the_verbs(words: list[str], capsys: Any) -> None:
    assert main(words) == 0
    out = capsys.readouterr().out
    assert all(verb in out for verb in verbs())


@pytest.mark.parametrize("verb", verbs())
def test_help_of_every_verb_has_an_example_and_offers_json(verb: str, capsys: Any) -> None:
    assert main([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert "--json" in out
    assert f"sevspec {verb}" in out


@pytest.mark.parametrize(
    "words",
    [
        ["explian", "psmash"],
        ["--bogus"],
        ["explain", "--bogus"],
        ["explain", "a", "b"],
        ["explain", "--platform", "rome", "psmash"],
        ["explain", "psmash", "--rmp-entry", "0:0"],
        ["explain", "--pfn", "1"],
        ["explain", "--rmp-entry"],
    ],
    ids=" ".join,
)
def test_mistake_is_one_line_and_exit_code_2(words: list[str], capsys: Any) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_reader_that_goes_away_is_no_failure() -> None:
    command = [sys.executable, "-c", "from sevspec.cli import main; raise SystemExit(main(['explain', '--json']))"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        errors = running.stderr.read()
        code = running.wait()
    assert (code, errors) == (0, b"")


def test_installation_without_the_observations_says_so(monkeypatch: Any, tmp_path: Any, capsys: Any) -> None:
    module = sys.modules["sevspec.observations.recorded"]
    recorded.cache_clear()
    monkeypatch.setattr(module, "FILE", tmp_path / "observations.json")
    assert main(["explain", "--observations"]) == 2
    assert capsys.readouterr().err.startswith("error: observations are read from ")
    recorded.cache_clear()
