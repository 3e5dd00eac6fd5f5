"""A processor that runs a guest: VMRUN, the guest's instructions, #VMEXIT or #VC, and again.

APM Vol. 2, "SEV-ES" (15.35): of an SEV guest every intercept is an exit. Of an SEV-ES or SNP guest the automatic exits
leave the guest by themselves, and all others are raised in it as #VC. An exit is a call of the host, and its return
is the next VMRUN. The guest's exceptions have no handler here but #VC: any other ends in SHUTDOWN.
"""

from dataclasses import replace

from impl.completion import Completion
from impl.cpu.control import write_register
from impl.cpu.core import Core, Stop, Why
from impl.cpu.entry import Entry
from impl.cpu.fault_address import fault_address
from impl.cpu.intercepts import Caught, caught
from impl.cpu.memory import GuestAccess
from impl.cpu.native import ON_THE_RMP, is_empty_repeat, on_the_rmp
from impl.cpu.software import Host, Kernel, Stopped
from impl.cpu.watched import UNDEFINED
from impl.decode.fetch import Fetched, fetch_instruction
from impl.decode.instruction import Instruction
from impl.decode.undecodable import Undecodable
from impl.machine import Machine
from impl.memory.engine import PAGE_BYTES
from impl.vc.admission import AUTOMATIC
from impl.vc.handler import undecoded
from impl.vc.outcome import End, Fault, Vector
from impl.vc.vcpu import LOW_32
from spec.ghcb.vocabulary import answers
from spec.ghcb.vocabulary.exits import SvmExit
from spec.vocabulary import AccessKind, Eax, Event, NpfInfo

INTERRUPT, SHUTDOWN = 0x60, 0x7F
"""Exit codes of a physical interrupt and of an exception that cannot be delivered."""


def exactly(fault: Completion, linear: int) -> Completion:
    """The fault of a whole page, at the byte that was accessed; that of a page table is where it is."""
    if fault.address is None or fault.error & NpfInfo.WALK:
        return fault
    return replace(fault, address=fault.address & -PAGE_BYTES | linear % PAGE_BYTES)


class Processor:
    """One virtual processor."""

    def __init__(self, machine: Machine, vmcb: int, host: Host) -> None:
        """The hypervisor's `vmcb` says which guest this is."""
        self.core = Core(machine)
        self.entry = Entry(machine, vmcb, host, self.core)
        self.memory = GuestAccess(self.entry)
        self.vcpu = self.entry.vcpu
        self.fault: Fault | None = None
        """The exception that ended in SHUTDOWN."""

    def run(self, kernel: Kernel, registers: list[int]) -> None:
        """Run until the hypervisor lets the guest run no more, which is an exception: `Stopped`."""
        self.entry.enter(registers)
        kernel.boot()
        while True:
            event = self.entry.taken_event()
            if event is not None:
                self._deliver(kernel, event)
                continue
            self.entry.coherent()
            self._stopped(kernel, self.core.run(self.entry.cpu, self.vcpu))

    def _stopped(self, kernel: Kernel, stop: Stop) -> None:
        if stop.why is Why.ENOUGH:
            raise Stopped(stop.why.value)
        if stop.why is Why.EXCEPTION:
            self._shutdown(Fault(Vector(stop.vector)) if stop.vector in tuple(Vector) else None)
        elif self.vcpu.rip in self.core.breakpoints and stop.why is Why.WATCHED:
            self.core.breakpoints.discard(self.vcpu.rip)
            self.entry.leave(INTERRUPT)
        elif stop.why is not Why.AGAIN:
            self._at_instruction(kernel, stop)

    def _at_instruction(self, kernel: Kernel, stop: Stop) -> None:
        try:
            fetched = fetch_instruction(self._fetch, self.vcpu.rip, 64)
        except Undecodable as undecodable:
            self._shutdown(undecoded(undecodable).fault)
            return
        except Fault as fault:
            self._shutdown(fault)
            return
        if stop.why is Why.UNKNOWN:
            raise Stopped(f"the processor core does not know {fetched.instruction.mnemonic}")
        if stop.fault is not None:
            where = fault_address(self.vcpu, fetched.instruction, stop.page)
            self._faulted(kernel, fetched, exactly(stop.fault, where), where)
        else:
            self._watched(kernel, fetched.instruction)

    def _fetch(self, address: int, size: int) -> bytes:
        return self.memory.read(address, size, AccessKind.FETCH)

    def _faulted(self, kernel: Kernel, fetched: Fetched, fault: Completion, linear: int) -> None:
        """An access that does not complete: an exit, #VC for MMIO or a page not validated, or an exception."""
        if fault.result == Event.NPF:
            if self.entry.encrypted and fault.error & NpfInfo.RSV and not fault.error & NpfInfo.WALK:
                self._raise_vc(kernel, SvmExit.NPF)
                return
            if not self.entry.encrypted:
                self.entry.assist(self.vcpu.rip + fetched.instruction.length, fetched.code)
            self.entry.leave(SvmExit.NPF, fault.error, fault.address or 0)
        elif fault.result == Event.VC:
            self._raise_vc(kernel, fault.error)
        else:
            vector = Vector.PF if fault.result == Event.PF else Vector.GP
            self._shutdown(Fault(vector, error_code=fault.error, address=linear))

    def _watched(self, kernel: Kernel, instruction: Instruction) -> None:
        name, vcpu = instruction.mnemonic, self.vcpu
        if name in UNDEFINED:
            self._shutdown(Fault(Vector.UD))
        elif is_empty_repeat(vcpu, instruction):
            vcpu.advance(instruction.length)
        elif found := self._intercepted(instruction):
            self._caught(kernel, instruction, found)
        elif name in ON_THE_RMP:
            ended = on_the_rmp(self.entry.machine, self.entry.cpu, vcpu, instruction)
            if isinstance(ended.result, Eax):
                vcpu.advance(instruction.length)
            else:
                self._faulted(kernel, Fetched(instruction, b""), ended, ended.address or 0)
        elif write_register(self.entry, instruction):
            vcpu.advance(instruction.length)
        else:
            raise Stopped(f"the processor core does not carry out {name} where no one intercepts it")

    def _intercepted(self, instruction: Instruction) -> Caught | None:
        if instruction.mnemonic == "vmgexit":
            return Caught(SvmExit.VMGEXIT if self.entry.encrypted else SvmExit.VMMCALL)
        return caught(self.entry.machine.memory, self.entry.vmcb, self.vcpu, instruction)

    def _caught(self, kernel: Kernel, instruction: Instruction, found: Caught) -> None:
        """An exit, after which hardware or the hypervisor has RIP behind the instruction; or #VC."""
        if not self.entry.encrypted:
            self.entry.assist(self.vcpu.rip + instruction.length, b"")
            self.entry.leave(found.exit_code, found.info1)
        elif found.exit_code in AUTOMATIC:
            self.vcpu.advance(instruction.length)
            self.entry.leave(found.exit_code, found.info1)
        else:
            self._raise_vc(kernel, found.exit_code)

    def _deliver(self, kernel: Kernel, event: int) -> None:
        """An event that the hypervisor injects. The guest has a handler for #VC alone."""
        vector, kind = event & answers.EVENT_VECTOR, event >> answers.EVENT_TYPE_SHIFT & 7
        if self.entry.encrypted and vector == answers.Vector.VC and kind == answers.EventType.EXCEPTION:
            self._raise_vc(kernel, event >> answers.EVENT_ERROR_CODE_SHIFT & LOW_32)
        else:
            known = kind == answers.EventType.EXCEPTION and vector in tuple(Vector)
            self._shutdown(Fault(Vector(vector)) if known else None)

    def _raise_vc(self, kernel: Kernel, error_code: int) -> None:
        outcome = kernel.on_vc(error_code)
        if outcome.end is End.FAULT:
            self._shutdown(outcome.fault)

    def _shutdown(self, fault: Fault | None) -> None:
        self.fault = fault
        self.entry.leave(SHUTDOWN)
