"""`sevspec prove`: what it selects, prints, and says with its exit code."""

import json
import xml.etree.ElementTree as Xml

import jsonschema
import pytest

from proofs.mutants import BY_VECTORS, UNREACHED, Fate, known
from proofs.obligations import Verdict
from proofs.session import Answer, Piece
from proofs.solving import FAILED, PROVED, UNKNOWN
from sevspec import proving, schemas
from sevspec.cli import main
from sevspec.mutation_report import TABLES, mistakes

SMALL = ["page_reclaim", "RMP-I1", "RMP-I9"]


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch, tmp_path):
    """A cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_prove_as_json_keeps_to_its_schema_and_is_cached(capsys, tmp_path):
    junit = tmp_path / "junit.xml"
    assert main(["prove", *SMALL, "--json", "--junit", str(junit)]) == 0
    first = json.loads(capsys.readouterr().out)
    jsonschema.validate(first, schemas.prove_schema())
    assert first["obligations"] == first["proved"] == len(first["list"]) >= 2
    assert first["failed"] == first["unknown"] == first["cached"] == 0
    assert {row["identifier"] for row in first["list"]} == {"RMP-I1", "RMP-I9"}
    assert len(Xml.parse(junit).getroot()) == first["obligations"]

    assert main(["prove", *SMALL, "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["cached"] > 0
    assert second["list"] == first["list"]

    assert main(["prove", *SMALL, "--json", "--no-cache"]) == 0
    assert json.loads(capsys.readouterr().out)["cached"] == 0


def test_prove_without_a_check_shows_a_replayed_counterexample(capsys):
    assert main(["prove", "rmpupdate", "RMP-I11", "--without", "rmpupdate:immutable"]) == 1
    out = capsys.readouterr().out
    assert "FAILED  rmpupdate preserves immutable_is_firmware_only" in out
    assert "the plain run does the same" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["psmsh"], "did you mean psmash"),
        (["RMP-I999"], "no transition or invariant"),
        (["HV-H3"], "HV-H3 is not stated yet: what memory holds"),
        (["rmp-i43"], "RMP-I43 is not an invariant; `sevspec explain RMP-I43` shows why"),
        (["--solver", "yices"], "no solver 'yices'"),
        (["--without", "psmash"], "write TRANSITION:CHECK"),
        (["--without", "psmash:nothing"], "psmash has no check 'nothing'; it has "),
        (["--without", "psmsh:covered"], "did you mean psmash"),
        (["--changed", "spec/rmp/psmash.py"], "goes with --mutants"),
        (["--mutants", "--changed", "spec/rmp/psmsh.py"], "did you mean spec/rmp/psmash.py"),
        (["--mutants", "psmash"], "stands alone"),
    ],
)
def test_wrong_request_is_one_line_and_exit_code_2(arguments, said, capsys):
    assert main(["prove", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_what_is_no_invariant_and_what_is_not_stated_is_listed_beside_the_claims():
    no, missing = proving.beside()
    assert {row[0]: row[2] for row in no.rows} == {
        "RMP-I43": "fails after 2 steps",
        "RMP-I48": "fails after 3 steps",
        "RMP-I42-ANY": "fails after 4 steps",
        "RMP-I32-ANY": "fails after 4 steps",
        "HV-H30": "fails after 10 steps",
        "RMP-I49": "fails after 2 steps",
        "RMP-I50": "fails after 1 steps",
    }
    stated = {info.identifier for info in proving.invariants().values()}
    assert {row[0] for row in missing.rows} >= {"GHCB-I33", "HV-H3", "rule D10"}
    assert not stated & {row[0] for row in (*no.rows, *missing.rows)}


def answer(solver, status):
    """One solver's answer to one obligation."""
    return Answer(Piece("rmp", "psmash", solver), (Verdict("psmash", "claim", status, 0.1, "split"),), 0.1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((PROVED, PROVED), PROVED),
        ((FAILED, FAILED), FAILED),
        ((UNKNOWN, UNKNOWN), UNKNOWN),
        ((PROVED, UNKNOWN), UNKNOWN),
        ((PROVED, FAILED), UNKNOWN),
    ],
)
def test_solvers_must_agree(given, expected):
    (row,) = proving.rows(answer(solver, status) for solver, status in zip(("z3", "cvc5"), given, strict=True))
    assert row.verdict.status == expected
    if len(set(given)) > 1:
        assert f"cvc5: {given[1]}, z3: {given[0]}" in row.verdict.path


def test_obligation_that_one_solver_did_not_answer_is_unknown():
    silent = Answer(Piece("rmp", "psmash", "cvc5"), (), 0.1)
    (row,) = proving.rows([answer("z3", PROVED), silent])
    assert row.verdict.status == UNKNOWN


def test_each_obligation_of_one_argument_has_a_row():
    parts = (Verdict("one", "claim", FAILED, 0.1, "here"), Verdict("another", "claim", PROVED, 0.1))
    found = proving.rows([Answer(Piece("liveness", "liveness"), parts, 0.1)])
    assert [row.verdict.status for row in found] == [FAILED, PROVED]


@pytest.mark.parametrize(("table", "status"), TABLES.items())
def test_what_nothing_notices_is_listed_and_what_is_listed_is_not_noticed(table, status):
    first, second, third = (mutant.name for mutant in known()[:3])
    found = [Fate(first, status), Fate(second, BY_VECTORS), Fate(third, status)]
    reasons = {second: "a reason", third: "a reason", "gone:spec/rmp/psmash.py:x:y": "a reason"}
    assert sorted(mistakes(found, {table: reasons}, [])) == sorted(
        [
            f"{status}, and no reason is given: {first}",
            f"is listed as {table}, but is not: {second}",
            f"is listed as {table}, but does not exist: gone:spec/rmp/psmash.py:x:y",
        ]
    )


def test_mutant_in_the_wrong_table_is_a_mistake():
    name = known()[0].name
    found = [Fate(name, UNREACHED)]
    assert len(mistakes(found, {"survivor": {name: "a reason"}}, [])) == 2
    assert mistakes(found, {"unreached": {name: "a reason"}}, []) == []
