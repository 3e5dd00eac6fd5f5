"""The guest's memory as the handler sees it: where an operand lies, and the ordinary side of string instructions."""

from typing import NamedTuple, Protocol


class Place(NamedTuple):
    """Where an operand lies, as the guest's own page tables say. The hypervisor has no part in it."""

    address: int
    """Guest physical, without the C-bit, if it is MMIO; else the linear address itself."""
    mmio: bool
    """Mapped as shared and not as memory: the only kind of page that an MMIO exit may be about."""


class GuestMemory(Protocol):
    """Translation and ordinary accesses. All of it happens in the guest."""

    def place(self, linear: int, size: int, cpl: int, *, write: bool) -> Place:
        """Where all `size` bytes at a linear address lie.

        Raises `Fault` as an access at this CPL would, with the address of the first byte that faults; and refuses
        with PAGE_CROSSING what is not in one piece.
        """

    def load(self, linear: int, size: int) -> int:
        """Read ordinary memory for which `place` was asked."""

    def store(self, linear: int, size: int, value: int) -> None:
        """Write ordinary memory for which `place` was asked."""

    def port_allowed(self, port: int, size: int) -> bool:
        """Whether the I/O permission map of the TSS has all these ports clear (APM Vol. 2, 12.2.4)."""
