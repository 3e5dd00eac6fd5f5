from dataclasses import replace

import pytest

from impl.completion import Completion
from impl.machine import GENOA, Cpu
from impl.rmp.rmpadjust import rmpadjust, rmpadjust_at
from spec.knobs import Knobs
from spec.vocabulary import VC_PAGE_NOT_VALIDATED, Eax, Event, MappingSize, NpfInfo, PageSize
from tests.impl.scene import GPA, OTHER_ASID, PAGE, SPA, Scene

HEAD = SPA >> 12
GVA = 0x7F_0000_0000
READ_WRITE = 0x3


def rdx(target: int, mask: int = READ_WRITE, vmsa: int = 0) -> int:
    return target | mask << 8 | vmsa << 16


def adjust(
    scene: Scene,
    target: int = 1,
    mask: int = READ_WRITE,
    *,
    vmsa: bool = False,
    cpu: Cpu | None = None,
    size: PageSize = PageSize.SIZE_4K,
    mapping: MappingSize | None = None,
    gva: int = GPA,
) -> Completion:
    mapped = MappingSize(size) if mapping is None else mapping
    return rmpadjust_at(scene.machine, cpu or scene.cpu, gva, GPA, SPA, mapped, True, size, target, mask, vmsa)


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.give()
    return scene


def knobs(**settings) -> Scene:
    scene = Scene(replace(GENOA, knobs=Knobs(**settings)), guest_tables=0)
    scene.give()
    return scene


def test_rmpadjust_through_both_page_tables_sets_the_mask(scene):
    scene.guest_map(GVA, GPA)
    assert rmpadjust(scene.machine, scene.cpu, GVA, 0, rdx(2, 0x5)).result == Eax.SUCCESS
    assert scene.machine.rmp.load(HEAD).perms == (0x1F, 0, 0x5, 0)


@pytest.mark.parametrize(("rcx", "rdx_value"), [(2, rdx(1)), (0, rdx(1) | 1 << 17), (0, rdx(1) | 1 << 63)])
def test_rmpadjust_with_reserved_bits_fails_input_unless_ignored(rcx, rdx_value):
    scene = Scene()
    assert rmpadjust(scene.machine, scene.cpu, GPA, rcx, rdx_value).check == "reserved-bits"
    lenient = Scene(replace(GENOA, knobs=Knobs(rmpadjust_reserved_rejected=False)))
    lenient.give()
    lenient.guest_map(GVA, GPA)
    assert rmpadjust(lenient.machine, lenient.cpu, GVA, rcx, rdx_value).result == Eax.SUCCESS


def test_rmpadjust_outside_64_bit_mode_is_undefined_opcode(scene):
    assert adjust(scene, cpu=replace(scene.cpu, mode_64bit=False)).result == Event.UD


def test_rmpadjust_in_user_mode_is_general_protection(scene):
    assert adjust(scene, cpu=scene.at_vmpl(0, cpl=3)).result == Event.GP


@pytest.mark.parametrize(("vmpl", "target"), [(0, 0), (1, 0), (1, 1), (3, 3), (3, 4), (0, 4), (0, 255)])
def test_rmpadjust_of_a_level_not_below_the_caller_fails_permission(scene, vmpl, target):
    before = scene.machine.rmp.load(HEAD)
    completion = adjust(scene, target, cpu=scene.at_vmpl(vmpl))
    assert (completion.result, completion.check) == (Eax.FAIL_PERMISSION, "target-vmpl")
    assert scene.machine.rmp.load(HEAD) == before


def test_rmpadjust_of_a_level_that_does_not_exist_fails_input_where_the_knob_says():
    scene = knobs(rmpadjust_vmpl_range_permission=False)
    assert adjust(scene, 4).result == Eax.FAIL_INPUT
    assert adjust(scene, 0).result == Eax.FAIL_PERMISSION


def test_rmpadjust_2m_of_a_misaligned_address_fails_input(scene):
    assert adjust(scene, size=PageSize.SIZE_2M, gva=GPA + PAGE).result == Eax.FAIL_INPUT


def test_rmpadjust_of_a_foreign_page_is_nested_fault(scene):
    scene.rmpupdate(SPA, asid=OTHER_ASID, gpa=GPA)
    completion = adjust(scene)
    assert (completion.result, completion.check) == (Event.NPF, "guest-owned")


def test_rmpadjust_of_an_unvalidated_page_is_vc(scene):
    scene.pvalidate(validate=False)
    completion = adjust(scene)
    assert (completion.result, completion.error, completion.address) == (Event.VC, VC_PAGE_NOT_VALIDATED, GPA)


def test_rmpadjust_of_an_unvalidated_page_with_reflected_vc_exits(scene):
    scene.pvalidate(validate=False)
    completion = adjust(scene, cpu=replace(scene.cpu, reflect_vc=True))
    assert (completion.result, completion.error) == (Event.VMEXIT, VC_PAGE_NOT_VALIDATED)


def test_rmpadjust_4k_of_a_2m_page_is_nested_fault_with_sizem(scene):
    scene.unassign(SPA)
    scene.give(size=PageSize.SIZE_2M)
    completion = adjust(scene, mapping=MappingSize.MAP_2M)
    assert completion.result == Event.NPF
    assert completion.error & NpfInfo.SIZEM


def test_rmpadjust_2m_of_4k_pages_fails_sizemismatch(scene):
    assert adjust(scene, size=PageSize.SIZE_2M).result == Eax.FAIL_SIZEMISMATCH


@pytest.mark.parametrize(("vc_first", "result"), [(True, Event.VC), (False, Eax.FAIL_SIZEMISMATCH)])
def test_rmpadjust_of_a_small_unvalidated_page_reports_as_the_knob_says(vc_first, result):
    scene = knobs(rmpadjust_vc_before_size=vc_first)
    scene.pvalidate(validate=False)
    assert adjust(scene, size=PageSize.SIZE_2M).result == result


@pytest.mark.parametrize("mask", [0x4, 0x20, 0x83])
def test_rmpadjust_granting_what_the_caller_lacks_fails_permission(scene, mask):
    adjust(scene, 1, READ_WRITE)
    completion = adjust(scene, 2, mask, cpu=scene.at_vmpl(1))
    assert (completion.result, completion.check) == (Eax.FAIL_PERMISSION, "permission-subset")


def test_rmpadjust_may_give_a_lower_level_more_than_one_between(scene):
    assert adjust(scene, 3, 0x1F).result == Eax.SUCCESS
    assert scene.machine.rmp.load(HEAD).perms == (0x1F, 0, 0, 0x1F)


def test_rmpadjust_at_vmpl0_sets_and_clears_vmsa(scene):
    adjust(scene, vmsa=True)
    assert scene.machine.rmp.load(HEAD).vmsa
    assert scene.machine.vmsa_gfns == {HEAD: GPA >> 12}
    adjust(scene)
    assert not scene.machine.rmp.load(HEAD).vmsa


def test_rmpadjust_of_a_2m_page_to_vmsa_is_refused_unless_the_knob_says(scene):
    completion = adjust(scene, size=PageSize.SIZE_2M, vmsa=True)
    assert (completion.result, completion.check) == (Eax.FAIL_INPUT, "vmsa-is-4k")
    accepting = Scene(replace(GENOA, knobs=Knobs(rmpadjust_vmsa_2m_refused=False)), guest_tables=0)
    accepting.give(size=PageSize.SIZE_2M)
    assert adjust(accepting, size=PageSize.SIZE_2M, vmsa=True).result == Eax.SUCCESS
    assert accepting.machine.rmp.load(HEAD).vmsa


def test_rmpadjust_of_an_unmapped_address_is_page_fault(scene):
    assert rmpadjust(scene.machine, scene.cpu, GVA, 0, rdx(1)).result == Event.PF
