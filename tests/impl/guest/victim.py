"""A guest under a hostile hypervisor, what it was answered, and devices that give the same answers again."""

from typing import Any

from impl.cpu.processor import Processor
from impl.cpu.software import Stopped
from impl.ghcb.termination import Terminated
from impl.guest import layout
from impl.guest.kernel import GuestKernel
from impl.hypervisor.emulated import Emulated
from impl.hypervisor.flat_launch import NESTED_ROOT, OPERAND, FlatLaunch
from impl.hypervisor.generation import Generation
from impl.hypervisor.honest import HonestHypervisor
from impl.hypervisor.hostile import Attack, Hostile
from impl.hypervisor.page_states import GuestPages
from tests.impl.guest.bare import Machine
from tests.impl.guest.programs import PAGE

IMAGE_BYTES = 2 * PAGE
PATIENCE = 600
PRIVATE = (layout.STACK, layout.DATA)
QUESTIONS = ("cpuid read_msr write_msr read_tsc read_tscp read_counter port_in port_out mmio_read mmio_write "
             "write_dr7 write_back_caches hypercall").split()  # fmt: skip


Log = list[tuple[str, tuple[Any, ...], Any]]
"""Questions with their answers."""


class Recorder:
    """The questions of `impl/vc/exits.py`, passed on, with what came back or was raised."""

    def __init__(self, exits: Any) -> None:
        self.log: Log = []
        for name in QUESTIONS:
            setattr(self, name, self._recording(name, getattr(exits, name)))

    def _recording(self, name: str, ask: Any) -> Any:
        def asked(*arguments: Any) -> Any:
            answer = ask(*arguments)
            self.log.append((name, arguments, answer))
            return answer

        return asked


class Scripted(Emulated):
    """Devices that give the answers of a log, and insist on its questions."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.left = list(log)
        for name in QUESTIONS:
            setattr(self, name, self._answering(name))

    def _answering(self, name: str) -> Any:
        def asked(*arguments: Any) -> Any:
            assert self.left, f"the guest never asked {name}{arguments}"
            asked_before, expected, answer = self.left.pop(0)
            compared = 2 if name == "cpuid" else None  # the bare processor does not say what XCR0 is
            assert (name, arguments[:compared]) == (asked_before, expected[:compared])
            if name == "write_dr7":
                self.dr7 = arguments[0]
            return answer & (1 << 8 * arguments[1]) - 1 if name in ("port_in", "mmio_read") else answer

        return asked


class Victim:
    """A guest that was launched once; each program starts from memory as it was then."""

    def __init__(self, generation: Generation) -> None:
        self.launch = FlatLaunch(generation, bytes(IMAGE_BYTES))
        self.memory = self.launch.machine.memory.snapshot()
        self.checksums = dict(self.launch.machine.vmsa_checksums)

    def run(self, program: bytes, plan: dict[int, Attack], interrupts: dict[int, Attack]) -> tuple[Machine, Log]:
        launch, machine = self.launch, self.launch.machine
        machine.memory.restore(self.memory)
        machine.vmsa_checksums = dict(self.checksums)
        machine.running.clear()
        machine.in_use.clear()
        machine.memory.write(launch.spa(layout.IMAGE.gpa), program.ljust(IMAGE_BYTES, b"\0"), launch.asid)
        snp = launch.generation is Generation.SNP
        pages = GuestPages(machine, launch.asid, NESTED_ROOT, OPERAND) if snp else None
        honest = HonestHypervisor(machine, Emulated(), pages)
        ordered = [interrupts[address] for address in sorted(interrupts)]
        hostile = Hostile(machine, launch.vmcb, honest, plan, ordered, PATIENCE)
        processor = Processor(machine, launch.vmcb, hostile)
        processor.core.breakpoints |= interrupts.keys()
        kernel = RecordedKernel(processor)
        try:
            processor.run(kernel, [0] * 16)
        except Stopped as stopped:
            why = str(stopped)
        except Terminated as terminated:
            why = f"terminated: {terminated}"
        vcpu, fault = processor.vcpu, processor.fault
        why = why if fault is None else f"#{fault.vector.name}"
        memory = b"".join(machine.memory.read(launch.spa(area.gpa), area.pages * PAGE, launch.asid) for area in PRIVATE)
        return Machine(
            why, tuple(vcpu.gpr), vcpu.rip, vcpu.rflags, memory, (), ()
        ), kernel.recorder.log if kernel.recorder else []


class RecordedKernel(GuestKernel):
    """A kernel that remembers what it was answered."""

    recorder: Recorder | None = None

    def with_page(self, *, snp: bool) -> Any:
        self.recorder = Recorder(super().with_page(snp=snp))
        return self.recorder
