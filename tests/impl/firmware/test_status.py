"""What the firmware tells, and what it can be told: status, features, configuration."""

import struct

import pytest

from impl.firmware.buffers import ConfigBuffer, FeatureInfoBuffer, PlatformStatusBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.processor import Answer
from spec.vocabulary import Limit, Status
from tests.impl.firmware.host import GCTX, OUTPUT, Host

TCB = 0x4800_0000_0000_0004


def test_platform_status_before_and_after_init():
    host = Host()
    host.ok(CommandId.PLATFORM_STATUS, PlatformStatusBuffer(status_paddr=OUTPUT + 0x10))
    raw = host.machine.memory.read_raw(OUTPUT + 0x10, 0x20)
    assert struct.unpack("<BBBBIIIQQ", raw) == (1, 55, 0, 0, 25, 8, 0, TCB, TCB)
    host.initialise()
    host.launch()
    host.donate(OUTPUT)
    host.ok(CommandId.PLATFORM_STATUS, PlatformStatusBuffer(status_paddr=OUTPUT))
    assert host.machine.memory.read_raw(OUTPUT, 0x10) == struct.pack("<BBBBIII", 1, 55, 1, 1, 25, 8, 1)


@pytest.mark.parametrize(
    ("spa", "status", "check"),
    [
        (OUTPUT + 0xFE1, Status.INVALID_PARAM, "status-crosses-page"),
        (0x10_0000, Status.INVALID_PARAM, "rmp-address"),
        (GCTX, Status.INVALID_PAGE_STATE, "status-page-state"),
        (0x1_7FFF_F000 + 0x1000, Status.INVALID_CONFIG, "address"),
    ],
)
def test_platform_status_needs_a_page_it_may_write(spa, status, check):
    host = Host().initialise()
    host.create()
    host.refused(status, check, CommandId.PLATFORM_STATUS, PlatformStatusBuffer(status_paddr=spa))


def feature_info(leaf: int = 0, spa: int = OUTPUT, length: int = 0x10) -> FeatureInfoBuffer:
    return FeatureInfoBuffer(length=length, ecx_in=leaf, feature_info_paddr=spa)


def test_feature_info_lists_what_the_firmware_can_do():
    host = Host()
    host.ok(CommandId.FEATURE_INFO, feature_info())
    assert host.machine.memory.read_raw(OUTPUT, 0x10) == struct.pack("<IIII", 1, 0, 2, 0)
    host.ok(CommandId.FEATURE_INFO, feature_info(1))
    assert host.machine.memory.read_raw(OUTPUT, 0x10) == struct.pack("<IIII", 1 << 3 | 1 << 5 | 1 << 17, 0, 0, 0)


def test_feature_info_checks_stand_in_order():
    host = Host().initialise()
    refused = (CommandId.FEATURE_INFO,)
    host.refused(Status.INVALID_PARAM, "length", *refused, feature_info(9, OUTPUT + 1, 0))
    host.refused(Status.INVALID_ADDRESS, "feature-info-address", *refused, feature_info(9, OUTPUT + 1))
    host.refused(Status.INVALID_ADDRESS, "feature-info-address", *refused, feature_info(9, OUTPUT + 0xFF4))
    host.refused(Status.INVALID_PAGE_STATE, "status-page-state", *refused, feature_info(9))
    host.donate(OUTPUT)
    host.refused(Status.INVALID_PARAM, "leaf", *refused, feature_info(9))


def test_config_takes_an_older_tcb_and_zero_for_the_committed_one():
    host = Host()
    host.refused(Status.INVALID_PARAM, "reserved-bits", CommandId.CONFIG, ConfigBuffer(reported_tcb=1 << 8), x20=1)
    host.refused(Status.INVALID_PARAM, "reported-tcb", CommandId.CONFIG, ConfigBuffer(reported_tcb=1 << 8))
    host.ok(CommandId.CONFIG, ConfigBuffer(reported_tcb=3, mask_chip_id=1))
    assert (host.firmware.reported_tcb, host.firmware.mask_chip_id, host.firmware.mask_chip_key) == (3, True, False)
    host.ok(CommandId.CONFIG, ConfigBuffer())
    assert host.firmware.reported_tcb == TCB


@pytest.mark.parametrize("command", [CommandId.COMMIT, CommandId.DOWNLOAD_FIRMWARE_EX, CommandId.VLEK_LOAD])
def test_commands_on_the_firmware_itself_are_not_modelled(command):
    assert Host().run(command) == Answer(Limit.NOT_MODELLED, "command-id")
