"""One instruction on ordinary memory, as Unicorn runs it: registers, flags, and every access in order."""

from typing import Any, NamedTuple

import unicorn
from unicorn import x86_const

from impl.decode.registers import GENERAL

NAMES = [register.name for register in GENERAL[8]]
SIZE = 0x2000000
"""Bytes of memory from address 0."""
MODES = {16: unicorn.UC_MODE_16, 32: unicorn.UC_MODE_32, 64: unicorn.UC_MODE_64}


def pattern() -> bytes:
    """What all memory holds: no two neighbouring bytes alike, signs mixed."""
    return bytes((97 * number + (number >> 8) * 13 + 5) & 0xFF for number in range(0x10000)) * (SIZE // 0x10000)


PATTERN = pattern()
Access = tuple[str, int, int, int]
"""Kind, address, size, value."""


class State(NamedTuple):
    """What an instruction starts from, or leaves."""

    rip: int
    gpr: tuple[int, ...]
    rflags: int
    accesses: tuple[Access, ...] = ()


class Native:
    """A processor of one mode."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, MODES[bits])
        self.uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_HASWELL)
        self.uc.mem_map(0, SIZE)
        self.uc.mem_write(0, PATTERN)
        self.accesses: list[Access] = []
        self.uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self.accessed)
        width = "R" if bits == 64 else "E"
        self.pointer = getattr(x86_const, f"UC_X86_REG_{width}IP")
        numbers = [name.upper() for name in NAMES[: 16 if bits == 64 else 8]]
        self.registers = [
            getattr(x86_const, f"UC_X86_REG_{name if name[1:].isdigit() else width + name[1:]}") for name in numbers
        ]

    def accessed(self, uc: Any, kind: int, address: int, size: int, value: int, _: Any) -> None:
        """The hook of every access."""
        if kind == unicorn.UC_MEM_WRITE:
            self.accesses.append(("write", address, size, value & ((1 << 8 * size) - 1)))
        else:
            self.accesses.append(("read", address, size, int.from_bytes(uc.mem_read(address, size), "little")))

    def run(self, code: bytes, length: int, before: State, bases: tuple[int, int]) -> State:
        """Run the instruction to its end; memory is as before afterwards."""
        uc = self.uc
        self.accesses = []
        uc.mem_write(before.rip, code)
        for register, value in zip(self.registers, before.gpr, strict=False):
            uc.reg_write(register, value)
        uc.reg_write(x86_const.UC_X86_REG_EFLAGS, before.rflags)
        if self.bits == 64:
            uc.reg_write(x86_const.UC_X86_REG_FS_BASE, bases[0])
            uc.reg_write(x86_const.UC_X86_REG_GS_BASE, bases[1])
        uc.ctl_remove_cache(before.rip, before.rip + 16)
        uc.emu_start(before.rip, before.rip + length)
        gpr = tuple(uc.reg_read(register) for register in self.registers)
        rflags = uc.reg_read(x86_const.UC_X86_REG_EFLAGS)
        if [kind for kind, *_ in self.accesses].count("write") == 1:
            # The hook sees what MOVBE stores before its bytes are reversed; memory does not.
            kind, address, size, _ = self.accesses[-1]
            self.accesses[-1] = kind, address, size, int.from_bytes(uc.mem_read(address, size), "little")
        after = State(uc.reg_read(self.pointer), gpr, rflags, tuple(self.accesses))
        for kind, address, size, _ in after.accesses:
            if kind == "write":
                uc.mem_write(address, PATTERN[address : address + size])
        uc.mem_write(before.rip, PATTERN[before.rip : before.rip + 16])
        return after
