"""Exit 400h: an instruction whose memory operand is MMIO. GHCB (56421), "MMIO Access".

The device is accessed once for each access that the instruction makes, with the instruction's width. What would need
more than that, an atomic access or a vector register, is refused by name.
"""

from impl.decode.instruction import Immediate, Instruction, Memory, Operand
from impl.decode.memory_direction import Direction
from impl.decode.registers import SEGMENT, Register
from impl.decode.semantics import Extension, Operation, Semantics, semantics
from impl.vc.access import Machine, get, place_of, put
from impl.vc.arithmetic import arithmetic
from impl.vc.memory import Place
from impl.vc.outcome import DONE, Outcome, Refusal, Refused
from impl.vc.strings import string
from impl.vc.vcpu import MASKS


def mmio(machine: Machine, instruction: Instruction) -> Outcome:
    """Do the instruction with its memory operand behind an exit."""
    work = semantics(instruction)
    assert work is not None, "an instruction with a memory operand has semantics"
    if work.locked or work.operation is Operation.EXCHANGE:
        raise Refused(Refusal.ATOMIC)
    if work.operation is Operation.STRING:
        return string(machine, instruction, work)
    if work.operation not in CARRIED_OUT:
        raise Refused(Refusal.VECTOR if work.operation is Operation.VECTOR else Refusal.OPERATION)
    operands = instruction.operands
    if any(operand in SEGMENT for operand in operands):
        raise Refused(Refusal.SEGMENT_REGISTER)
    # docs/open-questions.md, Q-65.
    if instruction.mnemonic == "movsxd" and instruction.form.operand_size == 2:
        raise Refused(Refusal.OPERAND_SIZES)
    memory = instruction.memory
    assert memory is not None, "an MMIO exit admits only instructions with a memory operand"
    place = place_of(machine, instruction, memory, write=work.direction is not Direction.READ)
    if not place.mmio:
        raise Refused(Refusal.PRIVATE_MEMORY)
    CARRIED_OUT[work.operation](machine, instruction, work, place)
    return DONE


def move(machine: Machine, instruction: Instruction, work: Semantics, place: Place) -> None:
    """MOV, moffs included. An immediate is sign-extended to the width of the access."""
    destination, source = instruction.operands
    if isinstance(destination, Register):
        machine.vcpu.write(destination, get(machine, place, work.size))
    else:
        put(machine, place, work.size, value_of(machine, source, work.size))


def move_extended(machine: Machine, instruction: Instruction, work: Semantics, place: Place) -> None:
    """MOVZX, MOVSX, MOVSXD. Sign and value come from the one reading."""
    value = get(machine, place, work.size)
    if work.extension is Extension.SIGN and value >> (8 * work.size - 1):
        value -= 1 << 8 * work.size
    destination = instruction.operands[0]
    assert isinstance(destination, Register), "an extending move writes a register"
    machine.vcpu.write(destination, value & MASKS[destination.size])


def move_big_endian(machine: Machine, instruction: Instruction, work: Semantics, place: Place) -> None:
    """MOVBE: MOV with the bytes in the other order."""
    destination, source = instruction.operands
    if isinstance(destination, Register):
        machine.vcpu.write(destination, reversed_bytes(get(machine, place, work.size), work.size))
    else:
        put(machine, place, work.size, reversed_bytes(value_of(machine, source, work.size), work.size))


def reversed_bytes(value: int, size: int) -> int:
    """The bytes of a value in the other order."""
    return int.from_bytes(value.to_bytes(size, "little"), "big")


def compute(machine: Machine, instruction: Instruction, work: Semantics, place: Place) -> None:
    """Arithmetic and comparisons, with memory as either operand; RFLAGS change after the device has its result."""
    operands, size = instruction.operands, work.size
    in_memory = get(machine, place, size)
    first, second = (in_memory if isinstance(o, Memory) else value_of(machine, o, size) for o in (*operands, ONE)[:2])
    result, rflags = arithmetic(instruction.mnemonic, first, second, size, machine.vcpu.rflags)
    destination = operands[0]
    if work.operation is Operation.ARITHMETIC:
        if isinstance(destination, Register):
            machine.vcpu.write(destination, result)
        else:
            put(machine, place, size, result)
    machine.vcpu.rflags = rflags


def value_of(machine: Machine, operand: Operand, size: int) -> int:
    """A register, or an immediate in the width of the access."""
    if isinstance(operand, Register):
        return machine.vcpu.read(operand)
    assert isinstance(operand, Immediate), "what is not in memory is a register or an immediate"
    return operand.value & MASKS[size]


ONE = Immediate(1, 1, 1)
"""The second operand of instructions that have only one; INC and DEC add and subtract it."""
CARRIED_OUT = {
    Operation.MOVE: move,
    Operation.MOVE_EXTENDED: move_extended,
    Operation.MOVE_BIG_ENDIAN: move_big_endian,
    Operation.ARITHMETIC: compute,
    Operation.COMPARE: compute,
}
