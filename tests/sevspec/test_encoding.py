"""States, operands and results survive the way through JSON; what is malformed is refused by its place."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.vectors import Cases, targets
from sevspec import schemas
from sevspec.cli import main
from sevspec.encoding import FAMILIES, Malformed, decoded, encoded, result_data, result_of
from sevspec.vector_files import document, replayed, transition_named
from spec.registry import operands_of, transition_info
from spec.rmp.entry import UNASSIGNED, RmpEntry
from spec.system.state import System
from tests.proofs.plain_values import plain_values

NAMES = [transition_info(transition).name for _, transition in targets()]


@settings(max_examples=30)
@given(plain_values(System, 10))
def test_state_survives_json(state):
    assert decoded(System, json.loads(json.dumps(encoded(state))), "state") == state


@settings(max_examples=30)
@given(st.data())
def test_operands_survive_json(data):
    kind = operands_of(transition_named(data.draw(st.sampled_from(NAMES)))[1])
    op = data.draw(plain_values(kind, 8))
    assert decoded(kind, json.loads(json.dumps(encoded(op))), "step") == op


@pytest.mark.parametrize("result", [member for family in FAMILIES.values() for member in family])
def test_result_survives_json(result):
    assert result_of(result_data(result), "result") is result


def changed_entry(**fields):
    """An encoded entry with some fields changed."""
    return {**encoded(UNASSIGNED), **fields}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (changed_entry(gfn="0x8000000000"), "entry.gfn: '0x8000000000' is not a number of 39 bits"),
        (changed_entry(gfn="-1"), "entry.gfn"),
        (changed_entry(gfn=True), "entry.gfn"),
        (changed_entry(assigned=1), "entry.assigned: 1 is not true or false"),
        (changed_entry(color="red"), "entry: no field 'color'"),
        ({"assigned": True}, "entry: missing field 'page_size'"),
        ([], "entry: \\[\\] is not an object"),
    ],
)
def test_malformed_entry_is_refused_by_its_place(data, place):
    with pytest.raises(Malformed, match=place):
        decoded(RmpEntry, data, "entry")


@pytest.fixture(scope="module")
def psmash_document():
    """The vectors of PSMASH, as they are in their file."""
    suite, transition = next((s, t) for s, t in targets() if t.__name__ == "psmash")
    return json.loads(json.dumps(document(transition, Cases(suite, transition).all())))


def test_vectors_keep_to_their_schema(psmash_document):
    some = {**psmash_document, "cases": psmash_document["cases"][:6]}
    jsonschema.validate(some, schemas.vectors_schema())


def test_schema_refuses_a_number_that_is_too_wide(psmash_document):
    wrong = json.loads(json.dumps({**psmash_document, "cases": psmash_document["cases"][:1]}))
    wrong["cases"][0]["step"]["spa"] = "0x1" + 16 * "0"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schemas.vectors_schema())


def test_every_vector_is_replayed(psmash_document):
    assert all(replayed("psmash", case) == [] for case in psmash_document["cases"])


def test_replay_names_what_differs(psmash_document):
    case = json.loads(json.dumps(psmash_document["cases"][0]))
    check, case["check"] = case["check"], "other"
    assert replayed("psmash", case) == [f'check: the case says "other", the specification "{check}"']


def test_committed_schemas_are_those_of_the_records():
    assert {path.name: path.read_text() for path in schemas.FOLDER.glob("*.json")} == schemas.documents()


def test_step_replays_a_file_and_one_case(psmash_document, tmp_path, capsys):
    path = tmp_path / "psmash.json"
    path.write_text(json.dumps(psmash_document))
    number = len(psmash_document["cases"])
    assert main(["step", "--vector", str(path)]) == 0
    assert f"{number} of {number} cases agree" in capsys.readouterr().out
    assert main(["step", "--vector", str(path), "--index", "0"]) == 0
    assert "the specification agrees" in capsys.readouterr().out

    psmash_document["cases"][1]["result"] = result_data(next(iter(FAMILIES["Limit"])))
    path.write_text(json.dumps(psmash_document))
    assert main(["step", "--vector", str(path)]) == 1
    assert "result: the case says" in capsys.readouterr().out
