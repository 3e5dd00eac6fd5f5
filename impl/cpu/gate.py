"""The steps of the guest's own software that reach the hypervisor: `impl/ghcb/gate.py`, on a processor."""

from impl.cpu.control import read_ghcb_msr, write_ghcb_msr
from impl.cpu.memory import GuestAccess
from impl.cpu.processor import Processor
from impl.memory.engine import PAGE_BYTES
from impl.rmp.pvalidate import pvalidate
from impl.vc.outcome import Refusal, Refused
from spec.ghcb.vocabulary.exits import SvmExit
from spec.vocabulary import Eax, Event


class ProcessorGate:
    """Between two steps other processors of the hypervisor act, and each step is done as one access."""

    def __init__(self, processor: Processor) -> None:
        self._entry = processor.entry
        self._memory: GuestAccess = processor.memory

    def load(self, linear: int, size: int) -> int:
        """One read of shared memory."""
        self._entry.meanwhile()
        return int.from_bytes(self._memory.read(linear, size), "little")

    def store(self, linear: int, size: int, value: int) -> None:
        """One write to shared memory."""
        self._entry.meanwhile()
        self._memory.write(linear, value.to_bytes(size, "little"))

    def clear(self, linear: int) -> None:
        """A page of zeros."""
        self._memory.write(linear, bytes(PAGE_BYTES))

    def read_msr(self) -> int:
        """RDMSR, which is not intercepted."""
        self._entry.meanwhile()
        return read_ghcb_msr(self._entry)

    def write_msr(self, value: int) -> None:
        """WRMSR, the same."""
        self._entry.meanwhile()
        write_ghcb_msr(self._entry, value)

    def vmgexit(self) -> None:
        """The exit. An event that comes with the return meets the handler's own code, which no exit code admits."""
        self._entry.leave(SvmExit.VMGEXIT)
        if self._entry.taken_event() is not None:
            raise Refused(Refusal.MISMATCH)

    def pvalidate(self, linear: int, *, validate: bool) -> tuple[int, bool]:
        """PVALIDATE of a 4 KiB page. A nested page fault is the hypervisor's, and the instruction is run again."""
        entry = self._entry
        while True:
            ended = pvalidate(entry.machine, entry.cpu, linear, 0, int(validate))
            if isinstance(ended.result, Eax):
                return ended.result, bool(ended.flags and ended.flags.cf)
            if ended.result != Event.NPF:
                raise Refused(Refusal.NOT_VALIDATED)
            entry.leave(SvmExit.NPF, ended.error, ended.address or 0)
