"""The memory map of a flat guest: linear addresses are guest-physical ones, but for two windows.

Code, stack and tables are private. Device windows and the shared areas are mapped without C-bit. The private window
shows the shared areas with C-bit, which PVALIDATE needs; behind the split window pages lie in another order than their
linear addresses.
"""

from dataclasses import dataclass

from impl.memory.engine import PAGE_BYTES

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Area:
    """Pages in a row. Addresses are guest-physical."""

    gpa: int
    pages: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.gpa + self.pages * PAGE_BYTES

    def has(self, gpa: int) -> bool:
        """Whether a byte lies in it."""
        return self.gpa <= gpa < self.end


STACK = Area(0x8000, 8)
"""RSP starts at its end."""
IMAGE = Area(1 * MIB, 64)
"""The program; RIP starts at its beginning."""
DATA = Area(2 * MIB, 4)
"""Private memory of the program, zeroed."""
SHARED = Area(3 * MIB, 4)
"""Memory that the hypervisor sees, too."""
GHCB = Area(3 * MIB + 64 * KIB, 1)
CPUID = Area(3 * MIB + 128 * KIB, 1)
"""The CPUID page of an SNP guest."""
TABLES = Area(4 * MIB, 32)
"""Page tables, the root first."""
PRIVATE_WINDOW = 16 * MIB
"""Added to the address of a shared area: the same page with C-bit."""
SPLIT_WINDOW = 32 * MIB
"""The pages of DATA once more, in reverse order."""
BLOCK_DEVICE = Area(0x7EB0_0000, 4)
"""Registers of the block device in the first page; the others are its memory."""
DEVICES = (BLOCK_DEVICE,)
PRIVATE_AREAS = (STACK, IMAGE, DATA)
SHARED_AREAS = (SHARED, GHCB)


def is_device(gpa: int) -> bool:
    """Whether the guest takes a page for a device's."""
    return any(area.has(gpa) for area in DEVICES)
