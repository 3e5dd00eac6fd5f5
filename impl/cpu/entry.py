"""VMRUN and #VMEXIT of one virtual processor, with its registers and the events that the hypervisor injects."""

from impl.completion import Completion
from impl.cpu import save_area
from impl.cpu.core import Core
from impl.cpu.software import Host, Stopped
from impl.machine import HOST, Cpu, Machine, Running
from impl.memory.engine import HOST_ASID
from impl.rmp import vmcb as control
from impl.rmp.save_area import area_of, load_registers
from impl.rmp.vmcb import load_word, store_word
from impl.rmp.vmrun import vmexit, vmrun
from impl.vc.vcpu import Vcpu
from spec.ghcb.vocabulary.answers import EVENT_VALID

FETCHED_BYTES = 15


class Entry:
    """One virtual processor in and out of the guest."""

    def __init__(self, machine: Machine, vmcb: int, host: Host, core: Core) -> None:
        """`vmcb` is the SPA of a VMCB that the hypervisor has prepared. The guest has not run yet."""
        self.machine = machine
        self.vmcb = vmcb
        self.core = core
        self.vcpu = Vcpu()
        self.cpu = Cpu()
        """What the rules of memory ask for, of the running guest."""
        self._host = host
        self._running: Running | None = None
        self._stores = machine.rmp.stores

    @property
    def encrypted(self) -> bool:
        """Whether the registers are encrypted: an SEV-ES or SNP guest."""
        return self._running is not None and self._running.vmsa is not None

    def enter(self, registers: list[int]) -> None:
        """VMRUN. `registers` are the general registers that an SEV guest finds in the processor."""
        entered = vmrun(self.machine, HOST, self.vmcb)
        if isinstance(entered, Completion):
            raise Stopped(f"VMRUN: {entered.result.value} ({entered.check})")
        self._running = entered
        save_area.load(entered, self.vcpu, registers)
        self.cpu = entered.cpu
        if self.machine.memory.read_raw(self.vmcb + control.TLB_CONTROL, 1) != b"\0":
            self.core.flush()

    def leave(self, exit_code: int, info1: int = 0, info2: int = 0) -> None:
        """#VMEXIT, the hypervisor's turn, and VMRUN."""
        running = self._running
        assert running is not None, "only a guest that runs can leave"
        registers = save_area.store(running, self.vcpu)
        vmexit(self.machine, running, exit_code, info1, info2)
        self._running = None
        try:
            self._host.exited(self.vmcb, registers)
        except Stopped:
            # What the hypervisor has changed counts, though the guest goes on no more.
            running.registers.update(load_registers(self.machine, area_of(running)))
            save_area.load(running, self.vcpu, registers)
            raise
        self.enter(registers)

    def assist(self, next_rip: int, code: bytes) -> None:
        """What the hypervisor of an SEV guest is told besides: the next instruction's address, and bytes at RIP."""
        store_word(self.machine.memory, self.vmcb, control.NEXT_RIP, next_rip)
        fetched = bytes([len(code)]) + code.ljust(FETCHED_BYTES, b"\0")
        self.machine.memory.write(self.vmcb + control.FETCHED, fetched, HOST_ASID)

    def taken_event(self) -> int | None:
        """The event that the hypervisor injects with this VMRUN, in the form of EVENTINJ; each is delivered once."""
        event = load_word(self.machine.memory, self.vmcb, control.EVENTINJ)
        if not event & EVENT_VALID:
            return None
        store_word(self.machine.memory, self.vmcb, control.EVENTINJ, 0)
        return event

    def coherent(self) -> None:
        """Drop translations that a change of the RMP made void."""
        if self.machine.rmp.stores != self._stores:
            self._stores = self.machine.rmp.stores
            self.core.flush()

    def meanwhile(self) -> None:
        """The hypervisor's other processors."""
        self._host.meanwhile()
        self.coherent()
