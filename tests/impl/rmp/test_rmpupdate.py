from dataclasses import replace

import pytest

from impl.completion import Flags
from impl.machine import GENOA, HOST, MILAN, TURIN, Cpu
from impl.rmp.effective import state_at
from impl.rmp.layout import RmpEntry
from impl.rmp.rmpupdate import rmpupdate
from spec.knobs import EntryCheckOrder, FullMask, HostInstruction, Knobs
from spec.vocabulary import Eax, Event, PageSize, PageState, PfError
from tests.impl.scene import GPA, GUEST_ASID, OTHER_ASID, PAGE, REGION, SPA, Scene

HEAD = SPA >> 12
GFN = GPA >> 12


@pytest.fixture
def scene() -> Scene:
    return Scene(guest_tables=0)


def knobs(**settings) -> Scene:
    return Scene(replace(GENOA, knobs=Knobs(**settings)), guest_tables=0)


def test_rmpupdate_success_sets_flags_as_a_compare_with_zero(scene):
    assert scene.rmpupdate(SPA).flags == Flags(cf=None, zf=True, of=False, sf=False, af=False, pf=True)


def test_rmpupdate_failure_clears_zero_flag(scene):
    assert scene.rmpupdate(SPA + 1).flags == Flags(cf=None, zf=False, of=False, sf=False, af=False, pf=False)


def test_rmpupdate_with_flags_undefined_tells_none():
    assert knobs(flags_from_eax=False).rmpupdate(SPA).flags == Flags(None, None, None, None, None, None)


def test_rmpupdate_without_snp_is_undefined_opcode():
    scene = Scene(replace(GENOA, snp_enabled=False), guest_tables=0)
    assert scene.rmpupdate(SPA).result == Event.UD


def test_rmpupdate_in_user_mode_is_general_protection(scene):
    assert scene.rmpupdate(SPA, cpu=Cpu(cpl=3)).result == Event.GP


@pytest.mark.parametrize(
    ("choice", "result"),
    [
        (HostInstruction.FAIL_PERMISSION, Eax.FAIL_PERMISSION),
        (HostInstruction.UD, Event.UD),
        (HostInstruction.VMEXIT, Event.VMEXIT),
    ],
)
def test_rmpupdate_in_a_guest_ends_as_the_knob_says(choice, result):
    scene = knobs(host_instruction=choice)
    assert scene.rmpupdate(SPA, cpu=scene.cpu).result == result
    assert scene.machine.rmp.load(HEAD) == RmpEntry()


def test_rmpupdate_with_operand_beyond_memory_is_page_fault(scene):
    completion = rmpupdate(scene.machine, HOST, SPA, (1 << 52) - 8)
    assert (completion.result, completion.address) == (Event.PF, (1 << 52) - 8)


@pytest.mark.parametrize(
    ("operands", "check"),
    [
        ({"spa": SPA + 1}, "alignment"),
        ({"spa": SPA + PAGE, "size": 1}, "alignment"),
        ({"spa": 1 << 40}, "covered"),
        ({"assigned": 3}, "reserved-bits"),
        ({"size": 4}, "reserved-bits"),
        ({"size": 2}, "reserved-bits"),
        ({"immutable": 2}, "reserved-bits"),
        ({"reserved": 1}, "reserved-bits"),
        ({"asid": 0x3FF}, "asid-range"),
        ({"asid": 0x405}, "asid-range"),
        ({"assigned": 0, "asid": 0, "immutable": 1}, "unassigned-is-plain"),
        ({"assigned": 0, "asid": 5}, "unassigned-is-plain"),
        ({"size": 1, "gpa": GPA + PAGE}, "guest-address-alignment"),
    ],
)
def test_rmpupdate_with_a_wrong_operand_fails_input(scene, operands, check):
    completion = scene.rmpupdate(**{"spa": SPA, **operands})
    assert (completion.result, completion.check) == (Eax.FAIL_INPUT, check)
    assert scene.machine.rmp.load(HEAD) == RmpEntry()


def test_rmpupdate_2m_at_the_end_of_coverage_fails_input():
    # The RMP ends in the middle of the region.
    scene = Scene(replace(GENOA, rmp_end=0x10_4000 + 16 * (HEAD + 100) - 1), guest_tables=0)
    assert scene.rmpupdate(SPA, size=1).check == "covered"
    assert scene.rmpupdate(SPA).result == Eax.SUCCESS


def test_rmpupdate_ignoring_the_region_status_bit_succeeds():
    assert knobs(region_status_bit_rejected=False).rmpupdate(SPA, size=2).result == Eax.SUCCESS


def test_rmpupdate_above_the_maximum_asid_fails_where_ranges_are_checked():
    assert knobs(rmpupdate_asid_by_maximum=True).rmpupdate(SPA, asid=1007).check == "asid-range"
    assert Scene(guest_tables=0).rmpupdate(SPA, asid=1007).result == Eax.SUCCESS


def test_rmpupdate_to_reclaim_is_allowed_unless_the_knob_forbids(scene):
    assert scene.rmpupdate(SPA, asid=0).result == Eax.SUCCESS
    assert state_at(scene.machine.rmp, HEAD) == PageState.RECLAIM
    assert knobs(host_may_reclaim=False).rmpupdate(SPA, asid=0).check == "ownerless-is-immutable"


# Recorded: launch VMSA pages assigned with an all-ones address, stored as 0xfffffffff on Milan, 0x7fffffffff on Genoa.
@pytest.mark.parametrize(("configuration", "gfn"), [(MILAN, 0xFFFFFFFFF), (GENOA, 0x7FFFFFFFFF)])
def test_rmpupdate_4k_masks_the_guest_address_by_the_physical_width(configuration, gfn):
    scene = Scene(configuration, guest_tables=0)
    assert scene.rmpupdate(SPA, gpa=(1 << 64) - 1).result == Eax.SUCCESS
    assert scene.machine.rmp.load(HEAD).gfn == gfn


# Recorded: a page donated by the host on Milan reads 0x8000000000000ffd / 0xf, where 511 other pages are assigned.
def test_rmpupdate_to_firmware_writes_the_recorded_words():
    scene = Scene(MILAN, guest_tables=0)
    for page in range(512):
        scene.rmpupdate(SPA + page * PAGE, asid=0, immutable=1)
    address = scene.machine.rmp.entry_address(HEAD)
    assert scene.machine.memory.read_raw(address, 16).hex() == "fd0f0000000000800f00000000000000"


def test_rmpupdate_without_lock_bit_writes_zero():
    scene = knobs(lock_follows_immutable=False)
    scene.rmpupdate(SPA, asid=0, immutable=1)
    assert not scene.machine.rmp.load(HEAD).lock


@pytest.mark.parametrize(
    ("choice", "configuration", "mask"),
    [
        (FullMask.BY_FEATURE, MILAN, 0x0F),
        (FullMask.BY_FEATURE, GENOA, 0x1F),
        (FullMask.WITHOUT_SSS, GENOA, 0x0F),
        (FullMask.WITH_SSS, MILAN, 0x1F),
    ],
)
def test_rmpupdate_gives_vmpl0_the_full_mask(choice, configuration, mask):
    scene = Scene(replace(configuration, knobs=Knobs(full_mask=choice)), guest_tables=0)
    scene.rmpupdate(SPA)
    assert scene.machine.rmp.load(HEAD).perms == (mask, 0, 0, 0)


def test_rmpupdate_without_owner_drops_the_guest_address():
    scene = Scene(guest_tables=0)
    scene.rmpupdate(SPA, asid=0, immutable=1, gpa=(1 << 48) + GPA)
    assert state_at(scene.machine.rmp, HEAD) == PageState.FIRMWARE
    forging = knobs(gpa0_for_asid0=False)
    forging.rmpupdate(SPA, asid=0, immutable=1, gpa=(1 << 48) + GPA)
    assert state_at(forging.machine.rmp, HEAD) == PageState.METADATA


def test_rmpupdate_2m_makes_bare_subentries(scene):
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    table = scene.machine.rmp
    assert table.load(HEAD) == RmpEntry(True, PageSize.SIZE_2M, gfn=GFN, asid=GUEST_ASID, perms=(0x1F, 0, 0, 0))
    assert table.load_region(HEAD)[1:] == [RmpEntry(True)] * 511


def test_rmpupdate_2m_unassigning_clears_the_region(scene):
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    assert scene.unassign(SPA, size=1).result == Eax.SUCCESS
    assert scene.machine.rmp.load(HEAD) == RmpEntry(perms=(0x1F, 0, 0, 0))
    assert scene.machine.rmp.load_region(HEAD)[1:] == [RmpEntry()] * 511


def test_rmpupdate_4k_on_the_head_of_a_2m_page_frees_the_rest(scene):
    scene.give(size=PageSize.SIZE_2M)
    assert scene.rmpupdate(SPA, gpa=GPA).result == Eax.SUCCESS
    head = scene.machine.rmp.load(HEAD)
    assert (head.page_size, head.validated, head.subpage_count) == (PageSize.SIZE_4K, False, 0)
    assert scene.machine.rmp.load_region(HEAD)[1:] == [RmpEntry()] * 511
    assert scene.machine.rmp.load_counter(GUEST_ASID) == 1


def test_rmpupdate_4k_on_the_head_of_a_2m_page_overlaps_where_the_knob_says():
    scene = knobs(shrink_frees_region=False)
    scene.rmpupdate(SPA, size=1, gpa=GPA)
    assert scene.rmpupdate(SPA, gpa=GPA).result == Eax.FAIL_OVERLAP


def test_rmpupdate_unassigned_2m_entry_lets_a_subpage_in_where_size_is_stored_as_given():
    scene = knobs(unassigned_is_4k=False)
    scene.unassign(SPA, size=1)
    assert scene.machine.rmp.load(HEAD).page_size == PageSize.SIZE_2M
    assert scene.rmpupdate(SPA + PAGE).result == Eax.SUCCESS
    assert scene.rmpupdate(SPA, size=1, asid=OTHER_ASID).result == Eax.SUCCESS
    assert scene.machine.rmp.load_counter(GUEST_ASID) == 0


def test_rmpupdate_counts_other_assigned_pages_in_the_head(scene):
    scene.rmpupdate(SPA)
    scene.rmpupdate(SPA + PAGE)
    scene.rmpupdate(SPA + PAGE, asid=OTHER_ASID)
    scene.rmpupdate(SPA + 511 * PAGE)
    assert scene.machine.rmp.load(HEAD).subpage_count == 2
    scene.unassign(SPA + PAGE)
    scene.rmpupdate(SPA, asid=OTHER_ASID)
    assert scene.machine.rmp.load(HEAD).subpage_count == 1


def test_rmpupdate_counts_in_an_immutable_head_too(scene):
    scene.rmpupdate(SPA, asid=0, immutable=1)
    scene.rmpupdate(SPA + PAGE)
    assert scene.machine.rmp.load(HEAD).subpage_count == 1
    assert scene.machine.rmp.load(HEAD).immutable


def test_rmpupdate_keeps_the_asid_counters_in_pages(scene):
    scene.rmpupdate(SPA)
    scene.rmpupdate(SPA, asid=OTHER_ASID)
    scene.rmpupdate(SPA + REGION, size=1)
    assert [scene.machine.rmp.load_counter(asid) for asid in (0, GUEST_ASID, OTHER_ASID)] == [0, 512, 1]
    scene.unassign(SPA + REGION, size=1)
    assert scene.machine.rmp.load_counter(GUEST_ASID) == 0


def test_rmpupdate_keeps_the_asid_counters_in_entries_where_the_knob_says():
    scene = knobs(counter_in_4k=False)
    scene.rmpupdate(SPA, size=1)
    assert scene.machine.rmp.load_counter(GUEST_ASID) == 1


def test_rmpupdate_2m_over_a_4k_head_recounts_its_owner(scene):
    scene.rmpupdate(SPA, asid=OTHER_ASID)
    assert scene.rmpupdate(SPA, size=1).result == Eax.SUCCESS
    assert [scene.machine.rmp.load_counter(asid) for asid in (GUEST_ASID, OTHER_ASID)] == [512, 0]


def test_rmpupdate_with_same_operands_always_resets_where_the_knob_says():
    scene = knobs(same_operands_keep_state=False)
    scene.give()
    scene.rmpupdate(SPA, gpa=GPA, immutable=1)
    assert state_at(scene.machine.rmp, HEAD) == PageState.PRE_GUEST


def test_rmpupdate_with_same_operands_keeps_everything(scene):
    scene.give()
    before = scene.machine.rmp.load(HEAD)
    assert scene.rmpupdate(SPA, gpa=GPA).result == Eax.SUCCESS
    assert scene.machine.rmp.load(HEAD) == before


def test_rmpupdate_of_a_page_in_use_fails_inuse(scene):
    scene.machine.in_use.add(HEAD + 3)
    assert scene.rmpupdate(SPA + 3 * PAGE).result == Eax.FAIL_INUSE
    assert scene.rmpupdate(SPA, size=1).result == Eax.FAIL_INUSE
    assert scene.rmpupdate(SPA).result == Eax.SUCCESS


def test_rmpupdate_shrinking_a_page_with_a_part_in_use_fails_inuse(scene):
    scene.rmpupdate(SPA, size=1)
    scene.machine.in_use.add(HEAD + 3)
    assert scene.rmpupdate(SPA).result == Eax.FAIL_INUSE


def test_rmpupdate_of_a_locked_entry_or_head_fails_inuse(scene):
    scene.machine.locked.add(HEAD)
    assert scene.rmpupdate(SPA).result == Eax.FAIL_INUSE
    assert scene.rmpupdate(SPA + PAGE).result == Eax.FAIL_INUSE
    assert scene.rmpupdate(SPA + REGION).result == Eax.SUCCESS


def test_rmpupdate_in_a_contended_region_fails_overlap(scene):
    scene.machine.overlap_contended.add(HEAD)
    assert scene.rmpupdate(SPA + PAGE).result == Eax.FAIL_OVERLAP
    assert scene.machine.rmp.load(HEAD + 1) == RmpEntry()


def test_rmpupdate_without_contention_ignores_locks_and_contended_regions():
    scene = knobs(contention=False)
    scene.machine.locked.add(HEAD)
    scene.machine.overlap_contended.add(HEAD)
    assert scene.rmpupdate(SPA).result == Eax.SUCCESS


# Recorded: assigning an HV_FIXED page returns 2.
def test_rmpupdate_of_hv_fixed_fails_permission(scene):
    scene.machine.rmp.store(HEAD + 9, RmpEntry(immutable=True))
    assert scene.rmpupdate(SPA + 9 * PAGE).result == Eax.FAIL_PERMISSION
    assert scene.rmpupdate(SPA, size=1).result == Eax.FAIL_PERMISSION


def test_rmpupdate_2m_swallows_an_immutable_page_where_only_the_head_is_tested():
    scene = knobs(immutable_tests_all=False)
    scene.machine.rmp.store(HEAD + 9, RmpEntry(immutable=True))
    assert scene.rmpupdate(SPA, size=1).result == Eax.SUCCESS
    assert scene.machine.rmp.load(HEAD + 9) == RmpEntry(True)


def test_rmpupdate_inside_an_immutable_2m_page_fails_permission(scene):
    scene.rmpupdate(SPA, size=1, asid=0, immutable=1)
    assert scene.rmpupdate(SPA + PAGE).result == Eax.FAIL_PERMISSION


@pytest.mark.parametrize("order", EntryCheckOrder)
def test_rmpupdate_failing_three_tests_reports_the_first_of_the_order(order):
    scene = knobs(rmpupdate_order=order)
    scene.machine.rmp.store(HEAD, RmpEntry(True, immutable=True, subpage_count=1))
    scene.machine.in_use.add(HEAD)
    first = {"U": Eax.FAIL_INUSE, "I": Eax.FAIL_PERMISSION, "O": Eax.FAIL_OVERLAP}[order.name[0]]
    assert scene.rmpupdate(SPA, size=1).result == first


def test_rmpupdate_meeting_a_reserved_segment_bit_is_page_fault():
    limits = replace(TURIN.segment_limits, only_cached_usable=False)
    scene = Scene(replace(TURIN, segment_limits=limits), guest_tables=0)
    scene.machine.memory.write_raw(0x10_4006, b"\x10")
    completion = scene.rmpupdate(SPA)
    assert (completion.result, completion.error) == (Event.PF, PfError.P | PfError.RSV | PfError.RMP)


def test_rmpupdate_on_a_segmented_rmp_writes_the_segment(scene):
    segmented = Scene(TURIN, guest_tables=0)
    segmented.rmpupdate(SPA, gpa=GPA)
    scene.rmpupdate(SPA, gpa=GPA)
    raw = segmented.machine.memory.read_raw(0x20_0000 + HEAD * 16, 16)
    assert raw == scene.machine.memory.read_raw(0x10_4000 + HEAD * 16, 16)
