"""Which instructions the hypervisor has intercepted, and what it is told of each.

APM Vol. 2, "Instruction Intercepts" (15.9), "IOIO Intercepts" (15.10), "MSR Intercepts" (15.11). The guest runs at CPL
0, so no privilege check goes before an intercept.
"""

from typing import NamedTuple

from impl.decode.exits import MSR
from impl.decode.instruction import Immediate, Instruction, StringOperand
from impl.decode.registers import CONTROL, DEBUG, Register
from impl.decode.semantics import Operation, Repeat, semantics
from impl.memory.physical import PhysicalMemory
from impl.rmp.vmcb import INTERCEPTS, IOPM_BASE, MSRPM_BASE, load_word
from impl.vc.admission import exit_code_of
from impl.vc.vcpu import LOW_32, RCX, RDX, Vcpu
from spec.ghcb.vocabulary import exits

VECTOR_BYTES = 4
IOIO = exits.SvmExit.IOIO
SEGMENT_NUMBERS = {name: number for number, name in enumerate("es cs ss ds fs gs".split())}
ADDRESS_SIZES = {2: exits.IOIO_ADDRESS_16, 4: exits.IOIO_ADDRESS_32, 8: exits.IOIO_ADDRESS_64}
MSR_RANGES = {0x0000_0000: 0x0000, 0xC000_0000: 0x0800, 0xC001_0000: 0x1000}
"""First number of each range of 2000h MSRs, and where its bits begin in the map; two for each, read and write."""
MSRS_IN_RANGE = 0x2000


class Caught(NamedTuple):
    """An instruction that is intercepted."""

    exit_code: int
    info1: int = 0


def caught(memory: PhysicalMemory, vmcb: int, vcpu: Vcpu, instruction: Instruction) -> Caught | None:
    """What the intercepted instruction is, or None."""
    exit_code = exit_code_of(instruction)
    if exit_code is None or not vector_has(memory, vmcb, exit_code):
        return None
    if exit_code == MSR:
        number, writes = vcpu.gpr[RCX] & LOW_32, instruction.mnemonic == "wrmsr"
        passes = not msr_bit(memory, load_word(memory, vmcb, MSRPM_BASE), number, writes=writes)
        return None if passes else Caught(exit_code, int(writes))
    if exit_code == IOIO:
        info, port, size = port_access(vcpu, instruction)
        base = load_word(memory, vmcb, IOPM_BASE)
        return Caught(exit_code, info) if any(bit(memory, base, port + n) for n in range(size)) else None
    return Caught(exit_code, general_register(instruction))


def general_register(instruction: Instruction) -> int:
    """Decode assist of MOV CRn and MOV DRn: the number of the general register (15.8.4)."""
    found = (one for one in instruction.operands if isinstance(one, Register) and one not in (*CONTROL, *DEBUG))
    return next((register.number for register in found), 0) if instruction.mnemonic == "mov" else 0


def vector_has(memory: PhysicalMemory, vmcb: int, exit_code: int) -> bool:
    """Whether the intercept bit of an exit code below C0h is set: the words follow the order of the codes."""
    word, number = divmod(exit_code, 8 * VECTOR_BYTES)
    start = vmcb + INTERCEPTS + word * VECTOR_BYTES
    return bool(int.from_bytes(memory.read_raw(start, VECTOR_BYTES), "little") >> number & 1)


def msr_bit(memory: PhysicalMemory, base: int, number: int, *, writes: bool) -> bool:
    """Whether the access is intercepted; an MSR beyond the map always is."""
    for first, start in MSR_RANGES.items():
        if first <= number < first + MSRS_IN_RANGE:
            return bit(memory, base + start, 2 * (number - first) + writes)
    return True


def bit(memory: PhysicalMemory, base: int, number: int) -> bool:
    """One bit of a map."""
    return bool(memory.read_raw(base + number // 8, 1)[0] >> number % 8 & 1)


def port_access(vcpu: Vcpu, instruction: Instruction) -> tuple[int, int, int]:
    """EXITINFO1 of an access to a port (15.10.2), the port, and its width in bytes."""
    work = semantics(instruction)
    assert work is not None, "instructions of ports have semantics"
    info = ADDRESS_SIZES[instruction.form.address_size] | work.size << exits.IOIO_SIZE_SHIFT
    reads = instruction.mnemonic.startswith("in")
    info |= exits.IOIO_IN if reads else 0
    port: object = vcpu.gpr[RDX] & 0xFFFF
    if work.operation is Operation.PORT_STRING:
        info |= exits.IOIO_STRING | (exits.IOIO_REP if work.repeat is not Repeat.ONCE else 0)
        memory = next(operand for operand in instruction.operands if isinstance(operand, StringOperand))
        info |= SEGMENT_NUMBERS[memory.segment] << exits.IOIO_SEGMENT_SHIFT
    else:
        named = instruction.operands[1 if reads else 0]
        if isinstance(named, Immediate):
            port = named.value & 0xFF
        else:
            assert isinstance(named, Register), "a port is in DX or in the instruction"
    assert isinstance(port, int)
    return info | port << exits.IOIO_PORT_SHIFT, port, work.size
