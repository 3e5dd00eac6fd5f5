"""The small world, searched whole: RMP-I34 holds under all rules, and without any one of them its attack is found."""

import pytest

from proofs.search import Found, replayed, search
from proofs.small_world import (
    FRAMES,
    PAGES,
    all_moves,
    has_ended,
    has_two_homes,
    has_two_views,
    homes,
    key,
    launching,
    views,
)
from spec.guest.invariants import valid_pages_are_unique
from spec.guest.world import CAREFUL, Discipline, World

MOVES = all_moves()
STATES = 3514
"""All states of the small world, pages of memory in any order; worth a look if it changes."""


def looked_for(rules: Discipline) -> Found[World]:
    return search(launching(rules), MOVES, key, has_two_homes, has_ended)


def invariant_is_broken(world: World) -> bool:
    return not all(valid_pages_are_unique(world, page) for page in PAGES)


def test_careful_guest_never_has_two_copies_of_a_page() -> None:
    found = search(
        launching(CAREFUL),
        MOVES,
        key,
        lambda world: has_two_homes(world) or has_two_views(world) or invariant_is_broken(world),
        has_ended,
    )
    assert found.trace == ()
    assert found.states == STATES


def test_whole_search_takes_every_kind_of_step() -> None:
    checks = looked_for(CAREFUL).checks
    for step, check in (
        ("rmpupdate", "page-updated"),
        ("launch_update", "launched"),
        ("launch_finish", "finished"),
        ("page_reclaim", "reclaimed"),
        ("page_move", "guest-page-moved"),
        ("page_swap_out", "swapped-out"),
        ("page_swap_in", "swapped-in"),
        ("careful_accept", "accepted"),
        ("careful_rescind", "rescinded"),
        ("careful_rescind", "carry-on-rescind"),
        ("careful_unvalidated", "page-lost"),
        ("careful_share", "rescinded"),
    ):
        assert (step, check) in checks, (step, check)


UNTRACKED = Discipline(tracks_acceptance=False, stops_on_unvalidated=False)
RULES = {
    "untracked": (UNTRACKED, "rmpupdate rmpupdate launch_finish careful_accept careful_accept"),
    "on demand": (
        Discipline(stops_on_unvalidated=False),
        "rmpupdate rmpupdate launch_finish careful_accept careful_unvalidated",
    ),
    "carry ignored": (
        Discipline(checks_carry_on_rescind=False),
        "rmpupdate rmpupdate launch_finish careful_accept careful_rescind careful_accept",
    ),
    "shared without rescinding": (
        Discipline(rescinds_before_sharing=False),
        "rmpupdate rmpupdate launch_finish careful_accept careful_share careful_accept",
    ),
    "launched twice": (
        Discipline(launched_without_repeats=False),
        "rmpupdate rmpupdate launch_update launch_update",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_without_the_rule_its_attack_is_found(name: str) -> None:
    rules, steps = RULES[name]
    found = looked_for(rules)
    assert [taken.take.__name__ for taken in found.trace] == steps.split(), found.text()
    last = replayed(launching(rules), found.trace)
    assert any(len(homes(last, frame)) == 2 for frame in FRAMES)
    assert invariant_is_broken(last)


def test_two_processors_then_use_two_pages_at_one_address() -> None:
    found = search(launching(UNTRACKED), MOVES, key, has_two_views, has_ended)
    last = replayed(launching(UNTRACKED), found.trace)
    assert [len(views(last, frame)) for frame in FRAMES] == [2, 0]
    assert len(found.trace) == 5


def test_trace_reads_as_actor_step_operands_and_answer() -> None:
    lines = looked_for(RULES["launched twice"][0]).text().splitlines()
    assert lines[0].split() == (
        "1. hypervisor rmpupdate spa=0x11000 gpa=0x100000 assigned immutable asid=1 => SUCCESS (page-updated)".split()
    )
    assert lines[3].split()[:3] == ["4.", "firmware", "launch_update"]


def test_replay_of_another_guest_notices() -> None:
    found = looked_for(UNTRACKED)
    with pytest.raises(AssertionError, match="careful_accept"):
        replayed(launching(CAREFUL), found.trace)
