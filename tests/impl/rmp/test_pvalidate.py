from dataclasses import replace

import pytest

from impl.completion import Flags
from impl.machine import GENOA, TURIN
from impl.rmp.pvalidate import pvalidate
from spec.knobs import Knobs, PvalidateShared
from spec.vocabulary import Eax, Event, Limit, MappingSize, NpfInfo, PageSize, PfError
from tests.impl.scene import GPA, OTHER_ASID, PAGE, SPA, Scene

HEAD = SPA >> 12
GVA = 0x7F_0000_0000
VIOLATION = NpfInfo.P | NpfInfo.U | NpfInfo.RMP | NpfInfo.ENC


@pytest.fixture
def scene() -> Scene:
    return Scene()


def knobs(**settings) -> Scene:
    return Scene(replace(GENOA, knobs=Knobs(**settings)), guest_tables=0)


def test_pvalidate_through_both_page_tables_validates_the_page(scene):
    scene.rmpupdate(SPA, gpa=GPA)
    scene.map()
    scene.guest_map(GVA, GPA)
    completion = pvalidate(scene.machine, scene.cpu, GVA, 0, 1)
    assert (completion.result, completion.flags) == (Eax.SUCCESS, Flags(False, True, False, False, False, True))
    assert scene.machine.rmp.load(HEAD).validated
    assert pvalidate(scene.machine, scene.cpu, GVA, 0, 1).flags == Flags(True, True, False, False, False, True)


def test_pvalidate_of_an_unmapped_guest_address_is_page_fault(scene):
    completion = pvalidate(scene.machine, scene.cpu, GVA, 0, 1)
    assert (completion.result, completion.error, completion.address) == (Event.PF, 0, GVA)


def test_pvalidate_without_nested_mapping_is_nested_fault(scene):
    scene.guest_map(GVA, GPA)
    completion = pvalidate(scene.machine, scene.cpu, GVA, 0, 1)
    assert completion.error == NpfInfo.U | NpfInfo.FINAL_GPA | NpfInfo.ENC
    assert (completion.result, completion.address) == (Event.NPF, GPA)


def test_pvalidate_outside_snp_is_undefined_opcode(scene):
    assert scene.pvalidate(cpu=replace(scene.cpu, snp_active=False)).result == Event.UD


def test_pvalidate_in_user_mode_is_general_protection(scene):
    assert scene.pvalidate(cpu=scene.at_vmpl(0, cpl=3)).check == "cpl"


def test_pvalidate_below_vmpl0_ends_as_the_knob_says(scene):
    assert scene.pvalidate(cpu=scene.at_vmpl(1)).result == Event.GP
    assert knobs(pvalidate_vmpl_gp=False).pvalidate(cpu=scene.at_vmpl(1)).result == Eax.FAIL_PERMISSION


def test_pvalidate_2m_of_a_misaligned_address_fails_input(scene):
    assert scene.pvalidate(GPA + PAGE, size=PageSize.SIZE_2M).result == Eax.FAIL_INPUT


@pytest.mark.parametrize(
    ("operands", "gpa", "check"),
    [
        ({"assigned": 0, "asid": 0}, GPA, "guest-owned"),
        ({"asid": OTHER_ASID}, GPA, "guest-owned"),
        ({}, GPA + PAGE, "reverse-map"),
        ({"immutable": 1}, GPA, "mutable"),
    ],
)
def test_pvalidate_of_a_foreign_page_is_nested_fault(scene, operands, gpa, check):
    scene.rmpupdate(SPA, gpa=GPA, **operands)
    before = scene.machine.rmp.load(HEAD)
    completion = scene.pvalidate(gpa)
    assert (completion.result, completion.check, completion.error) == (Event.NPF, check, VIOLATION)
    assert scene.machine.rmp.load(HEAD) == before


def test_pvalidate_of_an_uncovered_page_is_nested_fault(scene):
    assert scene.pvalidate(spa=1 << 50).check == "covered"


def test_pvalidate_of_a_page_in_use_is_nested_fault(scene):
    scene.rmpupdate(SPA, gpa=GPA)
    scene.machine.in_use.add(HEAD)
    assert scene.pvalidate().check == "in-use"


# Recorded: EXITINFO1 C_8000_0005h with a 2 MiB page in the RMP and in the nested tables.
def test_pvalidate_4k_of_a_2m_page_faults_with_the_recorded_word(scene):
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    completion = scene.pvalidate(mapping=MappingSize.MAP_2M)
    assert (completion.result, completion.error) == (Event.NPF, 0xC_8000_0005)


@pytest.mark.parametrize(
    ("by_rmp", "rmp_size", "mapping", "size_mismatch"),
    [
        (True, 1, MappingSize.MAP_4K, True),
        (True, 0, MappingSize.MAP_2M, False),
        (False, 1, MappingSize.MAP_4K, False),
        (False, 0, MappingSize.MAP_1G, True),
    ],
)
def test_pvalidate_4k_where_sizes_disagree_reports_sizem_as_the_knob_says(by_rmp, rmp_size, mapping, size_mismatch):
    scene = knobs(sizem_by_rmp=by_rmp)
    scene.rmpupdate(SPA, size=rmp_size, gpa=GPA)
    word = scene.pvalidate(mapping=mapping).error
    assert word == VIOLATION | (NpfInfo.SIZEM if size_mismatch else 0)


@pytest.mark.parametrize(("rmp_size", "mapping"), [(0, MappingSize.MAP_2M), (1, MappingSize.MAP_4K)])
def test_pvalidate_2m_where_one_size_is_4k_fails_sizemismatch(scene, rmp_size, mapping):
    scene.rmpupdate(SPA, size=rmp_size, gpa=GPA)
    completion = scene.pvalidate(size=PageSize.SIZE_2M, mapping=mapping)
    assert completion.result == Eax.FAIL_SIZEMISMATCH
    assert not scene.machine.rmp.load(HEAD).validated


def test_pvalidate_2m_through_a_1g_mapping_validates_the_head(scene):
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    assert scene.pvalidate(size=PageSize.SIZE_2M, mapping=MappingSize.MAP_1G).result == Eax.SUCCESS
    assert scene.machine.rmp.load(HEAD).validated


def test_pvalidate_rescinding_keeps_vmsa_and_masks(scene):
    scene.give()
    entry = replace(scene.machine.rmp.load(HEAD), vmsa=True, perms=(0x1F, 3, 0, 0))
    scene.machine.rmp.store(HEAD, entry)
    assert scene.pvalidate(validate=False).flags.cf is False
    assert scene.machine.rmp.load(HEAD) == replace(entry, validated=False)


def test_pvalidate_rescinding_clears_vmsa_where_the_knob_says():
    scene = knobs(pvalidate_clears_vmsa=True)
    scene.give()
    scene.machine.rmp.store(HEAD, replace(scene.machine.rmp.load(HEAD), vmsa=True))
    scene.pvalidate(validate=False)
    assert not scene.machine.rmp.load(HEAD).vmsa


@pytest.mark.parametrize(
    ("choice", "result", "error", "validated"),
    [
        (PvalidateShared.AS_PRIVATE, Eax.SUCCESS, 0, True),
        (PvalidateShared.PF, Event.PF, PfError.P, False),
        (PvalidateShared.NPF, Event.NPF, NpfInfo.P | NpfInfo.U | NpfInfo.RMP, False),
        (PvalidateShared.IGNORED, Eax.SUCCESS, 0, False),
    ],
)
def test_pvalidate_of_a_shared_mapping_ends_as_the_knob_says(choice, result, error, validated):
    scene = knobs(pvalidate_shared=choice)
    scene.rmpupdate(SPA, gpa=GPA)
    completion = scene.pvalidate(c_bit=False)
    assert (completion.result, completion.error) == (result, error)
    assert scene.machine.rmp.load(HEAD).validated is validated


def test_pvalidate_outside_64_bit_mode_is_not_modelled_unless_the_knob_says():
    scene = Scene()
    compatibility = replace(scene.cpu, mode_64bit=False)
    assert pvalidate(scene.machine, compatibility, GPA, 0, 1).result == Limit.NOT_MODELLED
    scene = Scene(replace(GENOA, knobs=Knobs(pvalidate_64bit_only=False)))
    scene.rmpupdate(SPA, gpa=GPA)
    scene.map()
    scene.guest_map(GPA, GPA)
    assert pvalidate(scene.machine, compatibility, 1 << 40 | GPA, 0, 1).result == Eax.SUCCESS


def test_pvalidate_meeting_a_reserved_segment_bit_is_nested_fault():
    limits = replace(TURIN.segment_limits, only_cached_usable=False)
    scene = Scene(replace(TURIN, segment_limits=limits), guest_tables=0)
    scene.machine.memory.write_raw(0x10_4006, b"\x10")
    assert scene.pvalidate().error == VIOLATION | NpfInfo.RSV
