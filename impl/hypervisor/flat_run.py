"""A flat guest from launch to its end, under the honest hypervisor or another."""

from dataclasses import dataclass

from impl.cpu.core import UNLIMITED
from impl.cpu.processor import Processor
from impl.cpu.software import Host, Stopped
from impl.ghcb.termination import Terminated
from impl.guest.kernel import GuestKernel
from impl.hypervisor.emulated import Emulated
from impl.hypervisor.flat_launch import NESTED_ROOT, OPERAND, FlatLaunch
from impl.hypervisor.generation import Generation
from impl.hypervisor.honest import HonestHypervisor
from impl.hypervisor.page_states import GuestPages
from impl.machine import Machine
from impl.vc.outcome import Fault
from impl.vc.vcpu import Vcpu


@dataclass
class Ended:
    """How a run ended."""

    why: str
    """`HLT`, or what kept the guest from going on."""
    fault: Fault | None
    """The exception that the guest had no handler for."""
    vcpu: Vcpu
    instructions: int
    """How many it began, and elements of repeated strings."""


class FlatRun:
    """One guest with its hypervisor."""

    def __init__(self, generation: Generation, program: bytes) -> None:
        self.launch = FlatLaunch(generation, program)
        self.machine: Machine = self.launch.machine
        self.emulated = Emulated()
        self.hypervisor = HonestHypervisor(self.machine, self.emulated, self._pages())

    def _pages(self) -> GuestPages | None:
        if self.launch.generation is not Generation.SNP:
            return None
        return GuestPages(self.machine, self.launch.asid, NESTED_ROOT, OPERAND)

    def run(self, host: Host | None = None, *, early: bool = False, limit: int = UNLIMITED) -> Ended:
        """Run to the end, or so many instructions. Another `host` may stand before the honest one."""
        processor = Processor(self.machine, self.launch.vmcb, host or self.hypervisor)
        processor.core.instructions_left = limit
        try:
            processor.run(GuestKernel(processor, early=early), [0] * 16)
        except Stopped as stopped:
            why = str(stopped)
        except Terminated as terminated:
            why = f"terminated: {terminated}"
        return Ended(why, processor.fault, processor.vcpu, limit - max(processor.core.instructions_left, 0))
