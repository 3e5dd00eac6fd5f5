"""A host that launches SEV and SEV-ES guests on a machine without SNP, through real command buffers."""

from dataclasses import replace
from hashlib import sha512
from itertools import count

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
from impl.firmware.processor import Answer, SecurityProcessor
from impl.machine import GENOA, Configuration, Machine
from spec.vocabulary import Limit, Status

PAGE = 0x1000
BUFFER = 0x2000_0000
MEASURED = 0x2000_1000
"""Where LAUNCH_MEASURE writes."""
TMR = 0x5000_0000
SPA = 0x4000_0000
"""Pages of the guest from here on."""
SEV_ASID, ES_ASID = 100, 1
WITHOUT_SNP = replace(GENOA, snp_enabled=False)
SEV, ES = LegacyPolicy.NODBG, LegacyPolicy.NODBG | LegacyPolicy.ES


class LegacyHost:
    """One machine after power-on, with its security processor."""

    def __init__(self, configuration: Configuration = WITHOUT_SNP) -> None:
        self.machine = Machine(configuration)
        drawn = count()
        self.processor = SecurityProcessor(
            self.machine, random_bytes=lambda length: sha512(b"drawn %d" % next(drawn)).digest()[:length]
        )
        self.firmware = self.processor.firmware

    def run(self, command: LegacyCommandId, buffer: Layout | None = None) -> Answer:
        self.machine.memory.write_raw(BUFFER, buffer.pack() if buffer is not None else b"")
        return self.processor.execute(command, BUFFER)

    def ok(self, command: LegacyCommandId, buffer: Layout | None = None) -> None:
        answer = self.run(command, buffer)
        assert answer.result == Status.SUCCESS, answer

    def refused(
        self, status: Status | Limit, check: str, command: LegacyCommandId, buffer: Layout | None = None
    ) -> None:
        guests = {handle: dict(vars(guest)) for handle, guest in self.firmware.legacy_guests.items()}
        assert self.run(command, buffer) == Answer(status, check)
        assert {handle: vars(guest) for handle, guest in self.firmware.legacy_guests.items()} == guests

    def answered(self, layout: type[AnyLayout]) -> AnyLayout:
        """The command buffer after a command."""
        return parse(layout, self.machine.memory.read_raw(BUFFER, layout.LENGTH))

    # --- the life of a guest ---

    def initialise(self, *, es: bool = True) -> "LegacyHost":
        region = {"tmr_paddr": TMR, "tmr_length": 1 << 20} if es else {}
        self.ok(LegacyCommandId.INIT, LegacyInitBuffer(es=es, **region))
        self.processor.wbinvd()
        self.ok(LegacyCommandId.DF_FLUSH)
        return self

    def start(self, policy: int = SEV, shared: int = 0) -> int:
        self.ok(LegacyCommandId.LAUNCH_START, LegacyLaunchStartBuffer(policy=policy, handle=shared))
        return self.answered(LegacyLaunchStartBuffer).handle

    def activate(self, handle: int, asid: int) -> None:
        self.ok(LegacyCommandId.ACTIVATE, LegacyActivateBuffer(handle=handle, asid=asid))

    def launch(self, policy: int = SEV, asid: int | None = None) -> int:
        """A guest in LUPDATE with an ASID."""
        handle = self.start(policy)
        usual = ES_ASID if policy & LegacyPolicy.ES else SEV_ASID
        self.activate(handle, usual if asid is None else asid)
        return handle

    def load(self, handle: int, spa: int, content: bytes, *, vmsa: bool = False) -> None:
        self.machine.memory.write_raw(spa, content)
        command = LegacyCommandId.LAUNCH_UPDATE_VMSA if vmsa else LegacyCommandId.LAUNCH_UPDATE_DATA
        self.ok(command, LegacyLaunchUpdateBuffer(handle=handle, paddr=spa, length=len(content)))

    def measure(self, handle: int) -> Measurement:
        buffer = LegacyLaunchMeasureBuffer(handle=handle, measure_paddr=MEASURED, measure_len=Measurement.LENGTH)
        self.ok(LegacyCommandId.LAUNCH_MEASURE, buffer)
        return parse(Measurement, self.machine.memory.read_raw(MEASURED, Measurement.LENGTH))

    def finish(self, handle: int) -> None:
        self.ok(LegacyCommandId.LAUNCH_FINISH, LegacyLaunchFinishBuffer(handle=handle))

    def guest(self, handle: int) -> LegacyGuest:
        return self.firmware.legacy_guests[handle]

    def digest(self, handle: int) -> bytes:
        return self.guest(handle).launch_digest
