"""The security processor's mailbox: a command identifier, the address of a buffer, a status."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from impl.firmware.activate import activate, activate_ex
from impl.firmware.buffers import (
    ActivateBuffer,
    ActivateExBuffer,
    ConfigBuffer,
    FeatureInfoBuffer,
    GuestContextBuffer,
    GuestRequestBuffer,
    GuestStatusBuffer,
    InitExBuffer,
    NoBuffer,
    PlatformStatusBuffer,
    ShutdownExBuffer,
)
from impl.firmware.command_ids import CommandId
from impl.firmware.config import config
from impl.firmware.dbg import dbg_decrypt, dbg_encrypt
from impl.firmware.decommission import decommission
from impl.firmware.df_flush import df_flush
from impl.firmware.environment import Environment
from impl.firmware.gctx_create import gctx_create
from impl.firmware.guest_request import guest_request
from impl.firmware.init import init, init_ex
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer, LaunchUpdateBuffer
from impl.firmware.launch_finish import launch_finish
from impl.firmware.launch_start import launch_start
from impl.firmware.launch_update import launch_update
from impl.firmware.layout import Layout, parse
from impl.firmware.legacy.command_ids import LegacyCommandId
from impl.firmware.legacy.mailbox import run_legacy
from impl.firmware.page_buffers import (
    DebugBuffer,
    PageMdInitBuffer,
    PageMoveBuffer,
    PageReclaimBuffer,
    PageSetStateBuffer,
    PageSwapInBuffer,
    PageSwapOutBuffer,
    PageUnsmashBuffer,
)
from impl.firmware.page_md_init import page_md_init
from impl.firmware.page_move import page_move
from impl.firmware.page_reclaim import page_reclaim
from impl.firmware.page_swap_in import page_swap_in
from impl.firmware.page_swap_out import page_swap_out
from impl.firmware.page_unsmash import page_unsmash
from impl.firmware.refusal import Refused, require
from impl.firmware.set_state import page_set_state
from impl.firmware.shutdown import shutdown, shutdown_ex
from impl.firmware.state import Firmware
from impl.firmware.status import feature_info, guest_status, platform_status
from impl.machine import Machine
from spec.vocabulary import Limit, Status


@dataclass(frozen=True)
class Command:
    """How one command is run."""

    buffer: type[Layout]
    run: Callable[[Firmware, Any], str]
    """Takes the buffer, raises `Refused`, or names the outcome."""


COMMANDS = {
    CommandId.INIT: Command(NoBuffer, init),
    CommandId.INIT_EX: Command(InitExBuffer, init_ex),
    CommandId.SHUTDOWN: Command(NoBuffer, shutdown),
    CommandId.SHUTDOWN_EX: Command(ShutdownExBuffer, shutdown_ex),
    CommandId.PLATFORM_STATUS: Command(PlatformStatusBuffer, platform_status),
    CommandId.DF_FLUSH: Command(NoBuffer, df_flush),
    CommandId.DECOMMISSION: Command(GuestContextBuffer, decommission),
    CommandId.ACTIVATE: Command(ActivateBuffer, activate),
    CommandId.ACTIVATE_EX: Command(ActivateExBuffer, activate_ex),
    CommandId.GUEST_STATUS: Command(GuestStatusBuffer, guest_status),
    CommandId.GCTX_CREATE: Command(GuestContextBuffer, gctx_create),
    CommandId.GUEST_REQUEST: Command(GuestRequestBuffer, guest_request),
    CommandId.LAUNCH_START: Command(LaunchStartBuffer, launch_start),
    CommandId.LAUNCH_UPDATE: Command(LaunchUpdateBuffer, launch_update),
    CommandId.LAUNCH_FINISH: Command(LaunchFinishBuffer, launch_finish),
    CommandId.DBG_DECRYPT: Command(DebugBuffer, dbg_decrypt),
    CommandId.DBG_ENCRYPT: Command(DebugBuffer, dbg_encrypt),
    CommandId.PAGE_SWAP_OUT: Command(PageSwapOutBuffer, page_swap_out),
    CommandId.PAGE_SWAP_IN: Command(PageSwapInBuffer, page_swap_in),
    CommandId.PAGE_MOVE: Command(PageMoveBuffer, page_move),
    CommandId.PAGE_MD_INIT: Command(PageMdInitBuffer, page_md_init),
    CommandId.PAGE_SET_STATE: Command(PageSetStateBuffer, page_set_state),
    CommandId.PAGE_RECLAIM: Command(PageReclaimBuffer, page_reclaim),
    CommandId.PAGE_UNSMASH: Command(PageUnsmashBuffer, page_unsmash),
    CommandId.CONFIG: Command(ConfigBuffer, config),
    CommandId.FEATURE_INFO: Command(FeatureInfoBuffer, feature_info),
}


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    result: Status | Limit
    check: str
    """The check that decided, or the name of the outcome."""


class SecurityProcessor:
    """The firmware as the host drives it: SNP's commands, and those of the legacy launch."""

    def __init__(
        self,
        machine: Machine,
        environment: Environment | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """A firmware just loaded. `random_bytes` makes all keys and identifiers, given a length in bytes."""
        self.firmware = Firmware(machine, environment or Environment(), random_bytes)

    def command(self, command_id: int, buffer_spa: int = 0) -> Status | Limit:
        """Run one command with the buffer at `buffer_spa`; a `Limit` is the model's, not the firmware's."""
        return self.execute(command_id, buffer_spa).result

    def execute(self, command_id: int, buffer_spa: int = 0) -> Answer:
        """The same, with the name of the check that decided."""
        try:
            return Answer(Status.SUCCESS, self._run(command_id, buffer_spa))
        except Refused as refused:
            return Answer(refused.result, refused.check)

    def _run(self, command_id: int, buffer_spa: int) -> str:
        if command_id in tuple(LegacyCommandId):
            return run_legacy(self.firmware, LegacyCommandId(command_id), buffer_spa)
        require(command_id in tuple(CommandId), Status.INVALID_COMMAND, "command-id")
        command = COMMANDS.get(CommandId(command_id))
        if command is None:
            raise Refused(Limit.NOT_MODELLED, "command-id")
        # The buffer is copied into private memory once, before any check, so the host cannot change it meanwhile.
        length = command.buffer.LENGTH
        content = self.firmware.read(buffer_spa, length) if length else b""
        return command.run(self.firmware, parse(command.buffer, content))

    def wbinvd(self, cores: range | None = None) -> None:
        """These cores, or all, executed WBINVD; SNP_DF_FLUSH asks for it."""
        self.firmware.wbinvd_done.update(self.firmware.environment.topology.cores if cores is None else cores)
