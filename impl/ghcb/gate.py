"""What the guest's side needs of the machine. Each call is one step: between two, anything may happen."""

from typing import Protocol


class Gate(Protocol):
    """The way out of the guest, and the memory that both sides see."""

    def load(self, linear: int, size: int) -> int:
        """Read up to eight bytes of shared memory, at once."""

    def store(self, linear: int, size: int, value: int) -> None:
        """Write up to eight bytes of shared memory, at once."""

    def clear(self, linear: int) -> None:
        """Fill a shared page with zeros, before anything in it counts."""

    def read_msr(self) -> int:
        """RDMSR of the GHCB MSR."""

    def write_msr(self, value: int) -> None:
        """WRMSR to the GHCB MSR."""

    def vmgexit(self) -> None:
        """VMGEXIT; it returns when the hypervisor lets the guest run again."""

    def pvalidate(self, linear: int, *, validate: bool) -> tuple[int, bool]:
        """PVALIDATE of a 4 KiB page: the code in EAX, and the carry flag, which is set if nothing changed."""
