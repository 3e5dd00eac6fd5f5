from collections import Counter

import pytest

from sevspec.crosscheck.agreement import Disagreement
from sevspec.crosscheck.invariants import broken_invariants
from sevspec.crosscheck.walk import DRAWS, crosscheck
from spec.features import GENOA
from spec.record import replace
from spec.rmp.entry import UNASSIGNED
from spec.system.initial import booted

STEPS, SEED = 2200, 2


@pytest.fixture(scope="module")
def seen() -> Counter:
    steps: Counter = Counter()
    assert crosscheck(STEPS, SEED, steps) == STEPS
    return steps


def test_walk_takes_every_step_that_is_drawn(seen):
    assert {name for name, _ in seen} == set(DRAWS)


def test_walk_reaches_successes_and_refusals(seen):
    assert {
        ("rmpupdate", "page-updated"),
        ("rmpupdate", "immutable"),
        ("pvalidate", "validated-set"),
        ("page_reclaim", "reclaimed"),
        ("launch_update", "launched"),
        ("access", "validated"),
    } <= set(seen)


def test_walk_is_reproducible():
    first, second = Counter(), Counter()
    crosscheck(40, 3, first)
    crosscheck(40, 3, second)
    assert first == second


@pytest.mark.parametrize(
    ("broken", "by", "step"),
    [
        ("impl.rmp.rmpupdate._overlap", lambda _machine, _pfn, _size: False, "rmpupdate"),
        ("impl.rmp.access.permitted", lambda *_given, **_named: True, "access"),
        ("impl.rmp.assignment._count_subpage", lambda _machine, _head, _change: None, "rmpupdate"),
    ],
)
def test_walk_over_a_broken_machine_fails_naming_the_step(monkeypatch, broken, by, step):
    monkeypatch.setattr(broken, by)
    with pytest.raises(Disagreement, match=rf"seed {SEED}, step \d+: (virt_)?{step}: "):
        crosscheck(STEPS, SEED)


def test_broken_invariant_is_named_with_its_page():
    page = 0x40001
    system = booted(GENOA)
    system = replace(system, rmp=system.rmp.set(page, replace(UNASSIGNED, validated=True)))
    assert any(line.startswith("RMP-I3 ") and line.endswith(hex(page)) for line in broken_invariants(system))
