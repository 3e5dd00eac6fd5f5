"""The derived graph of page states is the committed one, and what its derivation assumes is proved."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from proofs import obligations
from proofs.page_state_graph import (
    PAGE_FACTS,
    WELL_FORMED,
    Edge,
    derived,
    edges_in,
    page_state_graph,
)
from proofs.solving import PROVED
from spec.everything import TRANSITIONS
from spec.firmware.page_md_init import page_md_init
from spec.firmware.page_reclaim import page_reclaim
from spec.knobs import DEFAULT_KNOBS
from spec.record import replace as with_field
from spec.registry import transition_info
from spec.rmp.rmpupdate import rmpupdate
from spec.vocabulary import Actor, PageState

TABLE: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "data" / "page_states" / "edges.toml").read_text(encoding="utf-8")
)


def states(names: Any) -> list[PageState]:
    return [PageState(name) for name in (TABLE["any"] if names == "any" else names)]


def table(part: str) -> set[Edge]:
    return {
        Edge(Actor(row["actor"]), command, before, after)
        for row in TABLE[part]
        for command in row["commands"]
        for before in states(row["from"])
        for after in states(row["to"])
    }


def shown(edges: set[Edge]) -> list[str]:
    return sorted(f"{e.actor.value} {e.command}: {e.before.value} -> {e.after.value}" for e in edges)


def test_every_edge_of_named_pages_is_in_the_table_and_no_other() -> None:
    assert shown(edges_in(page_state_graph().named)) == shown(table("named"))


def test_every_edge_of_other_pages_is_in_the_table_and_no_other() -> None:
    assert shown(edges_in(page_state_graph().others)) == shown(table("others"))


def test_table_says_each_edge_once() -> None:
    for part in ("named", "others"):
        rows = [
            (row["actor"], command, before, after)
            for row in TABLE[part]
            for command in row["commands"]
            for before in states(row["from"])
            for after in states(row["to"])
        ]
        assert len(rows) == len(set(rows)) == len(table(part))


def test_no_step_leads_to_invalid_or_default() -> None:
    for graph in page_state_graph():
        for state in (PageState.INVALID, PageState.DEFAULT):
            assert not list(graph.in_edges(state)), state
            assert not list(graph.out_edges(state)), state


@pytest.mark.parametrize("state", [s for s in PageState if s not in (PageState.INVALID, PageState.DEFAULT)])
def test_every_other_state_is_reached_from_a_new_table(state: PageState) -> None:
    together = nx.compose(*page_state_graph())
    assert nx.has_path(together, PageState.HYPERVISOR, state)


def test_immutable_pages_are_firmwares_and_mutable_ones_the_processors() -> None:
    mutable = {PageState.HYPERVISOR, PageState.RECLAIM, PageState.GUEST_INVALID, PageState.GUEST_VALID}
    for edge in edges_in(page_state_graph().named):
        assert (edge.actor is Actor.FIRMWARE) == (edge.before not in mutable), edge


def touching() -> list[Any]:
    commands = {edge.command for graph in page_state_graph() for edge in edges_in(graph)}
    return [t for t in TRANSITIONS if transition_info(t).name in commands]


def test_what_the_derivation_assumes_of_every_page_is_preserved() -> None:
    names = {fact.__name__ for fact in PAGE_FACTS}
    for transition in touching():
        verdicts = [v for v in obligations.prove_transition(WELL_FORMED, transition) if v.claim in names]
        assert {v.claim for v in verdicts} == names
        assert [v for v in verdicts if v.status != PROVED] == []


def test_context_at_frame_0_would_make_metadata_pages_without_a_state() -> None:
    suite = replace(WELL_FORMED, hypotheses=tuple(h for h in WELL_FORMED.hypotheses if h is not PAGE_FACTS[2]))
    failed = {v.claim for v in obligations.prove_transition(suite, page_md_init) if v.status != PROVED}
    assert "every_page_has_a_state" in failed


def test_without_knob_gpa0_the_host_forges_firmware_pages() -> None:
    forged = derived((rmpupdate,), with_field(DEFAULT_KNOBS, gpa0_for_asid0=False)).named
    after = {edge.after for edge in edges_in(forged)}
    assert {PageState.METADATA, PageState.FIRMWARE_IOMMU, PageState.INVALID} <= after


def test_command_left_out_of_the_steps_has_no_edges() -> None:
    assert edges_in(derived((page_reclaim,)).named) == {e for e in table("named") if e.command == "page_reclaim"}
