"""A host that drives the firmware: real buffers, real RMPUPDATE operands, reproducible keys."""

from dataclasses import replace
from hashlib import sha512
from itertools import count
from typing import Any

from impl.firmware.buffers import ActivateBuffer, GuestContextBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.environment import Environment
from impl.firmware.guest_context import GuestContext
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer, LaunchUpdateBuffer
from impl.firmware.layout import Layout
from impl.firmware.page_buffers import PageMdInitBuffer
from impl.firmware.processor import Answer, SecurityProcessor
from impl.machine import GENOA, HOST, Configuration, Machine
from impl.rmp.effective import state_at
from impl.rmp.layout import RmpEntry
from impl.rmp.rmpupdate import rmpupdate
from impl.rmp.state_operand import StateOperand
from spec.vocabulary import Eax, GuestPolicy, PageSize, PageState, Status

PAGE = 0x1000
REGION = 0x20_0000
BUFFER = 0x2000_0000
OPERAND = 0x2000_2000
GCTX = 0x3000_0000
METADATA = 0x3000_1000
TARGET = 0x3000_2000
OUTPUT = 0x3000_3000
SPA = 0x4000_0000
OTHER_SPA = 0x4040_0000
GPA = 0x80_0000
UNCOVERED = 0x1_4000_0000
"""In DRAM, above what the RMP covers."""
ASID = 5
POLICY = GuestPolicy.RESERVED_ONE | GuestPolicy.SMT


class Host:
    """One machine after power-on, with its security processor."""

    def __init__(self, configuration: Configuration = GENOA, environment: Environment | None = None) -> None:
        self.machine = Machine(configuration)
        drawn = count()

        def random_bytes(length: int) -> bytes:
            return sha512(b"drawn %d" % next(drawn)).digest()[:length]

        self.processor = SecurityProcessor(self.machine, environment, random_bytes)
        self.firmware = self.processor.firmware

    def run(self, command: int, buffer: Layout | None = None, poke: dict[int, int] | None = None) -> Answer:
        """Write the buffer, with some bytes poked, and run the command."""
        raw = bytearray(buffer.pack() if buffer is not None else b"")
        for offset, value in (poke or {}).items():
            raw[offset] |= value
        self.machine.memory.write_raw(BUFFER, bytes(raw))
        return self.processor.execute(command, BUFFER)

    def ok(self, command: int, buffer: Layout | None = None) -> None:
        answer = self.run(command, buffer)
        assert answer.result == Status.SUCCESS, answer

    def refused(self, status: Status, check: str, command: int, buffer: Layout | None = None, **poke: int) -> None:
        answer = self.run(command, buffer, {int(offset[1:], 16): value for offset, value in poke.items()})
        assert answer == Answer(status, check)

    # --- the host's own instructions ---

    def rmpupdate(self, spa: int, *, asid: int = 0, gpa: int = 0, size: int = 0, immutable: bool = True) -> None:
        self._rmpupdate(spa, StateOperand(gpa, True, PageSize(size), immutable, asid))

    def release(self, spa: int, size: int = 0) -> None:
        self._rmpupdate(spa, StateOperand(0, False, PageSize(size), False, 0))

    def _rmpupdate(self, spa: int, operand: StateOperand) -> None:
        self.machine.memory.write_raw(OPERAND, operand.pack())
        assert rmpupdate(self.machine, HOST, spa, OPERAND).result == Eax.SUCCESS

    def donate(self, *spas: int, size: int = 0) -> None:
        for spa in spas:
            self.rmpupdate(spa, size=size)

    def prepare(self, spa: int, gpa: int = GPA, *, asid: int = ASID, size: int = 0, data: bytes = b"") -> None:
        """Copy the plaintext of a launch page, then make the page PRE_GUEST."""
        self.machine.memory.write_raw(spa, data)
        self.rmpupdate(spa, asid=asid, gpa=gpa, size=size)

    def entry(self, spa: int) -> RmpEntry:
        return self.machine.rmp.load(spa >> 12)

    def change_entry(self, spa: int, **fields: Any) -> None:
        """Past all rules: what no command or instruction would do."""
        self.machine.rmp.store(spa >> 12, replace(self.entry(spa), **fields))

    def state(self, spa: int) -> PageState:
        return state_at(self.machine.rmp, spa >> 12)

    def plain(self, spa: int, length: int = PAGE, asid: int = ASID) -> bytes:
        return self.machine.memory.read(spa, length, asid)

    # --- the firmware's life ---

    def initialise(self) -> "Host":
        self.ok(CommandId.INIT)
        self.flush()
        return self

    def flush(self) -> None:
        self.processor.wbinvd()
        self.ok(CommandId.DF_FLUSH)

    def create(self, gctx: int = GCTX) -> GuestContext:
        self.donate(gctx)
        self.ok(CommandId.GCTX_CREATE, GuestContextBuffer(gctx_paddr=gctx))
        return self.firmware.contexts[gctx >> 12]

    def launch(self, gctx: int = GCTX, asid: int = ASID, policy: int = POLICY, **more: Any) -> GuestContext:
        """A guest in LAUNCH with an ASID, not runnable yet."""
        guest = self.create(gctx)
        self.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=gctx, policy=policy, **more))
        self.ok(CommandId.ACTIVATE, ActivateBuffer(gctx_paddr=gctx, asid=asid))
        return guest

    def load(self, spa: int = SPA, page_type: int = 1, gctx: int = GCTX, **more: Any) -> Answer:
        return self.run(
            CommandId.LAUNCH_UPDATE, LaunchUpdateBuffer(gctx_paddr=gctx, page_type=page_type, page_paddr=spa, **more)
        )

    def finish(self, gctx: int = GCTX) -> None:
        self.ok(CommandId.LAUNCH_FINISH, LaunchFinishBuffer(gctx_paddr=gctx))

    def run_guest(self, gctx: int = GCTX, asid: int = ASID, policy: int = POLICY) -> GuestContext:
        guest = self.launch(gctx, asid, policy)
        self.finish(gctx)
        return guest

    def add_metadata(self, spa: int = METADATA, gctx: int = GCTX) -> None:
        self.donate(spa)
        self.ok(CommandId.PAGE_MD_INIT, PageMdInitBuffer(gctx_paddr=gctx, page_paddr=spa))
