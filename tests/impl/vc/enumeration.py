"""Forms × prefixes × REX × ModRM × SIB, in a fixed order, for ordinary memory that Unicorn can run on."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.impl.vc.native import State

ALU = [f"{8 * row + column:02x}" for row in range(8) for column in range(4)]
"""ADD, OR, ADC, SBB, AND, SUB, XOR, CMP between register and memory."""
BY_REG = {"c6": (0,), "c7": (0,), "80": range(8), "81": range(8), "83": range(8), "fe": (0, 1), "ff": (0, 1),
          "f6": (0, 2, 3), "f7": (0, 2, 3)}  # fmt: skip
"""Opcodes that ModRM.reg continues, with the values of it."""
WITH_MODRM = "88 89 8a 8b 0fb6 0fb7 0fbe 0fbf 63 84 85 0f38f0 0f38f1".split()
MOFFS = "a0 a1 a2 a3".split()
GROUP_11 = re.compile(rb"[^@-O]*(?:Hf)?[D-GL-O][\xc6\xc7]$", re.DOTALL)
"""C6h and C7h behind a REX byte with R."""
STRINGS = "a4 a5 a6 a7 aa ab ac ad ae af".split()
PREFIXES = {
    64: ["", "66", "67", "6667", "64", "65", "2e65", "4866", "6664643e"],
    32: ["", "66", "67", "6667", "26", "2e36"],
    16: ["", "66", "67", "6667", "26"],
}
REPEATS = ["", "f3", "f2"]
CODE = {64: 0x1F0_0F00, 32: 0x1F0_0F00, 16: 0xF000}
REX = ["", *(f"{rex:02x}" for rex in range(0x40, 0x50))]


class Case(NamedTuple):
    """One instruction, followed by bytes that are not part of it, and where it starts from."""

    code: bytes
    same_code: bytes
    """What Unicorn runs, where it differs from the manual: it takes C6h and C7h for invalid with REX.R, which counts
    nothing where ModRM.reg is part of the opcode (APM Vol. 3, "REX Prefix", 1.2.7), and lets DS cancel FS in 64-bit
    mode (1.2.4)."""
    bits: int
    before: State
    bases: tuple[int, int]


def modrm_forms(bits: int, prefix: str) -> list[tuple[str, int]]:
    """Opcodes and ModRM.reg. In 16-bit mode Unicorn's MOVBE has 32 bits; about 66h with MOVSXD the sources differ."""
    left_out = ("63",) if bits != 64 or "66" in prefix else ()
    left_out += ("0f38f0", "0f38f1") if bits == 16 else ()
    plain = [opcode for opcode in (*ALU, *WITH_MODRM) if opcode not in left_out]
    continued = [(opcode, reg) for opcode, values in BY_REG.items() for reg in values]
    return [(opcode, reg) for opcode in plain for reg in range(8)] + continued


def cases(bits: int, stride: int, string_stride: int) -> Iterator[Case]:
    """Every `stride`-th combination, and every `string_stride`-th without ModRM."""
    number = 0
    for prefix in PREFIXES[bits]:
        for rex in REX if bits == 64 else [""]:
            for opcode, reg in modrm_forms(bits, prefix):
                for address in range(24):
                    number += 1
                    if number % stride == 0:
                        yield modrm_case(bits, prefix + rex + opcode, reg, address, number)
            for opcode in (*STRINGS, *MOFFS):
                for repeat in REPEATS if opcode in STRINGS else [""]:
                    for variant in range(8):
                        number += 1
                        if number % string_stride == 0:
                            yield implied_case(bits, repeat + prefix + rex + opcode, variant, number)


def mixed(number: int, width: int) -> int:
    """A number's digits, well mixed: the same everywhere."""
    value = (number * 0x9E37_79B9_7F4A_7C15 + 0x1234_5678) & (1 << 64) - 1
    return (value ^ value >> 29) >> 7 & (1 << width) - 1


def modrm_case(bits: int, before: str, reg: int, address: int, number: int) -> Case:
    """ModRM.mod and rm from `address`; SIB and displacement from the number."""
    modrm = (address >> 3) << 6 | reg << 3 | address & 7
    displacement = (0x100 + mixed(number + 1, 14)).to_bytes(4, "little")
    if address < 8 or address >= 16 or bits == 16:
        tail = bytes([mixed(number, 8)]) + displacement if address & 7 == 4 and bits != 16 else displacement
    else:
        tail = bytes([mixed(number, 8), mixed(number + 2, 8)]) if address & 7 == 4 else bytes([mixed(number, 8)])
    immediate = mixed(number + 3, 63).to_bytes(8, "little")
    return case_of(bits, bytes.fromhex(before), bytes([modrm]) + tail + immediate, number)


def implied_case(bits: int, before: str, variant: int, number: int) -> Case:
    """moffs and strings. The offset is low, whatever its width."""
    offset = (0x2000 + mixed(number, 12)).to_bytes(2, "little") + bytes(8)
    return case_of(bits, bytes.fromhex(before), offset, number, df=bool(variant & 1), count=variant >> 1)


def case_of(
    bits: int, before: bytes, behind: bytes, number: int, *, df: bool = False, count: int | None = None
) -> Case:
    """Registers that keep addresses in memory: high halves are rubbish where the address size leaves them out."""
    low, spread = (0x1000, 12) if bits == 16 else (0x10_0000, 20)
    gpr = [low + mixed(number * 16 + register, spread) for register in range(16)]
    if 0x67 in before and bits == 64:
        gpr = [value | mixed(value, 31) << 32 for value in gpr]
    if count is not None:
        gpr[1] = gpr[1] & ~0xFFFF_FFFF | count
    flags = mixed(number + 5, 12) & 0x8D5 & ~0x400 | 2 | (0x400 if df else 0)
    bases = (mixed(number + 6, 16), mixed(number + 7, 18)) if bits == 64 else (0, 0)
    code = before + behind
    same = before.replace(b"\x3e", b"\x66")
    same = same[:-2] + bytes([same[-2] & ~4, same[-1]]) if GROUP_11.match(same) else same
    return Case(code, same + behind, bits, State(CODE[bits], tuple(gpr if bits == 64 else gpr[:8]), flags), bases)
