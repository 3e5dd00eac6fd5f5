"""The launch of a guest on the machine: SEV and SEV-ES by the legacy commands, SNP by its own."""

from collections.abc import Sequence

from impl.firmware.buffers import ActivateBuffer, GuestContextBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer, LaunchUpdateBuffer
from impl.firmware.layout import parse
from impl.firmware.legacy.buffers import (
    LegacyActivateBuffer,
    LegacyHandleBuffer,
    LegacyLaunchFinishBuffer,
    LegacyLaunchMeasureBuffer,
    LegacyLaunchStartBuffer,
    LegacyLaunchUpdateBuffer,
    Measurement,
)
from impl.firmware.legacy.command_ids import LegacyCommandId
from impl.firmware.legacy.guest import LegacyPolicy
from impl.firmware.processor import Answer
from impl.memory.agents import host_read
from impl.memory.engine import PAGE_BYTES
from sevspec.attacks.machine.places import BUFFER, RESPONSE
from sevspec.attacks.machine.platform import Platform
from spec.vocabulary import PAGE_SHIFT, GuestPolicy, LaunchPageType

SNP_POLICY = GuestPolicy.RESERVED_ONE | GuestPolicy.SMT


class Launching:
    """One guest, from its context or handle to its digest."""

    def __init__(self, platform: Platform, context: int, asid: int) -> None:
        """`context` is the page of an SNP guest's context; the older generations get a handle."""
        self.platform = platform
        self.context = context
        self.asid = asid
        self.handle = 0

    @property
    def is_snp(self) -> bool:
        """Which commands it is."""
        return self.platform.setting.column.has_rmp

    def start(self) -> Answer:
        """A policy, keys, and an ASID; the answer is that of ACTIVATE."""
        platform = self.platform
        if not self.is_snp:
            es = LegacyPolicy.ES if platform.setting.encrypts_registers else LegacyPolicy(0)
            start = LegacyLaunchStartBuffer(policy=LegacyPolicy.NODBG | es)
            platform.done(LegacyCommandId.LAUNCH_START, start)
            raw = host_read(platform.machine, BUFFER, start.LENGTH)
            self.handle = parse(LegacyLaunchStartBuffer, raw).handle
            buffer = LegacyActivateBuffer(handle=self.handle, asid=self.asid)
            return platform.command(LegacyCommandId.ACTIVATE, buffer)
        platform.updated(self.context >> PAGE_SHIFT, 0, 0, immutable=True)
        platform.done(CommandId.GCTX_CREATE, GuestContextBuffer(gctx_paddr=self.context))
        platform.done(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=self.context, policy=SNP_POLICY))
        return platform.command(CommandId.ACTIVATE, ActivateBuffer(gctx_paddr=self.context, asid=self.asid))

    def load(self, page: int, frame: int, content: bytes, *, vmsa: bool = False) -> None:
        """One page, measured and encrypted in place."""
        platform, spa = self.platform, page << PAGE_SHIFT
        platform.host_stores(spa, content)
        if not self.is_snp:
            command = LegacyCommandId.LAUNCH_UPDATE_VMSA if vmsa else LegacyCommandId.LAUNCH_UPDATE_DATA
            platform.done(command, LegacyLaunchUpdateBuffer(handle=self.handle, paddr=spa, length=PAGE_BYTES))
            return
        platform.updated(page, self.asid, frame, immutable=True)
        kind = LaunchPageType.VMSA if vmsa else LaunchPageType.NORMAL
        buffer = LaunchUpdateBuffer(gctx_paddr=self.context, page_type=kind, page_paddr=spa)
        platform.done(CommandId.LAUNCH_UPDATE, buffer)

    def finish(self) -> None:
        """It may run."""
        platform = self.platform
        if self.is_snp:
            platform.done(CommandId.LAUNCH_FINISH, LaunchFinishBuffer(gctx_paddr=self.context))
            return
        measure = LegacyLaunchMeasureBuffer(handle=self.handle, measure_paddr=RESPONSE, measure_len=Measurement.LENGTH)
        platform.done(LegacyCommandId.LAUNCH_MEASURE, measure)
        platform.done(LegacyCommandId.LAUNCH_FINISH, LegacyLaunchFinishBuffer(handle=self.handle))

    def end(self) -> Answer:
        """The ASID is free, as far as its caches and pages allow."""
        if self.is_snp:
            return self.platform.command(CommandId.DECOMMISSION, GuestContextBuffer(gctx_paddr=self.context))
        return self.platform.command(LegacyCommandId.DEACTIVATE, LegacyHandleBuffer(handle=self.handle))

    def digest(self) -> int:
        """What was measured."""
        firmware = self.platform.processor.firmware
        if self.is_snp:
            return int.from_bytes(firmware.contexts[self.context >> PAGE_SHIFT].launch_digest, "little")
        return int.from_bytes(firmware.legacy_guests[self.handle].launch_digest, "little")


def launched(platform: Platform, launching: Launching, pages: Sequence[tuple[int, int, bytes]]) -> int:
    """The digest of a guest with these pages: page, guest frame, content."""
    platform.initialise()
    launching.start()
    for page, frame, content in pages:
        launching.load(page, frame, content)
    launching.finish()
    return launching.digest()
