"""T9 is proved, and each part of it fails where it should."""

import pytest

import proofs.liveness as liveness
from proofs.liveness import (
    WITHOUT_EXIT,
    Way,
    rmp_pages_stay,
    states_without_exit,
    ways_out,
)
from proofs.page_state_graph import StateGraph, edges_in, graph_of, page_state_graph
from proofs.solving import FAILED, PROVED
from spec.firmware.gctx_create import GctxCreate, gctx_create
from spec.record import replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, PageState


def without(*commands: str) -> StateGraph:
    parts = ([e for e in edges_in(part) if e.command not in commands] for part in page_state_graph())
    return StateGraph(*(graph_of(edges) for edges in parts))


def test_theorem_is_proved() -> None:
    verdicts = liveness.prove_liveness()
    assert [v for v in verdicts if v.status != PROVED] == []
    assert {v.claim for v in verdicts} >= {"T9:PRE_GUEST-becomes-GUEST_INVALID", "T9:rmp-pages-stay"}


def test_every_way_comes_nearer_and_ends_at_the_hypervisor() -> None:
    ways = {way.state: way for way in ways_out(page_state_graph())}
    for state in ways:
        seen = [state]
        while seen[-1] is not PageState.HYPERVISOR:
            seen.append(ways[seen[-1]].after)
            assert len(seen) == len(set(seen))
        assert len(seen) <= 4


def test_guest_page_of_a_decommissioned_guest_returns_in_two_steps() -> None:
    ways = {way.state: way for way in ways_out(page_state_graph())}
    assert ways[PageState.PRE_SWAP] == Way(PageState.PRE_SWAP, "page_reclaim", PageState.GUEST_VALID)
    assert ways[PageState.GUEST_VALID] == Way(PageState.GUEST_VALID, "rmpupdate", PageState.HYPERVISOR)


@pytest.mark.parametrize(
    ("dropped", "stuck"),
    [
        ({"page_reclaim"}, {"METADATA", "PRE_GUEST", "PRE_SWAP"}),
        ({"decommission"}, {"CONTEXT"}),
        ({"rmpupdate"}, {"CONTEXT", "FIRMWARE", "PRE_GUEST", "PRE_SWAP", "RECLAIM", "GUEST_INVALID", "GUEST_VALID"}),
    ],
)
def test_without_a_command_pages_have_no_way(dropped: set[str], stuck: set[str]) -> None:
    verdicts = {v.claim: v for v in liveness.graph_verdicts(without(*dropped))}
    broken = verdicts["T9:every-other-state-has-a-way"]
    assert broken.status == FAILED
    assert set(broken.path.split(", ")) >= stuck


def test_without_every_command_that_ends_a_context_its_page_has_no_exit() -> None:
    graph = without("decommission", "guest_request_export")
    assert states_without_exit(graph) == {*WITHOUT_EXIT, PageState.CONTEXT}


def test_guest_step_into_a_dead_end_is_noticed() -> None:
    verdicts = {v.claim: v for v in liveness.graph_verdicts(without("rmpupdate"))}
    assert verdicts["T9:no-guest-step-leads-to-a-state-without-exit"].status == FAILED


def test_command_that_leads_elsewhere_is_no_way() -> None:
    assert liveness.prove_way(Way(PageState.PRE_SWAP, "page_reclaim", PageState.GUEST_INVALID)).status == FAILED


def test_immutable_page_is_not_taken_back_at_once() -> None:
    verdict = liveness.prove_way(Way(PageState.PRE_GUEST, "rmpupdate", PageState.HYPERVISOR))
    assert verdict.status == FAILED


def test_page_that_runs_is_not_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def anything(system: System) -> bool:
        return True

    monkeypatch.setattr(liveness, "idle", lambda _: anything)
    verdict = liveness.prove_way(Way(PageState.GUEST_VALID, "rmpupdate", PageState.HYPERVISOR))
    assert (verdict.status, verdict.path) == (FAILED, "in-use")


@transition(actor=Actor.FIRMWARE, manual="a mutant")
def careless_gctx_create(system: System, op: GctxCreate) -> Outcome:
    """SNP_GCTX_CREATE that does not ask whether the page is the RMP's own."""
    return gctx_create(system, replace(op, context=replace(op.context, in_rmp=False)))


def test_command_that_takes_a_page_of_the_rmp_is_noticed() -> None:
    verdict = rmp_pages_stay(careless_gctx_create)
    assert (verdict.status, verdict.path) == (FAILED, "created")


def test_way_is_shown_for_both_sizes() -> None:
    way = Way(PageState.RECLAIM, "rmpupdate", PageState.HYPERVISOR)
    assert liveness.prove_way(way).status == PROVED
