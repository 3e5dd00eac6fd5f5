"""What an instruction that can raise #VC does to a device or to MMIO: operation, direction, widths, extension, repeat.

`semantics` answers for every instruction with a memory operand, too, because any of them can meet MMIO; what a handler
does not emulate it refuses by the operation's name. APM Vol. 3, "General-Purpose Instruction Reference" and "System
Instruction Reference".
"""

from enum import Enum, unique
from typing import NamedTuple

from impl.decode.exits import BY_MNEMONIC, VcClass
from impl.decode.instruction import Instruction, Memory
from impl.decode.memory_direction import Direction, direction_of
from impl.decode.notation import VECTORS, parsed
from impl.decode.registers import Register


@unique
class Extension(Enum):
    """How a value that was read fills a wider destination."""

    NONE = "none"
    ZERO = "zero"
    SIGN = "sign"


@unique
class Repeat(Enum):
    """When a string instruction stops."""

    ONCE = "once"
    """No prefix: one element; rCX is not touched."""
    COUNT = "rCX elements"
    WHILE_EQUAL = "rCX elements, while equal"
    WHILE_NOT_EQUAL = "rCX elements, while not equal"


@unique
class Operation(Enum):
    """What kind of work it is; the mnemonic tells the members of a kind apart."""

    SYSTEM = "an instruction that is intercepted as such"
    PORT = "IN or OUT"
    PORT_STRING = "INS or OUTS"
    MOVE = "MOV, with moffs and segment registers too"
    MOVE_BIG_ENDIAN = "MOVBE"
    MOVE_EXTENDED = "MOVZX, MOVSX, MOVSXD"
    STRING = "MOVS, STOS, LODS, CMPS, SCAS"
    ARITHMETIC = "ADD, OR, ADC, SBB, AND, SUB, XOR, INC, DEC, NOT, NEG"
    COMPARE = "CMP, TEST"
    EXCHANGE = "XCHG, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B"
    VECTOR = "an instruction of MMX, SSE, AVX, AVX-512, XOP or 3DNow! registers, or of opmasks"
    OTHER = "any other instruction with a memory operand"


class Semantics(NamedTuple):
    """The work of one instruction as a #VC handler sees it."""

    operation: Operation
    direction: Direction
    size: int
    """Bytes of one access to the port or the memory operand."""
    destination_size: int
    """Bytes of the destination that are written; what happens to the bytes above them, the register's width decides."""
    extension: Extension
    repeat: Repeat
    locked: bool
    """By LOCK, or as XCHG with memory without it."""


OPERATIONS = {
    "mov": Operation.MOVE,
    "movbe": Operation.MOVE_BIG_ENDIAN,
    **dict.fromkeys("movzx movsx movsxd".split(), Operation.MOVE_EXTENDED),
    **dict.fromkeys("add or adc sbb and sub xor inc dec not neg".split(), Operation.ARITHMETIC),
    **dict.fromkeys("cmp test".split(), Operation.COMPARE),
    **dict.fromkeys("xchg xadd cmpxchg cmpxchg8b cmpxchg16b".split(), Operation.EXCHANGE),
}
EXTENSIONS = {"movzx": Extension.ZERO, "movsx": Extension.SIGN, "movsxd": Extension.SIGN}


def semantics(instruction: Instruction) -> Semantics | None:
    """The work of an instruction; None if it can raise no #VC: neither intercepted nor with a memory operand."""
    form = instruction.form
    vc = BY_MNEMONIC.get(form.mnemonic)
    if form.implicit in ("X", "Y"):
        return string(instruction, Operation.STRING if vc is None else Operation.PORT_STRING)
    if vc is VcClass.IOIO:
        return port(instruction)
    if vc is not None:
        return Semantics(Operation.SYSTEM, Direction.NONE, 0, 0, Extension.NONE, Repeat.ONCE, False)
    if "C" in form.row.operands or "D" in form.row.operands:
        return control(instruction)
    return with_memory(instruction, instruction.memory) if instruction.memory is not None else None


def port(instruction: Instruction) -> Semantics:
    """IN and OUT: the accumulator says the width, which REX.W does not change."""
    reads = instruction.mnemonic == "in"
    accumulator = instruction.operands[0 if reads else 1]
    assert isinstance(accumulator, Register), "IN and OUT have an accumulator"
    direction = Direction.READ if reads else Direction.WRITE
    return Semantics(Operation.PORT, direction, accumulator.size, accumulator.size, Extension.NONE, Repeat.ONCE, False)


def control(instruction: Instruction) -> Semantics:
    """MOV with a control or debug register: READ is from it. The general register has the native width."""
    reads = instruction.form.row.operands[1] in ("C", "D")
    general = instruction.operands[0 if reads else 1]
    assert isinstance(general, Register), "MOV CRn and MOV DRn have a general register"
    direction = Direction.READ if reads else Direction.WRITE
    return Semantics(Operation.SYSTEM, direction, general.size, general.size, Extension.NONE, Repeat.ONCE, False)


def string(instruction: Instruction, operation: Operation) -> Semantics:
    """The string instructions, those of ports too: the direction is that of the memory side."""
    compares = instruction.mnemonic[:4] in ("cmps", "scas")
    if instruction.repne:
        repeat = Repeat.WHILE_NOT_EQUAL if compares else Repeat.COUNT
    elif instruction.repe:
        repeat = Repeat.WHILE_EQUAL if compares else Repeat.COUNT
    else:
        repeat = Repeat.ONCE
    size = instruction.form.memory_size
    return Semantics(operation, direction_of(instruction.form), size, size, Extension.NONE, repeat, False)


def with_memory(instruction: Instruction, memory: Memory) -> Semantics:
    """An instruction that can meet MMIO in its memory operand."""
    form = instruction.form
    vector = any(parsed(text).method in VECTORS for text in form.row.operands)
    operation = Operation.VECTOR if vector else OPERATIONS.get(form.mnemonic, Operation.OTHER)
    destination = instruction.operands[0]
    return Semantics(
        operation=operation,
        direction=direction_of(form),
        size=memory.size,
        destination_size=destination.size if isinstance(destination, Register) else memory.size,
        extension=EXTENSIONS.get(form.mnemonic, Extension.NONE),
        repeat=Repeat.ONCE,
        locked=instruction.lock or form.mnemonic == "xchg",
    )
