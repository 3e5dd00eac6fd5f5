"""Test vectors of the GHCB protocol, for guest and host: of their schema, and reproduced by `sevspec step`."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import jsonschema
import pytest

from proofs.explore import explore, unknown
from proofs.questions import feasible
from proofs.vectors import targets
from sevspec.commands.vectors import file_of
from sevspec.schemas import vectors_schema
from sevspec.vector_files import replayed
from spec.record import fields_of, is_record
from spec.registry import operands_of, transition_info

NAMES = ("on_register_response", "vc_believes", "host_reads_header", "list_judges")


@pytest.mark.parametrize("name", NAMES)
def test_vectors_reach_every_check_and_are_reproduced(name: str) -> None:
    suite, transition = next((s, t) for s, t in targets() if transition_info(t).name == name)
    paths: Any = explore(transition, unknown(suite.state_type, "s"), unknown(operands_of(transition), "op"))
    checks = {path.outcome.check for path in paths if feasible(path)}
    number, text = file_of(name)
    document = json.loads(text)
    jsonschema.validate(document, vectors_schema())
    assert number == len(document["cases"])
    assert {case["check"] for case in document["cases"]} == checks
    assert [lines for case in document["cases"] if (lines := replayed(name, case))] == []


def test_records_of_the_schema_have_names_of_their_own() -> None:
    found: dict[str, Any] = {}
    for suite, transition in targets():
        for kind in records((suite.state_type, operands_of(transition))):
            assert found.setdefault(kind.__name__, kind) is kind


def records(kinds: Any) -> Iterator[Any]:
    """Every record class in declared types."""
    for kind in kinds:
        if is_record(kind):
            yield kind
            yield from records(field.type for field in fields_of(kind))
        else:
            yield from records(get_args(kind))
