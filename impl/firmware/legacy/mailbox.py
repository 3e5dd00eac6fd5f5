"""The commands of the SEV API by identifier, and how one is run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from impl.firmware.buffers import NoBuffer
from impl.firmware.layout import Layout, parse
from impl.firmware.legacy import platform
from impl.firmware.legacy.activate import activate
from impl.firmware.legacy.buffers import (
    LegacyActivateBuffer,
    LegacyHandleBuffer,
    LegacyInitBuffer,
    LegacyLaunchFinishBuffer,
    LegacyLaunchMeasureBuffer,
    LegacyLaunchStartBuffer,
    LegacyLaunchUpdateBuffer,
)
from impl.firmware.legacy.command_ids import LegacyCommandId
from impl.firmware.legacy.deactivate import deactivate, decommission
from impl.firmware.legacy.launch_finish import launch_finish
from impl.firmware.legacy.launch_measure import launch_measure
from impl.firmware.legacy.launch_start import launch_start
from impl.firmware.legacy.launch_update import launch_update_data, launch_update_vmsa
from impl.firmware.refusal import Refused
from impl.firmware.state import Firmware
from spec.vocabulary import Limit, PlatformState


@dataclass(frozen=True)
class LegacyCommand:
    """How one command is run."""

    buffer: type[Layout]
    run: Callable[[Firmware, int, Any], str]
    """Takes the address of the buffer, for answers in it, and the buffer; raises `Refused`, or names the outcome."""


LEGACY_COMMANDS = {
    LegacyCommandId.INIT: LegacyCommand(LegacyInitBuffer, platform.init),
    LegacyCommandId.DF_FLUSH: LegacyCommand(NoBuffer, platform.flush),
    LegacyCommandId.ACTIVATE: LegacyCommand(LegacyActivateBuffer, activate),
    LegacyCommandId.DEACTIVATE: LegacyCommand(LegacyHandleBuffer, deactivate),
    LegacyCommandId.DECOMMISSION: LegacyCommand(LegacyHandleBuffer, decommission),
    LegacyCommandId.LAUNCH_START: LegacyCommand(LegacyLaunchStartBuffer, launch_start),
    LegacyCommandId.LAUNCH_UPDATE_DATA: LegacyCommand(LegacyLaunchUpdateBuffer, launch_update_data),
    LegacyCommandId.LAUNCH_UPDATE_VMSA: LegacyCommand(LegacyLaunchUpdateBuffer, launch_update_vmsa),
    LegacyCommandId.LAUNCH_MEASURE: LegacyCommand(LegacyLaunchMeasureBuffer, launch_measure),
    LegacyCommandId.LAUNCH_FINISH: LegacyCommand(LegacyLaunchFinishBuffer, launch_finish),
}


def run_legacy(firmware: Firmware, command_id: LegacyCommandId, buffer_spa: int) -> str:
    """Run one command; the outcome's name."""
    if firmware.platform_state != PlatformState.UNINIT:
        raise Refused(Limit.NOT_MODELLED, "snp-initialised")
    command = LEGACY_COMMANDS.get(command_id)
    if command is None:
        raise Refused(Limit.NOT_MODELLED, "command-id")
    length = command.buffer.LENGTH
    content = firmware.read(buffer_spa, length) if length else b""
    return command.run(firmware, buffer_spa, parse(command.buffer, content))
