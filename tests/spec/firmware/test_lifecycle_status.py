"""Status, configuration, firmware update, and legacy commands: each refusal and each effect."""

from typing import Any

import pytest

from spec.firmware.config import SnpConfig, VlekLoad, snp_config, vlek_load
from spec.firmware.firmware_update import Commit, DownloadFirmwareEx, download_firmware_ex, snp_commit
from spec.firmware.guest_status import GuestStatus, GuestStatusAnswer, guest_status
from spec.firmware.legacy_writeback import LegacyWriteback, legacy_writeback
from spec.firmware.platform_status import (
    FeatureInfo,
    PlatformStatus,
    PlatformStatusAnswer,
    feature_info,
    platform_status,
)
from spec.record import replace
from spec.vocabulary import GuestState, PlatformState, Status
from tests.spec.firmware.lifecycle import (
    POLICY,
    RUNNING,
    WITHOUT_RESERVED,
    assert_every_check_has_a_case,
    with_firmware,
)
from tests.spec.firmware.pages import (
    ASID,
    CONTEXT_PAGE,
    FIRMWARE,
    RECLAIM,
    Case,
    assert_refused,
    at,
    cases,
    uncovered,
    uninitialised,
    with_entry,
    world,
)

PAGE = 0x700
FAR = 0x1000
SYSTEM = world({PAGE: FIRMWARE}, RUNNING)
GUEST_STATUS = GuestStatus(context=at(CONTEXT_PAGE), answer=at(PAGE), crosses_page=False)
PLATFORM_STATUS = PlatformStatus(answer=at(PAGE), crosses_page=False)
FEATURE_INFO = FeatureInfo(answer=at(PAGE), length_valid=True, misplaced=False, function=0)
ANSWER_PAGE = (
    Case("answer-address", Status.INVALID_ADDRESS, {"answer": at(PAGE, forbidden=True)}),
    Case("answer-rmp-page", Status.INVALID_PARAM, {"answer": at(PAGE, in_rmp=True)}),
    Case("answer-page-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, PAGE, immutable=False)),
    Case("answer-page-state", Status.INVALID_PAGE_STATE, {"answer": at(PAGE + 1)}, name="hypervisor-page"),
)
CROSSES = Case("crosses-page", Status.INVALID_PARAM, {"crosses_page": True})
FEATURE_CASES = (
    *ANSWER_PAGE,
    Case("length", Status.INVALID_PARAM, {"length_valid": False}),
    Case("misplaced", Status.INVALID_ADDRESS, {"misplaced": True}),
    Case("function", Status.INVALID_PARAM, {"function": 2}),
)
CONFIG = SnpConfig(reserved=False, above_committed_tcb=False, mask_chip_key=True)
CONFIG_CASES = (
    Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}),
    Case("reported-tcb", Status.INVALID_PARAM, {"above_committed_tcb": True}),
)
VLEK = VlekLoad(length_valid=True, version_valid=True, reserved=False, for_reported_tcb=True, authentic=True)
VLEK_CASES = (
    Case("length", Status.INVALID_PARAM, {"length_valid": False}),
    Case("version", Status.INVALID_PARAM, {"version_valid": False}),
    Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}),
    Case("vlek-tcb", Status.BAD_SVN, {"for_reported_tcb": False}),
    Case("vlek-authentic", Status.BAD_MEASUREMENT, {"authentic": False}),
)
DOWNLOAD = DownloadFirmwareEx(
    reserved=False, aligned=True, image_valid=True, accepts_state=True, commit=False, raises_tcb=True
)
DOWNLOAD_CASES = (
    Case("sev-state", Status.INVALID_PLATFORM_STATE, system=lambda s: with_firmware(s, sev_initialised=True)),
    Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}),
    Case("alignment", Status.INVALID_ADDRESS, {"aligned": False}),
    Case("image", Status.BAD_SIGNATURE, {"image_valid": False}),
    Case("accepts-state", Status.UPDATE_FAILED, {"accepts_state": False}),
)
COMMIT = Commit(length_valid=True, raises_tcb=True)
COMMIT_CASES = (Case("length", Status.INVALID_PARAM, {"length_valid": False}),)
LEGACY = LegacyWriteback(buffer=at(PAGE), last=at(PAGE))
LEGACY_CASES = (
    Case("address", Status.INVALID_ADDRESS, {"last": at(PAGE, forbidden=True)}),
    Case("rmp-page", Status.INVALID_PARAM, {"buffer": at(PAGE, in_rmp=True)}),
    Case("buffer-page-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, PAGE, vmsa=True)),
    Case("buffer-page-state", Status.INVALID_PAGE_STATE, {"last": at(PAGE + 1)}, name="last-page"),
)
COMMANDS: dict[str, Any] = {
    "guest-status": (guest_status, GUEST_STATUS, (*WITHOUT_RESERVED, *ANSWER_PAGE, CROSSES), "answered"),
    "platform-status": (platform_status, PLATFORM_STATUS, (*ANSWER_PAGE, CROSSES), "answered"),
    "feature-info": (feature_info, FEATURE_INFO, FEATURE_CASES, "answered"),
    "config": (snp_config, CONFIG, CONFIG_CASES, "configured"),
    "vlek-load": (vlek_load, VLEK, VLEK_CASES, "vlek-installed"),
    "download": (download_firmware_ex, DOWNLOAD, DOWNLOAD_CASES, "updated"),
    "commit": (snp_commit, COMMIT, COMMIT_CASES, "committed"),
    "legacy": (legacy_writeback, LEGACY, LEGACY_CASES, "released"),
}


@pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name, each in COMMANDS.items() for case in each[2]],
    ids=lambda value: value if isinstance(value, str) else value.name or value.check,
)
def test_platform_command_refused_changes_nothing(name, case):
    transition, op, _, _ = COMMANDS[name]
    assert_refused(transition, SYSTEM, op, case)


@pytest.mark.parametrize("name", COMMANDS)
def test_platform_command_has_no_other_checks(name):
    transition, _, refusals, success = COMMANDS[name]
    assert_every_check_has_a_case(transition, refusals, (Status.SUCCESS, success))


def test_guest_status_answers_what_the_host_may_know():
    outcome = guest_status(SYSTEM, GUEST_STATUS)
    assert (outcome.result, outcome.check, outcome.system) == (Status.SUCCESS, "answered", SYSTEM)
    assert outcome.output == GuestStatusAnswer(POLICY, ASID, GuestState.RUNNING, False)


def test_platform_status_answers_in_either_state():
    outcome = platform_status(SYSTEM, PLATFORM_STATUS)
    assert (outcome.result, outcome.system) == (Status.SUCCESS, SYSTEM)
    assert outcome.output == PlatformStatusAnswer(PlatformState.INIT, False, False, False)
    assert platform_status(uninitialised(SYSTEM), PLATFORM_STATUS).output.state == PlatformState.UNINIT


@cases(*ANSWER_PAGE)
def test_status_while_uninitialised_does_not_look_the_page_up(case):
    down = uninitialised(case.system(SYSTEM))
    assert platform_status(down, replace(PLATFORM_STATUS, **case.op)).check == "answered"
    assert feature_info(down, replace(FEATURE_INFO, **case.op)).check == "answered"


def test_status_may_go_to_an_uncovered_page():
    system = uncovered(SYSTEM, FAR)
    assert guest_status(system, replace(GUEST_STATUS, answer=at(FAR))).check == "answered"
    assert platform_status(system, replace(PLATFORM_STATUS, answer=at(FAR))).check == "answered"
    assert feature_info(system, replace(FEATURE_INFO, answer=at(FAR), function=1)).check == "answered"


@pytest.mark.parametrize("masked", [True, False])
def test_config_masks_the_chip_key_or_not(masked):
    after = snp_config(SYSTEM, replace(CONFIG, mask_chip_key=masked)).system
    assert after == with_firmware(SYSTEM, chip_key_masked=masked)


def test_vlek_load_installs_the_vlek():
    assert vlek_load(SYSTEM, VLEK).system == with_firmware(SYSTEM, vlek_installed=True)


def test_download_changes_the_committed_tcb_only_with_commit():
    assert download_firmware_ex(SYSTEM, DOWNLOAD).system == SYSTEM
    assert download_firmware_ex(SYSTEM, replace(DOWNLOAD, commit=True, raises_tcb=False)).system == SYSTEM
    after = download_firmware_ex(SYSTEM, replace(DOWNLOAD, commit=True)).system
    assert after == with_firmware(SYSTEM, rmp_same_tcb=False)


def test_commit_of_another_tcb_makes_the_rmp_older_than_the_firmware():
    assert snp_commit(SYSTEM, replace(COMMIT, raises_tcb=False)).system == SYSTEM
    assert snp_commit(SYSTEM, COMMIT).system == with_firmware(SYSTEM, rmp_same_tcb=False)


def test_legacy_writeback_releases_the_buffers_first_page_only():
    system = replace(SYSTEM, rmp=SYSTEM.rmp.set(PAGE + 1, FIRMWARE))
    outcome = legacy_writeback(system, replace(LEGACY, last=at(PAGE + 1)))
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "released")
    assert outcome.system.rmp[PAGE] == RECLAIM
    assert outcome.system.rmp[PAGE + 1] == FIRMWARE


def test_legacy_writeback_refused_adds_40h_to_the_status():
    assert legacy_writeback(SYSTEM, replace(LEGACY, buffer=at(PAGE + 1))).output == 0x5A
    assert legacy_writeback(SYSTEM, replace(LEGACY, buffer=at(PAGE, in_rmp=True))).output == 0x56


def test_legacy_writeback_to_an_uncovered_page_changes_nothing():
    system = uncovered(SYSTEM, FAR)
    outcome = legacy_writeback(system, LegacyWriteback(buffer=at(FAR), last=at(FAR)))
    assert (outcome.result, outcome.system) == (Status.SUCCESS, system)


def test_legacy_writeback_while_uninitialised_is_not_checked_but_releases_firmware_pages_only():
    down = uninitialised(SYSTEM)
    assert legacy_writeback(down, LEGACY).system.rmp[PAGE] == RECLAIM
    other = LegacyWriteback(buffer=at(CONTEXT_PAGE), last=at(CONTEXT_PAGE))
    assert legacy_writeback(down, other).system == down
