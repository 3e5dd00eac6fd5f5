"""SNP_SHUTDOWN, SNP_SHUTDOWN_EX, WBINVD and SNP_DF_FLUSH."""

from spec.firmware.df_flush import DfFlush, Wbinvd, df_flush, wbinvd
from spec.firmware.initial_table import IOMMU_ENTRY
from spec.firmware.shutdown import (
    IommuPageRelease,
    SnpShutdown,
    SnpShutdownEx,
    iommu_page_release,
    snp_shutdown,
    snp_shutdown_ex,
)
from spec.firmware.state import CcxAsid
from spec.maps import Map
from spec.record import replace
from spec.rmp.page_state import state_of
from spec.vocabulary import Event, Limit, PageState, PlatformState, Status
from tests.spec.firmware.lifecycle import assert_every_check_has_a_case, slots, with_firmware, with_slots
from tests.spec.firmware.pages import ASID, Case, assert_refused, at, cases, uncovered, world

PAGE = 0x700
CLEAN = with_firmware(
    world({PAGE: IOMMU_ENTRY}), ccx_asids=Map(CcxAsid.CLEAN), rmp_initialised=True, vlek_installed=True
)
PLAIN = SnpShutdown()
EX = SnpShutdownEx(
    length_valid=True, reserved=False, iommu_shutdown=True, x86_shutdown=False, x86_shutdown_supported=True
)
GIVEN_UP = with_firmware(CLEAN, state=PlatformState.UNINIT, rmp_initialised=False)
RELEASE = IommuPageRelease(address=at(PAGE))

PLAIN_CASES = (
    Case("sev-state", Status.INVALID_PLATFORM_STATE, system=lambda s: with_firmware(s, sev_initialised=True)),
    Case("already-shut-down", Status.SUCCESS, system=lambda s: with_firmware(s, state=PlatformState.UNINIT)),
    Case("asids-clean", Status.DF_FLUSH_REQUIRED, system=lambda s: with_slots(s, 1, CcxAsid.DIRTY)),
    Case(
        "asids-clean",
        Status.DF_FLUSH_REQUIRED,
        system=lambda s: with_slots(s, s.platform.max_asid, CcxAsid.DIRTY),
        name="highest-asid",
    ),
    Case(
        "asids-clean",
        Status.DF_FLUSH_REQUIRED,
        system=lambda s: with_slots(s, ASID, CcxAsid.ALLOCATED),
        name="guest-has-an-asid",
    ),
)
EX_CASES = (
    *PLAIN_CASES,
    Case("length", Status.INVALID_PARAM, {"length_valid": False}),
    Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}),
    Case("x86-without-iommu", Status.INVALID_PARAM, {"x86_shutdown": True, "iommu_shutdown": False}),
    Case("x86-unsupported", Status.INVALID_PARAM, {"x86_shutdown": True, "x86_shutdown_supported": False}),
)
RELEASE_CASES = (
    Case("platform-state", Limit.NOT_MODELLED, system=lambda s: with_firmware(s, state=PlatformState.INIT)),
    Case("rmp-initialised", Limit.NOT_MODELLED, system=lambda s: with_firmware(s, rmp_initialised=True)),
    Case("page-state", Limit.NOT_MODELLED, {"address": at(PAGE + 1)}),
    Case("page-state", Limit.NOT_MODELLED, system=lambda s: uncovered(s, PAGE), name="uncovered"),
)


@cases(*PLAIN_CASES)
def test_shutdown_refused_or_needless_changes_nothing(case):
    assert_refused(snp_shutdown, CLEAN, PLAIN, case)


@cases(*EX_CASES)
def test_shutdown_ex_refused_or_needless_changes_nothing(case):
    assert_refused(snp_shutdown_ex, CLEAN, EX, case)


@cases(*RELEASE_CASES)
def test_iommu_page_release_out_of_place_changes_nothing(case):
    assert_refused(iommu_page_release, GIVEN_UP, RELEASE, case)


def test_shutdown_commands_have_no_other_checks():
    shut_down = (Status.SUCCESS, "shut-down")
    assert_every_check_has_a_case(snp_shutdown, PLAIN_CASES, shut_down)
    assert_every_check_has_a_case(snp_shutdown_ex, EX_CASES, shut_down, (Status.SUCCESS, "rmp-given-up"))
    assert_every_check_has_a_case(iommu_page_release, RELEASE_CASES, (Status.SUCCESS, "released"))


def test_shutdown_ignores_core_complexes_and_asids_that_do_not_exist():
    absent = CLEAN.firmware.ccx_asids.set((ASID << 4) + 2, CcxAsid.DIRTY)
    absent = absent.set((CLEAN.platform.max_asid + 1) << 4, CcxAsid.DIRTY)
    assert snp_shutdown(with_firmware(CLEAN, ccx_asids=absent), PLAIN).check == "shut-down"


def test_shutdown_keeps_the_rmp_and_forgets_the_vlek():
    after = snp_shutdown(CLEAN, PLAIN).system
    assert after == with_firmware(CLEAN, state=PlatformState.UNINIT, vlek_installed=False)


def test_shutdown_ex_without_iommu_shutdown_is_shutdown():
    outcome = snp_shutdown_ex(CLEAN, replace(EX, iommu_shutdown=False))
    assert outcome.check == "shut-down"
    assert outcome.system == snp_shutdown(CLEAN, PLAIN).system


def test_shutdown_ex_gives_up_the_rmp_and_every_key():
    before = with_firmware(CLEAN, asid_keys=CLEAN.firmware.asid_keys.set(ASID, 8))
    outcome = snp_shutdown_ex(before, EX)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "rmp-given-up")
    assert not outcome.system.firmware.rmp_initialised
    assert outcome.system.firmware.asid_keys[ASID] == 0
    assert outcome.system.rmp == before.rmp
    assert outcome.system.platform.features.snp_enabled


def test_shutdown_ex_with_x86_shutdown_disables_snp():
    after = snp_shutdown_ex(CLEAN, replace(EX, x86_shutdown=True)).system
    assert not after.platform.features.snp_enabled


def test_iommu_page_release_makes_the_page_reclaim():
    outcome = iommu_page_release(GIVEN_UP, RELEASE)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "released")
    assert state_of(outcome.system.rmp, PAGE, covered=True) == PageState.RECLAIM
    assert outcome.system.rmp[PAGE].gfn == 0


# --- WBINVD and SNP_DF_FLUSH ---

DIRTY = with_firmware(world({}), ccx_asids=Map(CcxAsid.DIRTY))


def test_df_flush_without_wbinvd_is_refused_and_changes_nothing():
    outcome = df_flush(DIRTY, DfFlush())
    assert (outcome.result, outcome.check) == (Status.WBINVD_REQUIRED, "wbinvd")
    assert outcome.system == DIRTY


def test_df_flush_after_a_part_of_the_wbinvds_is_refused_but_cleans_that_part():
    flushed = wbinvd(DIRTY, Wbinvd(ccx=1))
    assert (flushed.result, flushed.check) == (Event.COMPLETES, "written-back")
    outcome = df_flush(flushed.system, DfFlush())
    assert (outcome.result, outcome.check) == (Status.WBINVD_REQUIRED, "wbinvd")
    assert slots(outcome.system) == [CcxAsid.DIRTY, CcxAsid.CLEAN]


def test_df_flush_after_every_wbinvd_cleans_dirty_asids_and_no_others():
    system = with_slots(with_slots(DIRTY, 1, CcxAsid.ALLOCATED), 2, CcxAsid.IN_USE)
    for ccx in (0, 1):
        system = wbinvd(system, Wbinvd(ccx=ccx)).system
    outcome = df_flush(system, DfFlush())
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "flushed")
    states = [slots(outcome.system, asid)[0] for asid in (1, 2, 3, outcome.system.platform.max_asid)]
    assert states == [CcxAsid.ALLOCATED, CcxAsid.IN_USE, CcxAsid.CLEAN, CcxAsid.CLEAN]


def test_df_flush_has_no_other_checks():
    assert_every_check_has_a_case(df_flush, (), (Status.SUCCESS, "flushed"), (Status.WBINVD_REQUIRED, "wbinvd"))
