"""SNP_INIT and SNP_INIT_EX: each refusal, the table that is built, and what outlives a shutdown."""

import pytest

from spec.firmware.init import SnpInit, SnpInitEx, snp_init, snp_init_ex
from spec.firmware.initial_table import MemoryMap, MemoryUse, follows_memory_map, initial_table
from spec.firmware.machine import Machine
from spec.firmware.state import CcxAsid
from spec.maps import Map
from spec.record import replace
from spec.rmp.invariants import (
    size_only_in_heads,
    subpage_count_is_exact,
    unassigned_carries_no_guest_data,
    unassigned_entries_are_small,
)
from spec.rmp.page_state import state_of
from spec.vocabulary import PageState, PlatformState, Status
from tests.spec.firmware.lifecycle import assert_every_check_has_a_case, slots, uninitialised_platform, with_firmware
from tests.spec.firmware.pages import CONTEXT_PAGE, Case, assert_refused, cases

SAFE = Machine(**{name: name != "rmp_base_encrypted" for name in Machine.__annotations__})
ALL_DRAM: MemoryMap = Map(MemoryUse.DRAM)
MEMORY = (
    ALL_DRAM.set_range(0xA0, 0x20, lambda _: MemoryUse.FIXED)
    .set_range(0x10F0, 0x200, lambda _: MemoryUse.RMP)
    .set(0x3000, MemoryUse.IOMMU)
)
TABLE = initial_table(MEMORY)
INIT = SnpInit(machine=SAFE, memory=MEMORY, table=TABLE)
INIT_EX = SnpInitEx(init_rmp=True, list_enabled=False, reserved=False, machine=SAFE, memory=MEMORY, table=TABLE)
KEEP = {"init_rmp": False}
DOWN = with_firmware(uninitialised_platform(), rmp_initialised=True)


def spoiled(check, result=Status.INVALID_CONFIG, **facts):
    return Case(check, result, {"machine": replace(SAFE, **facts)})


def without_snp(system):
    features = replace(system.platform.features, snp_enabled=False)
    return replace(system, platform=replace(system.platform, features=features))


MACHINE_CASES = (
    Case("platform-state", Status.INVALID_PLATFORM_STATE, system=lambda s: with_firmware(s, state=PlatformState.INIT)),
    Case(
        "platform-state",
        Status.INVALID_PLATFORM_STATE,
        system=lambda s: with_firmware(s, sev_initialised=True),
        name="sev-initialised",
    ),
    spoiled("dram-encryption", dram_encrypted=False),
    spoiled("sme", sme_everywhere=False),
    Case("snp", Status.INVALID_CONFIG, system=without_snp),
    spoiled("vmpl", vmpl_everywhere=False),
    spoiled("msrs", msrs_safe=False),
    spoiled("mfdm", mfdm_everywhere=False),
    spoiled("smm-lock", smm_locked=False),
    spoiled("rmp-encrypted", Status.UNSUPPORTED, rmp_base_encrypted=True),
    spoiled("rmp-bounds", rmp_bounds_valid=False),
    spoiled("tseg", tseg_valid=False),
    spoiled("rmp-in-dram", rmp_in_dram=False),
    spoiled("rmp-write-protected", rmp_write_protected=False),
    spoiled("hsave", hsave_clear=False),
    spoiled("rmp-built", Status.RMP_INITIALIZATION_FAILED, rmp_built=False),
    spoiled("iommu", iommu_protected=False),
)
EX_CASES = (
    Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}),
    *MACHINE_CASES,
    Case("rmp-initialised", Status.RMP_INIT_REQUIRED, KEEP, lambda s: with_firmware(s, rmp_initialised=False)),
    Case("rmp-tcb", Status.RMP_INIT_REQUIRED, KEEP, lambda s: with_firmware(s, rmp_same_tcb=False)),
    Case("list-without-init", Status.INVALID_PARAM, {**KEEP, "list_enabled": True}),
)


@cases(*MACHINE_CASES)
def test_init_refused_changes_nothing(case):
    assert_refused(snp_init, DOWN, INIT, case)


@cases(*EX_CASES)
def test_init_ex_refused_changes_nothing(case):
    assert_refused(snp_init_ex, DOWN, INIT_EX, case)


def test_init_and_init_ex_have_no_other_checks():
    assert_every_check_has_a_case(snp_init, MACHINE_CASES, (Status.SUCCESS, "initialised"))
    assert_every_check_has_a_case(snp_init_ex, EX_CASES, (Status.SUCCESS, "initialised"), (Status.SUCCESS, "rmp-kept"))


def initialised():
    outcome = snp_init(with_firmware(DOWN, rmp_initialised=False), INIT)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "initialised")
    return outcome.system


@pytest.mark.parametrize(
    ("page", "state"),
    [
        (0x9F, PageState.HYPERVISOR),
        (0xA0, PageState.HV_FIXED),
        (0xBF, PageState.HV_FIXED),
        (0x10F0, PageState.FIRMWARE),
        (0x12EF, PageState.FIRMWARE),
        (0x12F0, PageState.HYPERVISOR),
        (0x3000, PageState.FIRMWARE_IOMMU),
    ],
)
def test_init_page_has_the_state_of_its_use(page, state):
    assert state_of(initialised().rmp, page, covered=True) == state


@pytest.mark.parametrize(("head", "count"), [(0x1000, 0x110), (0x1200, 0xEF), (0x3000, 0), (0x4000, 0)])
def test_init_heads_count_the_pages_that_firmware_keeps(head, count):
    assert initialised().rmp[head].subpage_count == count


@pytest.mark.parametrize("page", [0, 0xA5, 0x1000, 0x10F0, 0x1200, 0x3000])
def test_init_table_follows_the_memory_map_and_satisfies_the_invariants(page):
    system = initialised()
    assert follows_memory_map(MEMORY, system.rmp, page)
    for invariant in (
        size_only_in_heads,
        unassigned_entries_are_small,
        subpage_count_is_exact,
        unassigned_carries_no_guest_data,
    ):
        assert invariant(system, page)


def test_init_leaves_every_asid_dirty_and_none_runnable():
    before = with_firmware(
        DOWN,
        ccx_asids=Map(CcxAsid.CLEAN),
        ccx_flushed=Map(True),
        asid_runnable=Map(True),
        rmp_same_tcb=False,
    )
    after = snp_init(replace(before, asid_pages=Map(3)), INIT).system
    assert after.firmware.state == PlatformState.INIT
    assert after.firmware.rmp_initialised
    assert after.firmware.rmp_same_tcb
    assert all(slots(after, asid) == [CcxAsid.DIRTY] * 2 for asid in (1, 509, 1023))
    assert not any(after.firmware.ccx_flushed[ccx] for ccx in range(16))
    assert not any(after.firmware.asid_runnable[asid] for asid in range(1024))
    assert all(after.asid_pages[asid] == 0 for asid in range(1024))


def test_init_ex_without_init_rmp_keeps_table_and_contexts():
    outcome = snp_init_ex(DOWN, replace(INIT_EX, **KEEP))
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "rmp-kept")
    assert outcome.system.rmp == DOWN.rmp
    assert outcome.system.firmware.contexts == DOWN.firmware.contexts
    assert outcome.system.firmware.state == PlatformState.INIT
    assert state_of(outcome.system.rmp, CONTEXT_PAGE, covered=True) == PageState.CONTEXT


@pytest.mark.parametrize("fact", ["hsave_clear", "rmp_built"])
def test_init_ex_without_init_rmp_asks_nothing_that_only_building_needs(fact):
    machine = replace(SAFE, **{fact: False})
    assert snp_init_ex(DOWN, replace(INIT_EX, **KEEP, machine=machine)).check == "rmp-kept"
