from dataclasses import replace

import pytest

from impl.machine import GENOA, HOST, TURIN, Cpu
from impl.rmp.layout import RmpEntry
from impl.rmp.rmpread import rmpread
from spec.vocabulary import Eax, Event, PageSize, PfError
from tests.impl.scene import GPA, GUEST_ASID, PAGE, SPA, Scene

HEAD = SPA >> 12
BUFFER = 0x2100_0000


@pytest.fixture
def scene() -> Scene:
    return Scene(TURIN, guest_tables=0)


def test_rmpread_returns_owner_address_and_size_but_not_validated(scene):
    scene.give(size=PageSize.SIZE_2M)
    assert rmpread(scene.machine, HOST, SPA, BUFFER).result == Eax.SUCCESS
    raw = scene.machine.memory.read_raw(BUFFER, 16)
    assert raw == GPA.to_bytes(8, "little") + bytes([1, 1 | 2, 0, 0, GUEST_ASID, 0, 0, 0])


def test_rmpread_inside_a_2m_page_returns_the_page_s_own_entry(scene):
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    rmpread(scene.machine, HOST, SPA + PAGE, BUFFER)
    assert scene.machine.memory.read_raw(BUFFER, 16) == bytes(8) + bytes([1, 2, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("spa", [SPA + 1, 1 << 42])
def test_rmpread_of_a_misaligned_or_uncovered_page_fails_input(scene, spa):
    assert rmpread(scene.machine, HOST, spa, BUFFER).result == Eax.FAIL_INPUT


def test_rmpread_in_a_guest_fails_permission(scene):
    assert rmpread(scene.machine, Cpu(GUEST_ASID), SPA, BUFFER).result == Eax.FAIL_PERMISSION


def test_rmpread_without_the_feature_is_undefined_opcode():
    assert rmpread(Scene(GENOA, guest_tables=0).machine, HOST, SPA, BUFFER).result == Event.UD


@pytest.mark.parametrize("buffer", [BUFFER, BUFFER - 8])
def test_rmpread_into_an_assigned_page_is_page_fault(scene, buffer):
    scene.machine.rmp.store(BUFFER >> 12, RmpEntry(True, asid=GUEST_ASID))
    completion = rmpread(scene.machine, HOST, SPA, buffer)
    assert (completion.result, completion.error) == (Event.PF, PfError.P | PfError.W | PfError.RMP)


def test_rmpread_into_memory_that_does_not_exist_is_page_fault(scene):
    assert rmpread(scene.machine, HOST, SPA, 1 << 52).error == PfError.W


def test_rmpread_meeting_a_reserved_segment_bit_is_page_fault():
    limits = replace(TURIN.segment_limits, only_cached_usable=False)
    scene = Scene(replace(TURIN, segment_limits=limits), guest_tables=0)
    scene.machine.memory.write_raw(0x10_4006, b"\x10")
    assert rmpread(scene.machine, HOST, SPA, BUFFER).check == "segment-table-reserved"
