"""Expected results that any implementation of the RMP must give, in small sequences. The default knobs hold.

The last one, VMRUN with a VMCB in an assigned page or a VMSA page that is no VMSA, stands in test_vmrun.py.
"""

from dataclasses import replace

import pytest

from impl.machine import HOST
from impl.memory.agents import guest_read, guest_write, host_read, host_write
from impl.rmp.effective import state_at
from impl.rmp.psmash import psmash
from impl.rmp.rmpadjust import rmpadjust_at
from spec.vocabulary import (
    AccessKind,
    Agent,
    Eax,
    Event,
    MappingSize,
    NpfInfo,
    PageSize,
    PageState,
    PfError,
)
from tests.impl.scene import GPA, OTHER_ASID, PAGE, REGION, SPA, Scene

HEAD = SPA >> 12
READ, WRITE, FETCH = AccessKind.READ, AccessKind.WRITE, AccessKind.FETCH
RW, RWX = 0x3, 0xF
SIZE_2M = PageSize.SIZE_2M


@pytest.fixture
def scene() -> Scene:
    return Scene()


def adjust(scene: Scene, vmpl: int, target: int, mask: int, *, vmsa: bool = False):
    cpu, size = scene.at_vmpl(vmpl), PageSize.SIZE_4K
    return rmpadjust_at(scene.machine, cpu, GPA, GPA, SPA, MappingSize.MAP_4K, True, size, target, mask, vmsa).result


def test_01_assignment_makes_guest_invalid_with_vmpl0_full(scene):
    assert scene.rmpupdate(SPA, gpa=GPA).result == Eax.SUCCESS
    entry = scene.machine.rmp.load(HEAD)
    assert (entry.perms, entry.validated) == ((0x1F, 0, 0, 0), False)
    assert state_at(scene.machine.rmp, HEAD) == PageState.GUEST_INVALID


def test_02_host_write_to_it_is_page_fault(scene):
    scene.rmpupdate(SPA, gpa=GPA)
    completion = host_write(scene.machine, SPA, b"x")
    assert (completion.result, completion.error) == (Event.PF, PfError.P | PfError.W | PfError.RMP)


def test_03_host_read_of_it_sees_ciphertext(scene):
    scene.give()
    scene.guest_map(GPA, GPA)
    guest_write(scene.machine, scene.cpu, GPA, b"sixteen letters.")
    assert host_read(scene.machine, SPA, 16) == scene.machine.memory.read_raw(SPA, 16) != b"sixteen letters."


def test_04_owner_s_read_before_validation_is_vc(scene):
    scene.rmpupdate(SPA, gpa=GPA)
    completion = scene.access(READ)
    assert (completion.result, completion.error, completion.address) == (Event.VC, 0x404, GPA)


def test_05_other_guest_s_read_is_nested_fault(scene):
    scene.rmpupdate(SPA, gpa=GPA)
    completion = scene.access(READ, cpu=replace(scene.cpu, asid=OTHER_ASID))
    assert completion.result == Event.NPF
    assert completion.error & (NpfInfo.RMP | NpfInfo.ENC) == NpfInfo.RMP | NpfInfo.ENC


def test_06_owner_s_read_at_another_address_is_nested_fault(scene):
    scene.give()
    assert scene.access(READ, gpa=GPA + PAGE).check == "reverse-map"


def test_07_pvalidate_twice_succeeds_and_tells_by_carry(scene):
    scene.rmpupdate(SPA, gpa=GPA)
    first, second = scene.pvalidate(), scene.pvalidate()
    assert (first.result, first.flags.cf) == (Eax.SUCCESS, False)
    assert (second.result, second.flags.cf) == (Eax.SUCCESS, True)


def test_08_vmpl1_read_of_a_fresh_page_is_nested_fault(scene):
    scene.give()
    completion = scene.access(READ, cpu=scene.at_vmpl(1))
    bits = NpfInfo.RMP | NpfInfo.ENC | NpfInfo.VMPL
    assert (completion.result, completion.error & bits) == (Event.NPF, bits)


def test_09_rmpadjust_gives_vmpl1_exactly_its_mask(scene):
    scene.give()
    assert adjust(scene, 0, 1, RW) == Eax.SUCCESS
    results = [scene.access(kind, cpu=scene.at_vmpl(1)) for kind in (READ, WRITE, FETCH)]
    assert [completion.result for completion in results] == [Event.COMPLETES, Event.COMPLETES, Event.NPF]
    assert results[2].error & NpfInfo.VMPL


def test_10_vmpl1_delegates_downwards_and_no_more_than_it_has(scene):
    scene.give()
    adjust(scene, 0, 1, RW)
    assert adjust(scene, 1, 2, RWX) == Eax.FAIL_PERMISSION
    assert adjust(scene, 1, 2, 1) == Eax.SUCCESS
    assert adjust(scene, 1, 1, 0) == Eax.FAIL_PERMISSION
    assert adjust(scene, 1, 0, 0) == Eax.FAIL_PERMISSION


def test_11_vmpl1_s_vmsa_bit_is_ignored(scene):
    scene.give()
    adjust(scene, 0, 1, RW)
    assert adjust(scene, 1, 2, 1, vmsa=True) == Eax.SUCCESS
    assert not scene.machine.rmp.load(HEAD).vmsa


def test_12_immutable_alone_makes_pre_swap(scene):
    scene.give()
    assert scene.rmpupdate(SPA, gpa=GPA, immutable=1).result == Eax.SUCCESS
    assert state_at(scene.machine.rmp, HEAD) == PageState.PRE_SWAP
    assert scene.access(READ).check == "mutable"
    assert scene.unassign(SPA).result == Eax.FAIL_PERMISSION


def test_13_another_address_drops_validated_and_masks(scene):
    scene.give()
    adjust(scene, 0, 1, RW)
    assert scene.rmpupdate(SPA, gpa=GPA + PAGE).result == Eax.SUCCESS
    entry = scene.machine.rmp.load(HEAD)
    assert (entry.validated, entry.perms[1]) == (False, 0)


@pytest.mark.parametrize(("immutable", "asid"), [(1, 0), (0, 5)])
def test_14_unassigned_with_owner_or_immutable_fails_input(scene, immutable, asid):
    assert scene.rmpupdate(SPA, assigned=0, immutable=immutable, asid=asid).result == Eax.FAIL_INPUT


def test_15_uncovered_page_fails_input(scene):
    assert scene.rmpupdate(1 << 48).result == Eax.FAIL_INPUT


def test_16_4k_mapping_of_a_2m_page_is_nested_fault_without_sizem(scene):
    scene.give(size=SIZE_2M)
    completion = scene.access(READ, mapping=MappingSize.MAP_4K)
    assert (completion.result, completion.error & NpfInfo.SIZEM) == (Event.NPF, 0)


def test_17_4k_pvalidate_of_a_2m_page_is_nested_fault_with_sizem(scene):
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    completion = scene.pvalidate(mapping=MappingSize.MAP_2M)
    assert completion.result == Event.NPF
    assert completion.error & NpfInfo.SIZEM


def test_18_2m_pvalidate_of_4k_pages_fails_sizemismatch(scene):
    scene.rmpupdate(SPA, gpa=GPA)
    assert scene.pvalidate(size=SIZE_2M).result == Eax.FAIL_SIZEMISMATCH


def test_19_psmash_keeps_validated_and_numbers_the_pages(scene):
    scene.give(size=SIZE_2M)
    assert psmash(scene.machine, HOST, SPA).result == Eax.SUCCESS
    entries = scene.machine.rmp.load_region(HEAD)
    assert [entry.gfn for entry in entries] == list(range(GPA >> 12, (GPA >> 12) + 512))
    assert all(entry.validated and entry.page_size == PageSize.SIZE_4K for entry in entries)


def test_20_one_assigned_page_stops_2m_host_writes_in_its_region(scene):
    scene.rmpupdate(SPA + 9 * PAGE)
    large, small = MappingSize.MAP_2M, MappingSize.MAP_4K
    assert scene.access(WRITE, agent=Agent.HOST, mapping=large).result == Event.PF
    assert scene.access(WRITE, agent=Agent.HOST, mapping=small).result == Event.COMPLETES


def test_21_4k_and_2m_pages_do_not_overlap(scene):
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    assert scene.rmpupdate(SPA + PAGE).result == Eax.FAIL_OVERLAP
    scene.rmpupdate(SPA + REGION + PAGE)
    assert scene.rmpupdate(SPA + REGION, size=1).result == Eax.FAIL_OVERLAP


def test_22_shared_read_of_own_private_memory_sees_ciphertext_and_write_faults(scene):
    scene.give()
    scene.guest_map(GPA, GPA)
    guest_write(scene.machine, scene.cpu, GPA, b"sixteen letters.")
    scene.guest_map(GPA + PAGE, GPA, c_bit=False)
    assert guest_read(scene.machine, scene.cpu, GPA + PAGE, 16) == host_read(scene.machine, SPA, 16)
    completion = guest_write(scene.machine, scene.cpu, GPA + PAGE, b"x")
    assert (completion.result, completion.check) == (Event.NPF, "hypervisor-owned")


def test_23_fetch_through_a_shared_mapping_of_host_memory_is_nested_fault(scene):
    assert scene.access(FETCH, c_bit=False).result == Event.NPF
