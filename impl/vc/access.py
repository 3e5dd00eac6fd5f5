"""Where an operand lies, and reading and writing it there: MMIO through an exit, the rest in the guest.

APM Vol. 1, "Memory Addressing" (2.2): effective address modulo the address size, plus the segment base. APM Vol. 2,
"Canonical Address Form" (5.3.1).
"""

from typing import NamedTuple

from impl.decode.instruction import Instruction, Memory, StringOperand
from impl.vc.exits import Exits
from impl.vc.memory import GuestMemory, Place
from impl.vc.outcome import Fault, Refusal, Refused, Vector
from impl.vc.vcpu import BY_NAME, LOW_32, LOW_64, MASKS, Vcpu


class Machine(NamedTuple):
    """What one #VC is handled with."""

    vcpu: Vcpu
    memory: GuestMemory
    exits: Exits


def effective_address(vcpu: Vcpu, instruction: Instruction, memory: Memory) -> int:
    """Base + index × scale + displacement, modulo the address size; RIP is that of the next instruction."""
    address = memory.displacement
    if memory.base in ("rip", "eip"):
        address += vcpu.rip + instruction.length
    elif memory.base is not None:
        address += vcpu.gpr[BY_NAME[memory.base].number]
    if memory.index is not None:
        address += vcpu.gpr[BY_NAME[memory.index].number] * memory.scale
    return address & MASKS[instruction.form.address_size]


def linear_address(vcpu: Vcpu, segment: str, offset: int, size: int, address_size: int) -> int:
    """The linear address of `size` bytes at an offset of a segment; faults where no such address exists."""
    if vcpu.bits == 64:
        base = vcpu.segment_bases[segment] if segment in ("fs", "gs") else 0
        linear = (base + offset) & LOW_64
        if linear + size - 1 > LOW_64:
            raise Refused(Refusal.BEYOND_LAST_ADDRESS)
        if not (canonical(vcpu, linear) and canonical(vcpu, linear + size - 1)):
            raise Fault(Vector.SS if segment == "ss" else Vector.GP, error_code=0)
        return linear
    # Hardware compares with the segment limit before it intercepts; no limit is beyond the last offset.
    if offset + size - 1 > MASKS[address_size]:
        raise Refused(Refusal.BEYOND_LAST_ADDRESS)
    return (vcpu.segment_bases[segment] + offset) & LOW_32


def canonical(vcpu: Vcpu, address: int) -> bool:
    """Bits 63:47 are all equal, or bits 63:56 with addresses of 57 bits."""
    high = address >> (56 if vcpu.features.la57 else 47)
    return high in (0, LOW_64 >> (56 if vcpu.features.la57 else 47))


def place_of(machine: Machine, instruction: Instruction, memory: Memory, *, write: bool) -> Place:
    """Where a memory operand lies, asked for before anything is done."""
    vcpu, address_size = machine.vcpu, instruction.form.address_size
    offset = effective_address(vcpu, instruction, memory)
    linear = linear_address(vcpu, memory.segment, offset, memory.size, address_size)
    return placed(machine, linear, memory.size, write=write)


def string_place(machine: Machine, operand: StringOperand, *, write: bool) -> Place:
    """Where the present element of a string lies."""
    vcpu, register = machine.vcpu, BY_NAME[operand.register]
    linear = linear_address(vcpu, operand.segment, vcpu.read(register), operand.size, register.size)
    return placed(machine, linear, operand.size, write=write)


def placed(machine: Machine, linear: int, size: int, *, write: bool) -> Place:
    """Where a linear address lies. A user's MMIO is refused: another thread can change the instruction meanwhile."""
    place = machine.memory.place(linear, size, machine.vcpu.cpl, write=write)
    if place.mmio and machine.vcpu.cpl == 3:
        raise Refused(Refusal.USER_MMIO)
    return place


def get(machine: Machine, place: Place, size: int) -> int:
    """Read once; of a device's answer the bytes of the access count."""
    if place.mmio:
        return machine.exits.mmio_read(place.address, size) & MASKS[size]
    return machine.memory.load(place.address, size) & MASKS[size]


def put(machine: Machine, place: Place, size: int, value: int) -> None:
    """Write once; no more than the bytes of the access leave the guest."""
    if place.mmio:
        machine.exits.mmio_write(place.address, size, value & MASKS[size])
    else:
        machine.memory.store(place.address, size, value & MASKS[size])
