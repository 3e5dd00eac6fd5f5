"""The interrupted code's registers, as the #VC handler saved them, and how parts of them are read and written.

APM Vol. 1, "General-Purpose Registers" (3.1.2): a result of 32 bits clears bits 63:32, one of 8 or 16 bits keeps the
rest.
"""

from collections.abc import Sequence
from typing import NamedTuple

from impl.decode.registers import GENERAL, Register

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
MASKS = {size: (1 << 8 * size) - 1 for size in (1, 2, 4, 8)}
"""All ones of so many bytes."""
LOW_32 = MASKS[4]
LOW_64 = MASKS[8]

CF, PF, AF, ZF, SF, DF, OF = 1 << 0, 1 << 2, 1 << 4, 1 << 6, 1 << 7, 1 << 10, 1 << 11
"""RFLAGS (APM Vol. 2, 3.1.6)."""
IOPL_SHIFT = 12
RF = 1 << 16
VM = 1 << 17
RFLAGS_RESET = 1 << 1
DR7_RESET = 0x400

CR4_TSD = 1 << 2
"""RDTSC and RDTSCP at CPL 0 only."""
CR4_PCE = 1 << 8
"""RDPMC at any CPL."""

BY_NAME = {register.name: register for size in GENERAL for register in GENERAL[size]}
"""General registers of 16, 32 and 64 bits, as addresses name them."""


class Features(NamedTuple):
    """What decides how some exits are handled; all of it private knowledge of the guest."""

    secure_tsc: bool = False
    """SEV_FEATURES bit 9: the time-stamp counter is the guest's own."""
    debug_swap: bool = False
    """SEV_FEATURES bit 5: debug registers are the guest's own."""
    la57: bool = False
    """CR4.LA57: linear addresses of 57 bits, else 48."""


class Vcpu:
    """The state that the handler reads and changes."""

    __slots__ = ("bits", "cpl", "cr4", "dr7", "features", "gpr", "rflags", "rip", "segment_bases", "xcr0")

    def __init__(
        self, *, bits: int = 64, rip: int = 0, gpr: Sequence[int] = (0,) * 16, rflags: int = RFLAGS_RESET, cpl: int = 0
    ) -> None:
        self.bits = bits
        """16, 32 or 64: the mode of the code segment."""
        self.rip = rip
        self.gpr = list(gpr)
        """Sixteen values of 64 bits, by register number."""
        self.rflags = rflags
        self.cpl = cpl
        self.segment_bases = dict.fromkeys(("es", "cs", "ss", "ds", "fs", "gs"), 0)
        """Outside 64-bit mode all count, in it only those of FS and GS."""
        self.cr4 = 0
        self.xcr0 = 1
        self.dr7 = DR7_RESET
        """The last value written: with an intercepted DR7, this copy is what the guest reads."""
        self.features = Features()

    def read(self, register: Register) -> int:
        """The value of a general register, of its own width."""
        value = self.gpr[register.number]
        return (value >> 8 if register.high else value) & MASKS[register.size]

    def write(self, register: Register, value: int) -> None:
        """Write a general register; what happens to the bits above is the width's matter."""
        number, size = register.number, register.size
        if size >= 4:
            self.gpr[number] = value & MASKS[size]
        elif register.high:
            self.gpr[number] = self.gpr[number] & ~0xFF00 | (value & 0xFF) << 8
        else:
            self.gpr[number] = self.gpr[number] & ~MASKS[size] | value & MASKS[size]

    def advance(self, length: int) -> None:
        """The instruction is complete: RIP is behind it, and RF is clear (APM Vol. 2, "Resume Flag", 3.1.6)."""
        self.rip = (self.rip + length) & (LOW_64 if self.bits == 64 else LOW_32)
        self.rflags &= ~RF
