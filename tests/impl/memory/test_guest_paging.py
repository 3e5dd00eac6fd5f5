from dataclasses import replace

import pytest

from impl.completion import Completion
from impl.memory.agents import guest_read, guest_write, host_read, host_write
from impl.memory.guest_paging import GuestTranslation, translate
from impl.memory.guest_tables import map_guest
from impl.memory.paging import Pte
from spec.vocabulary import AccessKind, Agent, Event, MappingSize, NpfInfo, PfError
from tests.impl.scene import (
    GPA,
    GUEST_ASID,
    GUEST_ROOT_GPA,
    GUEST_ROOT_SPA,
    OTHER_ASID,
    PAGE,
    SPA,
    Scene,
    pages_from,
)

GVA = 0x7F_0000_0000
SHARED_GPA, SHARED_SPA = GPA + PAGE, SPA + PAGE


@pytest.fixture
def scene() -> Scene:
    """One private and one shared page, next to each other."""
    scene = Scene()
    scene.give()
    scene.map(SHARED_GPA, SHARED_SPA)
    scene.guest_map(GVA, GPA)
    scene.guest_map(GVA + PAGE, SHARED_GPA, c_bit=False)
    return scene


def leaf_word(scene: Scene) -> int:
    """The guest's own entry for GVA: the last of the four tables."""
    spa = GUEST_ROOT_SPA + 3 * PAGE + (GVA >> 12 & 0x1FF) * 8
    return int.from_bytes(scene.machine.memory.read(spa, 8, GUEST_ASID), "little")


def test_guest_page_tables_are_ciphertext_to_the_host(scene):
    spa = GUEST_ROOT_SPA + (GVA >> 39) * 8
    assert scene.machine.memory.read(spa, 8, GUEST_ASID)[0] & Pte.PRESENT
    assert host_read(scene.machine, spa, 8) != scene.machine.memory.read(spa, 8, GUEST_ASID)


def test_translate_strips_the_c_bit_and_reports_it(scene):
    assert translate(scene.machine, scene.cpu, GVA + 5, AccessKind.READ) == GuestTranslation(
        GPA + 5, SPA + 5, MappingSize.MAP_4K, c_bit=True
    )
    shared = translate(scene.machine, scene.cpu, GVA + PAGE, AccessKind.READ)
    assert shared == GuestTranslation(SHARED_GPA, SHARED_SPA, MappingSize.MAP_4K, c_bit=False)


def test_guest_private_write_is_ciphertext_to_the_host_and_to_other_guests(scene):
    assert guest_write(scene.machine, scene.cpu, GVA, b"attack at dawn!!").result == Event.COMPLETES
    assert guest_read(scene.machine, scene.cpu, GVA, 16) == b"attack at dawn!!"
    assert host_read(scene.machine, SPA, 16) != b"attack at dawn!!"
    assert scene.machine.memory.read(SPA, 16, OTHER_ASID) != b"attack at dawn!!"


def test_guest_shared_write_is_plaintext_to_the_host(scene):
    guest_write(scene.machine, scene.cpu, GVA + PAGE, b"hello")
    assert host_read(scene.machine, SHARED_SPA, 5) == b"hello"


def test_host_write_to_a_private_page_faults_and_changes_nothing(scene):
    before = host_read(scene.machine, SPA, PAGE)
    assert host_write(scene.machine, SPA, b"x").result == Event.PF
    assert host_read(scene.machine, SPA, PAGE) == before
    assert host_write(scene.machine, SHARED_SPA, b"x", agent=Agent.DEVICE).result == Event.COMPLETES


def test_translate_sets_accessed_and_dirty_bits(scene):
    assert not leaf_word(scene) & Pte.ACCESSED
    translate(scene.machine, scene.cpu, GVA, AccessKind.READ)
    assert leaf_word(scene) & Pte.ACCESSED
    assert not leaf_word(scene) & Pte.DIRTY
    translate(scene.machine, scene.cpu, GVA, AccessKind.WRITE)
    assert leaf_word(scene) & Pte.DIRTY


def test_translate_of_a_non_canonical_address_is_general_protection(scene):
    assert translate(scene.machine, scene.cpu, 1 << 47, AccessKind.READ) == Completion(Event.GP, "canonical")


@pytest.mark.parametrize(
    ("flags", "cpl", "kind", "error"),
    [
        (Pte.PRESENT | Pte.USER, 0, AccessKind.WRITE, PfError.P | PfError.W),
        (Pte.PRESENT | Pte.WRITABLE, 3, AccessKind.READ, PfError.P | PfError.U),
        (Pte.PRESENT | Pte.NO_EXECUTE, 0, AccessKind.FETCH, PfError.P | PfError.ID),
        (Pte(0), 3, AccessKind.WRITE, PfError.W | PfError.U),
    ],
)
def test_translate_against_the_guest_s_own_rights_is_page_fault(scene, flags, cpl, kind, error):
    gva = GVA + 2 * PAGE
    map_guest(scene.machine, scene.cpu, gva, GPA, pages_from(0), flags=flags)
    completion = translate(scene.machine, scene.at_vmpl(0, cpl), gva, kind)
    assert completion == Completion(Event.PF, completion.check, error=error, address=gva)


def test_translate_with_a_guest_table_in_a_shared_page_is_nested_fault(scene):
    scene.unassign(GUEST_ROOT_SPA)
    completion = translate(scene.machine, scene.cpu, GVA, AccessKind.READ)
    assert (completion.result, completion.check) == (Event.NPF, "guest-owned")
    assert completion.error == NpfInfo.P | NpfInfo.U | NpfInfo.RMP | NpfInfo.WALK | NpfInfo.ENC
    assert completion.address & ~0xFFF == GUEST_ROOT_GPA


def test_translate_at_a_level_that_may_not_read_the_tables_is_nested_fault(scene):
    completion = translate(scene.machine, scene.at_vmpl(1), GVA, AccessKind.READ)
    assert (completion.result, completion.check) == (Event.NPF, "vmpl")


def test_translate_at_a_level_that_may_only_read_the_tables_cannot_set_accessed(scene):
    for index in range(8):
        pfn = (GUEST_ROOT_SPA >> 12) + index
        entry = scene.machine.rmp.load(pfn)
        scene.machine.rmp.store(pfn, replace(entry, perms=(0x1F, 1, 0, 0)))
    completion = translate(scene.machine, scene.at_vmpl(1), GVA, AccessKind.READ)
    assert completion.error & (NpfInfo.W | NpfInfo.WALK | NpfInfo.VMPL) == NpfInfo.W | NpfInfo.WALK | NpfInfo.VMPL
    translate(scene.machine, scene.cpu, GVA, AccessKind.READ)
    assert isinstance(translate(scene.machine, scene.at_vmpl(1), GVA, AccessKind.READ), GuestTranslation)


def test_translate_with_vtom_takes_privacy_from_the_address():
    scene = Scene()
    cpu = replace(scene.cpu, virtual_tom=GPA + PAGE)
    for index, gpa in enumerate((GPA, GPA + PAGE)):
        scene.map(gpa, SPA + index * PAGE)
        map_guest(scene.machine, cpu, GVA + index * PAGE, gpa, pages_from(GUEST_ROOT_GPA + (index + 1) * PAGE))
    below, above = (translate(scene.machine, cpu, GVA + index * PAGE, AccessKind.READ) for index in range(2))
    assert (below.c_bit, above.c_bit) == (True, False)
    assert translate(scene.machine, cpu, GVA + PAGE, AccessKind.FETCH).c_bit


def test_translate_with_vtom_of_an_entry_with_c_bit_is_page_fault(scene):
    cpu = replace(scene.cpu, virtual_tom=GPA + 0x20_0000)
    completion = translate(scene.machine, cpu, GVA, AccessKind.READ)
    assert (completion.result, completion.error) == (Event.PF, PfError.P | PfError.RSV)


def test_fetch_from_a_shared_mapping_is_private_and_faults(scene):
    completion = guest_read(scene.machine, scene.cpu, GVA + PAGE, 1, AccessKind.FETCH)
    assert (completion.result, completion.check) == (Event.NPF, "guest-owned")
    assert completion.error & NpfInfo.ENC


def test_guest_write_where_the_nested_tables_forbid_it_is_nested_fault(scene):
    spa = walk_leaf(scene, GPA)
    word = int.from_bytes(scene.machine.memory.read_raw(spa, 8), "little")
    scene.machine.memory.write_raw(spa, (word & ~Pte.WRITABLE).to_bytes(8, "little"))
    completion = guest_write(scene.machine, scene.cpu, GVA, b"x")
    assert (completion.result, completion.check, completion.address) == (Event.NPF, "nested-rights", GPA)


def walk_leaf(scene: Scene, gpa: int) -> int:
    """Where the nested leaf entry of a 4 KiB page lies."""
    table = scene.cpu.nested_cr3
    for shift in (39, 30, 21):
        word = int.from_bytes(scene.machine.memory.read_raw(table + (gpa >> shift & 0x1FF) * 8, 8), "little")
        table = word & ~0xFFF
    return table + (gpa >> 12 & 0x1FF) * 8


def test_translate_with_a_guest_table_that_is_not_mapped_is_nested_fault(scene):
    cpu = replace(scene.cpu, cr3=GPA + 0x100 * PAGE)
    completion = translate(scene.machine, cpu, GVA, AccessKind.READ)
    assert completion.error == NpfInfo.U | NpfInfo.WALK | NpfInfo.ENC


def test_map_guest_with_a_table_that_is_not_mapped_is_refused(scene):
    cpu = replace(scene.cpu, cr3=GPA + 0x100 * PAGE)
    with pytest.raises(LookupError, match="do not map"):
        map_guest(scene.machine, cpu, GVA, GPA, pages_from(0))


def test_access_across_pages_is_refused(scene):
    with pytest.raises(ValueError, match="cross a page boundary"):
        host_write(scene.machine, SPA + PAGE - 1, b"xy")
    with pytest.raises(ValueError, match="cross a page boundary"):
        guest_read(scene.machine, scene.cpu, GVA + PAGE - 1, 2)


def test_translate_in_the_upper_half_reaches_the_tables(scene):
    upper = (1 << 64) - PAGE
    scene.guest_map(upper, GPA)
    assert translate(scene.machine, scene.cpu, upper, AccessKind.READ).gpa == GPA


def test_fetch_where_the_nested_tables_forbid_it_is_nested_fault(scene):
    spa = walk_leaf(scene, GPA)
    word = int.from_bytes(scene.machine.memory.read_raw(spa, 8), "little")
    scene.machine.memory.write_raw(spa, (word | Pte.NO_EXECUTE).to_bytes(8, "little"))
    assert translate(scene.machine, scene.cpu, GVA, AccessKind.FETCH).check == "nested-rights"
    assert isinstance(translate(scene.machine, scene.cpu, GVA, AccessKind.READ), GuestTranslation)


def test_supervisor_reads_what_users_may_not(scene):
    gva = GVA + 2 * PAGE
    map_guest(scene.machine, scene.cpu, gva, GPA, pages_from(0), flags=Pte.PRESENT)
    assert isinstance(translate(scene.machine, scene.cpu, gva, AccessKind.READ), GuestTranslation)


def test_user_reads_what_users_may(scene):
    assert isinstance(translate(scene.machine, scene.at_vmpl(0, cpl=3), GVA, AccessKind.READ), GuestTranslation)
