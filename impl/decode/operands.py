"""How each operand is read off an instruction: one reader for each addressing method of the manual's notation.

A reader takes the instruction and returns the operand. Tables of registers are indexed by the ModRM byte with the
bits of REX above it, as `prefixes.py` lays them out.
"""

from collections.abc import Callable, Sequence
from functools import cache

from impl.decode import registers
from impl.decode.instruction import FarPointer, Immediate, Instruction, Operand, Relative, StringOperand
from impl.decode.prefixes import EVEX_R, LOCK, REX, REX_B, REX_R, REX_X, VVVV_SHIFT
from impl.decode.registers import Register

Reader = Callable[[Instruction], Operand]
Kind = tuple[str, int]
"""A kind of register and its size in bytes."""


_new = tuple.__new__

KINDS: dict[Kind, Sequence[Register]] = {
    ("general", 1): registers.BYTES_REX,
    **{("general", size): registers.GENERAL[size] for size in registers.GENERAL},
    **{("vector", size): registers.VECTOR[size] for size in registers.VECTOR},
    ("segment", 2): registers.SEGMENT,
    ("debug", 8): registers.DEBUG,
    ("mmx", 8): registers.MMX,
    ("mask", 8): registers.MASK,
    ("tile", 0): registers.TILE,
    ("float", 10): registers.FLOAT,
}
"""The registers of a kind, by number."""


@cache
def by_index(kind: Kind, field: str, *, thirty_two: bool = False) -> tuple[Sequence[Register], int]:
    """A table by ModRM and REX bits, and the mask of the bits that count for this kind and field, reg or rm."""
    of_kind = KINDS[kind]
    eighth, sixteenth = (REX_R, EVEX_R) if field == "reg" else (REX_B, REX_X)
    mask = (eighth if len(of_kind) > 8 else 0) | (sixteenth if thirty_two else 0)
    if kind == ("general", 1):
        mask |= REX
    table = []
    for index in range((mask | 0xFF) + 1):
        number = (index >> 3 if field == "reg" else index) & 7
        number |= (8 if index & eighth & mask else 0) | (16 if index & sixteenth & mask else 0)
        without_rex = kind == ("general", 1) and not index & REX
        table.append(registers.BYTES[number & 7] if without_rex else of_kind[number % len(of_kind)])
    return table, mask


def by_modrm(kind: Kind, field: str, *, thirty_two: bool = False) -> Reader:
    """The register that ModRM.reg or ModRM.rm numbers."""
    table, mask = by_index(kind, field, thirty_two=thirty_two)
    return lambda instruction: table[instruction.modrm | instruction.prefixes & mask]


def control(instruction: Instruction) -> Operand:
    """The control register of ModRM.reg. LOCK makes CR8 of CR0 (APM Vol. 3, "MOV CRn")."""
    number = instruction.modrm >> 3 & 7 | (8 if instruction.prefixes & (REX_R | LOCK) else 0)
    return registers.CONTROL[number]


def by_opcode(kind: Kind, opcode: int) -> Reader:
    """The register that the low bits of the opcode number, with REX.B."""
    table, mask = by_index(kind, "rm")
    low = opcode & 7
    return lambda instruction: table[low | instruction.prefixes & mask]


def by_vvvv(kind: Kind, bits: int) -> Reader:
    """The register that VEX.vvvv numbers."""
    table, mask = KINDS[kind], 31 if bits == 64 else 7
    return lambda instruction: table[instruction.prefixes >> VVVV_SHIFT & mask]


def by_immediate(kind: Kind, bits: int) -> Reader:
    """The register that the high bits of the immediate number."""
    table, mask = KINDS[kind], 15 if bits == 64 else 7
    return lambda instruction: table[instruction.immediates[0] >> 4 & mask]


def together(readers: Sequence[Reader]) -> Callable[[Instruction], tuple[Operand, ...]]:
    """All operands at once; the usual numbers of them without a loop."""
    if len(readers) == 2:
        first, second = readers
        return lambda instruction: (first(instruction), second(instruction))
    if len(readers) == 1:
        only = readers[0]
        return lambda instruction: (only(instruction),)
    return lambda instruction: tuple([reader(instruction) for reader in readers])


def fixed(register: Register) -> Reader:
    """A register that the opcode implies."""
    return lambda _: register


def memory(instruction: Instruction) -> Operand:
    """The memory operand."""
    assert instruction.memory is not None, "a form with a memory operand was decoded without one"
    return instruction.memory


def immediate(position: int, encoded: int, size: int, signed: bool) -> Reader:
    """An immediate, sign-extended from `encoded` to `size` bytes if `signed`."""
    if signed:
        return lambda instruction: _new(Immediate, (instruction.immediates[position], encoded, size, False))
    second = position > 0
    return lambda instruction: _new(Immediate, (instruction.immediates[position], encoded, size, second))


def low_bits(instruction: Instruction) -> Operand:
    """Bits 3:0 of the immediate, where 7:4 are a register."""
    return Immediate(instruction.immediates[0] & 15, 1, 1)


def one(_: Instruction) -> Operand:
    """The 1 of the shift opcodes D0h and D1h."""
    return Immediate(1, 1, 1)


def relative(size: int) -> Reader:
    """A near branch's displacement."""
    return lambda instruction: _new(Relative, (instruction.immediates[0], size))


def far_pointer(size: int) -> Reader:
    """Offset and selector in the instruction."""
    return lambda instruction: FarPointer(instruction.immediates[1], instruction.immediates[0], size)


def string_source(register: str, size: int) -> Reader:
    """DS:rSI; DS can be overridden."""

    def read(instruction: Instruction) -> Operand:
        return StringOperand(register, instruction.segment, size)

    return read


def string_destination(register: str, size: int) -> Reader:
    """ES:rDI; ES cannot be overridden (APM Vol. 3, "Segment-Override Prefixes", 1.2.4)."""
    operand = StringOperand(register, "es", size)
    return lambda _: operand
