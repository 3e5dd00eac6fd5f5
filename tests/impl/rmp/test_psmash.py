from dataclasses import replace

import pytest

from impl.machine import GENOA, HOST, TURIN, Cpu
from impl.rmp.effective import effective
from impl.rmp.layout import RmpEntry
from impl.rmp.psmash import psmash
from spec.knobs import Knobs, PsmashGuard
from spec.vocabulary import Eax, Event, PageSize
from tests.impl.scene import GPA, GUEST_ASID, PAGE, SPA, Scene

HEAD = SPA >> 12


@pytest.fixture
def scene() -> Scene:
    return Scene(guest_tables=0)


def test_psmash_leaves_what_the_checks_see_unchanged_but_the_size(scene):
    scene.give(size=PageSize.SIZE_2M)
    table = scene.machine.rmp
    before = [effective(table, page) for page in range(HEAD, HEAD + 512)]
    assert psmash(scene.machine, HOST, SPA).result == Eax.SUCCESS
    after = [effective(table, page) for page in range(HEAD, HEAD + 512)]
    assert after[1:] == [replace(entry, page_size=PageSize.SIZE_4K) for entry in before[1:]]
    assert after[0] == replace(before[0], page_size=PageSize.SIZE_4K, subpage_count=511)
    assert table.load_counter(GUEST_ASID) == 512


def test_psmash_counts_entries_where_the_knob_says():
    scene = Scene(replace(GENOA, knobs=Knobs(counter_in_4k=False)), guest_tables=0)
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    psmash(scene.machine, HOST, SPA)
    assert scene.machine.rmp.load_counter(GUEST_ASID) == 512


def test_psmash_ignores_the_c_bit(scene):
    scene.rmpupdate(SPA, size=1)
    assert psmash(scene.machine, HOST, SPA | 1 << 51).result == Eax.SUCCESS


def test_psmash_of_a_misaligned_or_uncovered_page_fails_input(scene):
    assert psmash(scene.machine, HOST, SPA + PAGE).result == Eax.FAIL_INPUT
    assert psmash(scene.machine, HOST, 1 << 40).result == Eax.FAIL_INPUT


# Recorded: 7 for an aligned address whose entry is 4 KiB already.
def test_psmash_of_a_4k_or_unassigned_page_is_not_splittable(scene):
    assert psmash(scene.machine, HOST, SPA).result == Eax.FAIL_NOT_SPLITTABLE
    scene.rmpupdate(SPA)
    assert psmash(scene.machine, HOST, SPA).result == Eax.FAIL_NOT_SPLITTABLE


@pytest.mark.parametrize("asid", [0, GUEST_ASID])
@pytest.mark.parametrize(
    ("guard", "code"),
    [
        (PsmashGuard.NOT_SPLITTABLE, Eax.FAIL_NOT_SPLITTABLE),
        (PsmashGuard.FAIL_PERMISSION, Eax.FAIL_PERMISSION),
        (PsmashGuard.FAIL_INPUT, Eax.FAIL_INPUT),
        (PsmashGuard.ACCEPTED, Eax.SUCCESS),
    ],
)
def test_psmash_of_an_immutable_page_ends_as_the_knob_says(guard, code, asid):
    scene = Scene(replace(GENOA, knobs=Knobs(psmash_guard=guard)), guest_tables=0)
    scene.rmpupdate(SPA, size=1, immutable=1, asid=asid)
    assert psmash(scene.machine, HOST, SPA).result == code


def test_psmash_of_a_locked_page_fails_inuse(scene):
    scene.rmpupdate(SPA, size=1)
    scene.machine.locked.add(HEAD)
    assert psmash(scene.machine, HOST, SPA).result == Eax.FAIL_INUSE


def test_psmash_in_a_guest_fails_permission(scene):
    assert psmash(scene.machine, scene.cpu, SPA).result == Eax.FAIL_PERMISSION


def test_psmash_in_user_mode_is_general_protection(scene):
    assert psmash(scene.machine, Cpu(cpl=3), SPA).result == Event.GP


def test_psmash_of_an_ownerless_page_keeps_one_address():
    scene = Scene(replace(GENOA, knobs=Knobs(psmash_guard=PsmashGuard.ACCEPTED)), guest_tables=0)
    scene.rmpupdate(SPA, size=1, asid=0, immutable=1)
    psmash(scene.machine, HOST, SPA)
    full = (0x1F, 0, 0, 0)
    assert scene.machine.rmp.load(HEAD + 511) == RmpEntry(True, immutable=True, lock=True, perms=full)


def test_psmash_meeting_a_reserved_segment_bit_is_page_fault():
    limits = replace(TURIN.segment_limits, only_cached_usable=False)
    scene = Scene(replace(TURIN, segment_limits=limits), guest_tables=0)
    scene.machine.memory.write_raw(0x10_4006, b"\x10")
    assert psmash(scene.machine, HOST, SPA).check == "segment-table-reserved"
