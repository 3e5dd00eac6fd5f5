"""The counts that microcode keeps agree with the entries after any sequence of host instructions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.machine import GENOA, HOST
from impl.rmp.effective import effective, state_at
from impl.rmp.psmash import psmash
from spec.knobs import Knobs
from spec.vocabulary import PAGES_PER_2M, PageSize, PageState
from tests.impl.scene import GPA, GUEST_ASID, OTHER_ASID, PAGE, REGION, SPA, Scene

HEADS = (SPA >> 12, (SPA + REGION) >> 12)
ASIDS = (GUEST_ASID, OTHER_ASID)

spas = st.sampled_from([head * PAGE + page * PAGE for head in HEADS for page in (0, 1, 2, 511)])
steps = st.one_of(
    st.tuples(st.just("rmpupdate"), spas, st.sampled_from((0, *ASIDS)), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("unassign"), spas, st.just(0), st.integers(0, 1), st.just(False)),
    st.tuples(st.just("psmash"), spas, st.just(0), st.just(1), st.just(False)),
)


def take(scene: Scene, step: tuple[str, int, int, int, bool]) -> None:
    name, spa, asid, size, immutable = step
    if name == "psmash":
        psmash(scene.machine, HOST, spa)
    elif name == "unassign":
        scene.unassign(spa, size)
    else:
        scene.rmpupdate(spa, asid=asid, size=size, gpa=GPA, immutable=int(immutable))


@given(st.lists(steps, max_size=12))
def test_counts_after_any_steps_match_the_entries(sequence):
    scene = Scene(guest_tables=0)
    for step in sequence:
        take(scene, step)
    table = scene.machine.rmp
    for head in HEADS:
        raw = table.load_region(head)
        if raw[0].page_size == PageSize.SIZE_4K:
            assert raw[0].subpage_count == sum(entry.assigned for entry in raw[1:])
        assert all(state_at(table, page) != PageState.INVALID for page in range(head, head + PAGES_PER_2M))
    owners = [effective(table, page).asid for head in HEADS for page in range(head, head + PAGES_PER_2M)]
    assert [table.load_counter(asid) for asid in ASIDS] == [owners.count(asid) for asid in ASIDS]


@pytest.mark.parametrize("asid", ASIDS)
@given(st.lists(steps, max_size=12))
def test_counters_of_entries_after_any_steps_match_where_the_knob_says(asid, sequence):
    scene = Scene(replace(GENOA, knobs=Knobs(counter_in_4k=False)), guest_tables=0)
    for step in sequence:
        take(scene, step)
    table = scene.machine.rmp
    entries = [entry for head in HEADS for entry in table.load_region(head)]
    assert table.load_counter(asid) == sum(entry.asid == asid for entry in entries)
