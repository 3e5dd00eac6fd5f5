from dataclasses import replace

import pytest

from impl.machine import GENOA, Features
from impl.rmp.rmpquery import rmpquery, rmpquery_at
from spec.knobs import Knobs
from spec.vocabulary import Eax, Event, MappingSize, PageSize
from tests.impl.scene import GPA, OTHER_ASID, SPA, Scene

HEAD = SPA >> 12
GVA = 0x7F_0000_0000


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.give()
    scene.machine.rmp.store(HEAD, replace(scene.machine.rmp.load(HEAD), vmsa=True, perms=(0x1F, 7, 3, 1)))
    return scene


def query(scene: Scene, target: int, cpu=None):
    return rmpquery_at(scene.machine, cpu or scene.cpu, GPA, GPA, SPA, MappingSize.MAP_4K, True, target)


def test_rmpquery_through_both_page_tables_returns_mask_vmsa_and_size(scene):
    scene.guest_map(GVA, GPA)
    completion = rmpquery(scene.machine, scene.cpu, GVA, 2)
    assert (completion.result, completion.rcx, completion.rdx) == (Eax.SUCCESS, 0, 0x1_0302)
    assert completion.flags.zf


def test_rmpquery_of_a_2m_page_returns_its_size():
    scene = Scene()
    scene.give(size=PageSize.SIZE_2M)
    scene.guest_map(GVA, GPA)
    completion = rmpquery(scene.machine, scene.cpu, GVA, 0)
    assert (completion.rcx, completion.rdx) == (1, 0x1F00)


def test_rmpquery_of_a_more_privileged_level_fails_permission(scene):
    assert query(scene, 0, scene.at_vmpl(1)).result == Eax.FAIL_PERMISSION
    assert query(scene, 4).result == Eax.FAIL_PERMISSION


def test_rmpquery_of_the_own_level_is_allowed_unless_the_knob_says(scene):
    assert query(scene, 1, scene.at_vmpl(1)).result == Eax.SUCCESS
    strict = Scene(replace(GENOA, knobs=Knobs(rmpquery_own_level=False)), guest_tables=0)
    strict.give()
    assert query(strict, 1, strict.at_vmpl(1)).result == Eax.FAIL_PERMISSION


def test_rmpquery_of_an_unvalidated_page_is_vc(scene):
    scene.pvalidate(validate=False)
    assert query(scene, 1).result == Event.VC


def test_rmpquery_of_a_foreign_page_is_nested_fault(scene):
    scene.rmpupdate(SPA, asid=OTHER_ASID, gpa=GPA)
    assert query(scene, 1).result == Event.NPF


def test_rmpquery_without_the_feature_is_undefined_opcode():
    scene = Scene(replace(GENOA, features=Features(rmpquery=False)), guest_tables=0)
    assert query(scene, 1).result == Event.UD


def test_rmpquery_in_user_mode_is_general_protection(scene):
    assert query(scene, 1, scene.at_vmpl(0, cpl=3)).result == Event.GP


def test_rmpquery_of_an_unmapped_address_is_page_fault(scene):
    assert rmpquery(scene.machine, scene.cpu, GVA, 1).result == Event.PF
