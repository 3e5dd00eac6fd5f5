"""Who acts beside the processor: the hypervisor that gets its exits, and the guest's own software that gets #VC."""

from typing import Protocol

from impl.vc.outcome import Outcome


class Stopped(Exception):
    """The guest does not run again; the text says why."""


class Host(Protocol):
    """The hypervisor. Either method may raise `Stopped`."""

    def exited(self, vmcb: int, registers: list[int]) -> None:
        """#VMEXIT. To return is the next VMRUN.

        `vmcb` is the SPA of the VMCB. `registers` are the general registers as the processor leaves them, by number:
        those of an SEV guest, who goes on with what they then are; zeros for any other.
        """

    def meanwhile(self) -> None:
        """Another processor of the hypervisor may act: the guest is about to access a shared page."""


class Kernel(Protocol):
    """The guest's own software, as far as it is not machine code. Either method may end the guest by an exception."""

    def boot(self) -> None:
        """Before the first instruction of the guest program."""

    def on_vc(self, error_code: int) -> Outcome:
        """#VC at the instruction at RIP."""
