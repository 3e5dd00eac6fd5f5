"""The launch of an SEV or SEV-ES guest on the machine; the digest is compared with that of the specification.

There are no page states to compare: the specification of this launch is one function, `spec/firmware/legacy_launch.py`.
"""

import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

from impl.configuration import GENOA
from impl.firmware.layout import AnyLayout, Layout, parse
from impl.firmware.legacy.buffers import (
    LegacyActivateBuffer,
    LegacyInitBuffer,
    LegacyLaunchFinishBuffer,
    LegacyLaunchMeasureBuffer,
    LegacyLaunchStartBuffer,
    LegacyLaunchUpdateBuffer,
    Measurement,
)
from impl.firmware.legacy.command_ids import LegacyCommandId
from impl.firmware.legacy.guest import LegacyGuest, LegacyPolicy
from impl.firmware.processor import SecurityProcessor
from impl.hypervisor.legacy_plan import LegacyPlan, LegacyUpdate
from impl.hypervisor.options import LaunchMode
from impl.machine import Machine
from impl.memory.agents import host_read, host_write
from sevspec.launch.placement import BUFFER, MEASUREMENT, PAGE_BYTES, TRUSTED_REGION, guest_page
from sevspec.launch.twins import Disagreement, StepFailed
from spec.firmware.legacy_launch import LEGACY_DIGEST_BYTES, legacy_digest
from spec.vocabulary import Status

TRUSTED_BYTES = 1 << 20
MEASURED_CONTEXT = b"\x04"


@dataclass(frozen=True)
class LegacyLaunched:
    """A launch that was carried out."""

    measurement: bytes
    taken: dict[tuple[str, str], int]
    """How often each command gave each status."""
    seconds: dict[str, float]


def launch_legacy(plan: LegacyPlan, progress: Callable[[int], None] = lambda _: None) -> LegacyLaunched:
    """Power-on to a running guest. Disagreement if the digest, or what the guest reads, is not what it should be."""
    begun = perf_counter()
    host = Host(plan.mode)
    host.begin()
    for position, update in enumerate(plan.updates):
        host.load(update, guest_page(position) + (update.gpa or 0) % PAGE_BYTES)
        progress(position + 1)
    measurement = host.measure()
    host.command(LegacyCommandId.LAUNCH_FINISH, LegacyLaunchFinishBuffer(handle=host.handle))
    middle = perf_counter()
    same_digest(host, plan, measurement)
    seconds = {"specification": perf_counter() - middle, "machine": middle - begun}
    return LegacyLaunched(host.guest.launch_digest, dict(host.taken), seconds)


class Host:
    """The host of a machine without SNP."""

    def __init__(self, mode: LaunchMode) -> None:
        """After power-on."""
        self.is_es = mode is LaunchMode.SEV_ES
        self.machine = Machine(replace(GENOA, snp_enabled=False))
        self.processor = SecurityProcessor(self.machine)
        self.handle = 0
        self.taken: Counter[tuple[str, str]] = Counter()

    @property
    def guest(self) -> LegacyGuest:
        """The guest as firmware keeps it."""
        return self.processor.firmware.legacy_guests[self.handle]

    def command(self, command_id: LegacyCommandId, buffer: Layout | None = None) -> None:
        """A command that succeeds."""
        if buffer is not None:
            host_write(self.machine, BUFFER, buffer.pack())
        answer = self.processor.execute(command_id, BUFFER)
        if answer.result is not Status.SUCCESS:
            raise StepFailed(f"{command_id.name}: {answer.result.name} ({answer.check})")
        self.taken[command_id.name, answer.result.name] += 1

    def answered(self, layout: type[AnyLayout], spa: int = BUFFER) -> AnyLayout:
        """What firmware wrote."""
        return parse(layout, host_read(self.machine, spa, layout.LENGTH))

    def begin(self) -> None:
        """From power-on to a guest with policy, key and ASID."""
        region = LegacyInitBuffer(es=1, tmr_paddr=TRUSTED_REGION, tmr_length=TRUSTED_BYTES)
        self.command(LegacyCommandId.INIT, region if self.is_es else LegacyInitBuffer())
        self.processor.wbinvd()
        self.command(LegacyCommandId.DF_FLUSH)
        policy = LegacyPolicy.NODBG | (LegacyPolicy.ES if self.is_es else LegacyPolicy(0))
        self.command(LegacyCommandId.LAUNCH_START, LegacyLaunchStartBuffer(policy=policy))
        self.handle = self.answered(LegacyLaunchStartBuffer).handle
        asid = 1 if self.is_es else self.machine.configuration.minimum_sev_asid
        self.command(LegacyCommandId.ACTIVATE, LegacyActivateBuffer(handle=self.handle, asid=asid))

    def load(self, update: LegacyUpdate, spa: int) -> None:
        """One update: the guest then reads the content, and DRAM holds something else."""
        host_write(self.machine, spa, update.content)
        buffer = LegacyLaunchUpdateBuffer(handle=self.handle, paddr=spa, length=len(update.content))
        vmsa = LegacyCommandId.LAUNCH_UPDATE_VMSA
        self.command(vmsa if update.is_vmsa else LegacyCommandId.LAUNCH_UPDATE_DATA, buffer)
        private = self.machine.memory.read(spa, len(update.content), self.guest.asid)
        if private != update.content or host_read(self.machine, spa, len(update.content)) == update.content:
            raise Disagreement(f"launch of {spa:#x} ({update.region})", "content", "the guest's", "something else")

    def measure(self) -> Measurement:
        """LAUNCH_MEASURE."""
        buffer = LegacyLaunchMeasureBuffer(
            handle=self.handle, measure_paddr=MEASUREMENT, measure_len=Measurement.LENGTH
        )
        self.command(LegacyCommandId.LAUNCH_MEASURE, buffer)
        return self.answered(Measurement, MEASUREMENT)


def same_digest(host: Host, plan: LegacyPlan, measurement: Measurement) -> None:
    """The digest is that of the specification, and what the owner gets is made of it, under the key of no session."""
    content = b"".join(update.content for update in plan.updates)
    digest = legacy_digest(int.from_bytes(content, "little"), len(content)).to_bytes(LEGACY_DIGEST_BYTES, "little")
    if host.guest.launch_digest != digest:
        raise Disagreement("LAUNCH_MEASURE", "launch digest", digest.hex(), host.guest.launch_digest.hex())
    version = host.processor.firmware.environment.version
    message = MEASURED_CONTEXT + bytes([version.major, version.minor, version.build])
    message += host.guest.policy.to_bytes(4, "little") + digest + measurement.mnonce
    expected = hmac.digest(host.guest.integrity_key, message, "sha256")
    if measurement.measure != expected:
        raise Disagreement("LAUNCH_MEASURE", "measurement", expected.hex(), measurement.measure.hex())
