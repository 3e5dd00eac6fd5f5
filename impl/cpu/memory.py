"""The guest's memory as its own software accesses it: translated and checked as by any instruction."""

from collections.abc import Iterator

from impl.completion import Completion
from impl.cpu.entry import Entry
from impl.cpu.translations import Mapping
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.vc.outcome import Fault, Refusal, Refused, Vector
from spec.ghcb.vocabulary.exits import SvmExit
from spec.vocabulary import AccessKind, Event


class GuestAccess:
    """Linear memory. What leaves the guest on the way is an exit, after which the access is made again."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def read(self, linear: int, size: int, kind: AccessKind = AccessKind.READ) -> bytes:
        """Read; raises `Fault` where the guest's page tables refuse, and refuses what is not validated."""
        memory = self._entry.machine.memory
        return b"".join(
            memory.read(mapping.spa + start, length, mapping.asid)
            for mapping, start, length in self._pieces(linear, size, kind)
        )

    def write(self, linear: int, data: bytes) -> None:
        """Write; nothing is written if a page of it cannot be."""
        memory, done = self._entry.machine.memory, 0
        for mapping, start, length in list(self._pieces(linear, len(data), AccessKind.WRITE)):
            memory.write(mapping.spa + start, data[done : done + length], mapping.asid)
            done += length

    def is_shared(self, linear: int) -> bool:
        """Whether the hypervisor can read what is written there."""
        return self._mapped(linear, AccessKind.READ).asid == HOST_ASID

    def _pieces(self, linear: int, size: int, kind: AccessKind) -> Iterator[tuple[Mapping, int, int]]:
        """The parts of a span by page: where each lies, and first byte and length in it."""
        while size > 0:
            start = linear % PAGE_BYTES
            length = min(size, PAGE_BYTES - start)
            yield self._mapped(linear, kind), start, length
            linear, size = linear + length, size - length

    def _mapped(self, linear: int, kind: AccessKind) -> Mapping:
        while True:
            self._entry.coherent()
            found = self._entry.core.translations.find(self._entry.cpu, linear, kind)
            if isinstance(found, Mapping):
                return found
            self.failed(found)

    def failed(self, fault: Completion) -> None:
        """A nested fault is the hypervisor's, who may have an answer; any other is raised."""
        if fault.result == Event.NPF:
            self._entry.leave(SvmExit.NPF, fault.error, fault.address or 0)
        elif fault.result == Event.PF:
            raise Fault(Vector.PF, error_code=fault.error, address=fault.address)
        elif fault.result == Event.GP:
            raise Fault(Vector.GP, error_code=0)
        else:
            raise Refused(Refusal.NOT_VALIDATED)
