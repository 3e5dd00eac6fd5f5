"""Each premise of T1 is needed: without it a read returns something else, with all the same moves find nothing."""

import pytest

from proofs import measured_launch, two_runs
from proofs.kept import named
from proofs.memory_suite import MEMORY
from proofs.memory_theorems import T1, T2, T7, against_integrity, breaks_integrity, dropped
from proofs.search import search
from proofs.small_memory import CASES, after, ended, everything, start
from proofs.small_views import LEAKS, against_confidentiality, looked_for
from spec.everything import MEMORY_INVARIANTS
from spec.firmware.launch_digest import measured_contents
from spec.guest.launch_invariants import INVARIANTS as LAUNCH_INVARIANTS
from spec.memory.integrity_invariants import INTEGRITY
from spec.memory.premises import PREMISES
from spec.memory.rules import RULES, Rules
from spec.memory.state import Habits
from spec.record import fields_of
from spec.registry import invariant_info, transition_info
from spec.vocabulary import LaunchPageType


@pytest.mark.parametrize("name", INTEGRITY)
def test_without_the_premise_a_read_returns_something_else(name: str) -> None:
    premise = next(p for p in PREMISES if p.name == name)
    trace = against_integrity(premise).trace
    assert 1 <= len(trace) <= 6
    assert transition_info(trace[-1].take).name == "guest_reads"


@pytest.mark.parametrize("name", INTEGRITY)
def test_with_every_premise_the_same_moves_break_nothing(name: str) -> None:
    given, moves = CASES[name]
    scene = after(start(None), given)
    found = search(scene, moves, everything, lambda _: False, ended, is_bad_step=breaks_integrity)
    assert found.trace == ()
    assert found.steps


def test_every_premise_of_t1_has_its_moves_and_no_other() -> None:
    assert set(CASES) == set(INTEGRITY) == set(T1.rules)


def test_every_switch_is_a_premise_with_a_name_of_its_own() -> None:
    assert len({p.name for p in PREMISES}) == len(PREMISES)
    assert {p.field for p in PREMISES if p.holder == "habits"} == {f.name for f in fields_of(Habits)}
    assert [rule.field for rule in RULES] == [f.name for f in fields_of(Rules)]


def test_premises_of_invariants_exist() -> None:
    known = {p.name for p in PREMISES}
    assert {name for i in MEMORY_INVARIANTS for name in invariant_info(i).premises} <= known


def test_one_name_may_stand_for_several_premises() -> None:
    assert [p.name for p in dropped(T1, "s17")] == ["D7", "S17-TABLES"]
    assert [p.name for p in dropped(T1, "R20")] == ["R20-DROP", "R20-STALE"]
    assert [p.name for p in named("X-alias")] == ["R21"]
    assert dropped(T1, "R9") == ()


@pytest.mark.parametrize("name", ["host_reads", "host_writes", "guest_writes", "guest_computes", "bus_writes"])
def test_observers_learn_nothing_by_a_step_on_memory(name: str) -> None:
    transition = next(t for t in MEMORY.transitions if transition_info(t).name == name)
    assert [v.status for v in two_runs.prove_two_runs(MEMORY, transition)] == ["proved"]


def test_theorems_claim_what_is_stated() -> None:
    stated = {i.__name__ for i in (*MEMORY_INVARIANTS, *LAUNCH_INVARIANTS)}
    stated |= {two_runs.T2.name, measured_launch.T7.name}
    assert {claim for theorem in (T1, T2, T7) for claim in theorem.claims} <= stated
    assert "private_reads_return_what_was_written" in T1.claims


def test_equal_digests_have_equal_last_pages_only_if_the_hash_does_not_collide() -> None:
    assert {v.status for v in measured_launch.prove_measured_launch()} == {"proved"}
    collided = measured_launch.prove_measured_launch(collides=True)
    assert [v.status for v in collided] == ["failed"] * (len(collided) - 1) + ["proved"]


def test_contents_of_unmeasured_pages_are_not_bound() -> None:
    assert measured_contents(LaunchPageType.UNMEASURED, 5) == measured_contents(LaunchPageType.UNMEASURED, 6)


def test_legacy_digest_is_that_of_a_permuted_launch() -> None:
    assert "one digest" in measured_launch.permuted_legacy_launch()


@pytest.mark.parametrize("name", ["R1", "R5", "R17", "R23", "R25"])
def test_without_the_premise_two_runs_are_told_apart(name: str) -> None:
    premise = next(p for p in PREMISES if p.name == name)
    assert against_confidentiality(premise).trace
    kept = looked_for(None, name)
    assert kept.trace == ()
    assert kept.steps


@pytest.mark.parametrize("leak", ["shared pages", "access pattern"])
def test_what_t2_leaves_open_tells_two_runs_apart(leak: str) -> None:
    assert leak in LEAKS
    assert looked_for(None, leak).trace
