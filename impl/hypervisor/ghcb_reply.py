"""What a hypervisor writes into the GHCB page as the answer. GHCB (56421), "VMGEXIT", "Exception Injection"."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from impl.cpu.software import Stopped
from impl.machine import Machine
from impl.memory.agents import host_write
from spec.ghcb.vocabulary.answers import Answer, Malformed
from spec.ghcb.vocabulary.page import QWORD, VALID_BITMAP_OFFSET, VALID_BITMAP_SIZE, GhcbField
from spec.vocabulary import Event


@dataclass
class Reply:
    """SW_EXITINFO1 and 2, the event's outputs, and bytes of the shared buffer."""

    answer: int = Answer.NO_ACTION
    info2: int = 0
    outputs: Mapping[GhcbField, int] = field(default_factory=dict)
    scratch: tuple[int, bytes] | None = None
    """Offset in the page, and what is written there."""

    def fields(self) -> dict[GhcbField, int]:
        """Everything that becomes valid."""
        return {GhcbField.SW_EXITINFO1: self.answer, GhcbField.SW_EXITINFO2: self.info2, **self.outputs}

    def store(self, machine: Machine, spa: int) -> None:
        """Write it as the host writes memory; the bitmap last, with nothing of the request."""
        if self.scratch is not None:
            start, data = self.scratch
            stored(machine, spa + start, data)
        bitmap = 0
        for place, value in self.fields().items():
            stored(machine, spa + place, value.to_bytes(QWORD, "little"))
            bitmap |= 1 << place // QWORD
        stored(machine, spa + VALID_BITMAP_OFFSET, bitmap.to_bytes(VALID_BITMAP_SIZE, "little"))


def stored(machine: Machine, spa: int, data: bytes) -> None:
    """The page has to be shared: to anything else the host cannot write."""
    ended = host_write(machine, spa, data)
    if ended.result != Event.COMPLETES:
        raise Stopped(f"the host cannot write the GHCB page: {ended.result.value} ({ended.check})")


def refused(reason: Malformed) -> Reply:
    """The request is not one."""
    return Reply(Answer.MALFORMED, reason)


def exception(event: int) -> Reply:
    """The instruction faults."""
    return Reply(Answer.EXCEPTION, event)
