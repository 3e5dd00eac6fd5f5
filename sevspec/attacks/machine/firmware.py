"""Firmware commands on the machine, as a trace asks for them."""

from collections.abc import Sequence
from dataclasses import replace

from impl.firmware.buffers import GuestRequestBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.page_buffers import DebugBuffer, PageMoveBuffer
from impl.memory.engine import PAGE_BYTES
from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.machine.hypervisor import Hypervisor
from sevspec.attacks.machine.launching import Launching, launched
from sevspec.attacks.machine.places import CONTEXTS, CORE, LAUNCHED, RESPONSE
from sevspec.attacks.machine.platform import Platform
from sevspec.attacks.setting import WORD_BYTES
from sevspec.attacks.side import ABSENT, STRANGER
from spec.vocabulary import PAGE_SHIFT, Status


class OnMachine(Hypervisor):
    """Everything that a trace asks of the machine."""

    def launch(self, blocks: Sequence[tuple[int, Word]]) -> int:
        """On a machine of its own."""
        platform = Platform(self.setting)
        launching = Launching(platform, CONTEXTS["guest"], self.asid)
        pages = [
            ((LAUNCHED >> PAGE_SHIFT) + frame, frame, value.to_bytes(WORD_BYTES, "little").ljust(PAGE_BYTES, b"\0"))
            for frame, value in blocks
        ]
        return launched(platform, launching, pages)

    def move(self, source: int, target: int) -> Answer:
        """RMPUPDATE of both, SNP_PAGE_MOVE, and the nested tables follow."""
        if not self.setting.column.has_rmp:
            return ABSENT
        frame = next(frame for frame, page in self.at.items() if page == source)
        self.platform.updated(source, self.asid, frame, immutable=True)
        self.platform.updated(target, self.asid, frame, immutable=True)
        context, src, dst = self.launching.context, source << PAGE_SHIFT, target << PAGE_SHIFT
        buffer = PageMoveBuffer(gctx_paddr=context, page_size=0, src_paddr=src, dst_paddr=dst)
        answer = self.platform.command(CommandId.PAGE_MOVE, buffer)
        if answer.result is Status.SUCCESS:
            self.map(frame, target)
        return commanded(answer.result, answer.check)

    def debug_decrypt(self, source: int, target: int) -> Answer:
        """The target is donated first."""
        if not self.setting.column.has_rmp:
            return ABSENT
        self.platform.updated(target, 0, 0, immutable=True)
        context, src, dst = self.launching.context, source << PAGE_SHIFT, target << PAGE_SHIFT
        buffer = DebugBuffer(gctx_paddr=context, src_paddr=src, dst_paddr=dst)
        answer = self.platform.command(CommandId.DBG_DECRYPT, buffer)
        return commanded(answer.result, answer.check)

    def end_guest(self) -> Answer:
        """DEACTIVATE, or SNP_DECOMMISSION; the guest stopped before."""
        if self.running is not None:
            self.leave()
        answer = self.launching.end()
        return commanded(answer.result, answer.check)

    def activate_other(self) -> Answer:
        """The next guest asks for the ASID."""
        answer = Launching(self.platform, CONTEXTS["next"], self.asid).start()
        if answer.result is Status.SUCCESS:
            self.has_stranger = True
            self.machine.tlb.flush(CORE)
            self.make_tables(STRANGER)
        return commanded(answer.result, answer.check)

    def request(self, page: int) -> Answer:
        """A message of zeros."""
        if not self.setting.column.has_rmp:
            return ABSENT
        spa = page << PAGE_SHIFT
        self.platform.updated(RESPONSE >> PAGE_SHIFT, 0, 0, immutable=True)
        buffer = GuestRequestBuffer(gctx_paddr=self.launching.context, request_paddr=spa, response_paddr=RESPONSE)
        answer = self.platform.command(CommandId.GUEST_REQUEST, buffer)
        return replace(commanded(answer.result, answer.check), end=End.DONE)


def commanded(result: object, check: str) -> Answer:
    """The answer of a firmware command."""
    said = f"{getattr(result, 'name', result)} ({check})"
    return Answer(End.DONE if result is Status.SUCCESS else End.REJECT, said)
