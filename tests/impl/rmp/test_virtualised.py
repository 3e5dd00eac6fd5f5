from dataclasses import replace

import pytest

from impl.machine import GENOA, HOST, Cpu, Features
from impl.rmp.effective import state_at
from impl.rmp.virtualised import virt_psmash, virt_rmpupdate
from spec.vocabulary import Eax, Event, MappingSize, PageSize, PageState
from tests.impl.scene import GPA, NESTED_ROOT, OTHER_ASID, PAGE, REGION, SPA, Scene

HYPERVISOR = Cpu(9, nested_cr3=NESTED_ROOT)
"""A nested hypervisor: a guest without SNP."""
L2_GPA = 0x40_0000


@pytest.fixture
def scene() -> Scene:
    return Scene(replace(GENOA, features=Features(nested_virt_snp_msr=True)), guest_tables=0)


def halves(size: int = 0, asid: int = OTHER_ASID) -> tuple[int, int]:
    return L2_GPA, 1 | size << 8 | asid << 32


def test_virt_rmpupdate_assigns_the_page_behind_the_nested_tables(scene):
    scene.map()
    assert virt_rmpupdate(scene.machine, HYPERVISOR, GPA, *halves()).result == Eax.SUCCESS
    entry = scene.machine.rmp.load(SPA >> 12)
    assert (entry.gfn, entry.asid) == (L2_GPA >> 12, OTHER_ASID)
    assert state_at(scene.machine.rmp, SPA >> 12) == PageState.GUEST_INVALID


def test_virt_rmpupdate_of_an_unmapped_or_misaligned_page_fails_input(scene):
    assert virt_rmpupdate(scene.machine, HYPERVISOR, GPA, *halves()).check == "nested-mapping"
    assert virt_rmpupdate(scene.machine, HYPERVISOR, GPA + 1, *halves()).check == "alignment"


def test_virt_rmpupdate_2m_of_scattered_pages_fails_input(scene):
    scene.map()
    assert virt_rmpupdate(scene.machine, HYPERVISOR, GPA, *halves(size=1)).check == "nested-size"


def test_virt_psmash_splits_the_page_behind_the_nested_tables(scene):
    scene.map(GPA, SPA, MappingSize.MAP_2M)
    virt_rmpupdate(scene.machine, HYPERVISOR, GPA, *halves(size=1))
    assert virt_psmash(scene.machine, HYPERVISOR, GPA).result == Eax.SUCCESS
    assert scene.machine.rmp.load((SPA >> 12) + 1).page_size == PageSize.SIZE_4K
    assert scene.machine.rmp.load((SPA >> 12) + 1).gfn == (L2_GPA + PAGE) >> 12


def test_virt_psmash_of_a_misaligned_page_fails_input(scene):
    assert virt_psmash(scene.machine, HYPERVISOR, GPA + REGION // 2).result == Eax.FAIL_INPUT


@pytest.mark.parametrize("cpu", [HOST, replace(HYPERVISOR, cpl=3)])
def test_virt_rmpupdate_outside_a_nested_hypervisor_is_general_protection(scene, cpu):
    assert virt_rmpupdate(scene.machine, cpu, GPA, *halves()).result == Event.GP


def test_virt_rmpupdate_without_the_feature_is_general_protection():
    scene = Scene(GENOA, guest_tables=0)
    assert virt_rmpupdate(scene.machine, HYPERVISOR, GPA, *halves()).result == Event.GP
