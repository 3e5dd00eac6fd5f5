"""Exit 7Bh: IN, OUT, INS and OUTS. APM Vol. 3, "IN", "INS", "OUT", "OUTS"; GHCB (56421), "IOIO_PROT"."""

from impl.decode.instruction import Immediate, Instruction, Operand, StringOperand
from impl.decode.prefixes import OPERAND_SIZE, REX_W
from impl.decode.registers import Register
from impl.decode.semantics import Operation, semantics
from impl.vc.access import Machine, get, put, string_place
from impl.vc.outcome import DONE, Outcome, Refusal, Refused
from impl.vc.privilege import require_port
from impl.vc.repeats import repeated, step
from impl.vc.vcpu import LOW_32, MASKS, RDX

WIDE = 4
"""The widest access to a port: REX.W makes it no wider."""
PORTS = 0xFFFF


def port_io(machine: Machine, instruction: Instruction) -> Outcome:
    """A port's number, width and direction come from the instruction and the saved registers alone."""
    work = semantics(instruction)
    assert work is not None, "instructions of ports have semantics"
    # docs/open-questions.md, Q-65.
    if work.size == WIDE and instruction.prefixes & OPERAND_SIZE and instruction.prefixes & REX_W:
        raise Refused(Refusal.OPERAND_SIZES)
    if work.operation is Operation.PORT_STRING:
        transfer = ins if instruction.mnemonic.startswith("ins") else outs
        require_port(machine, machine.vcpu.gpr[RDX] & PORTS, work.size)
        return repeated(
            machine.vcpu, instruction, work.size, work.repeat, lambda: transfer(machine, instruction, work.size)
        )
    first, second = instruction.operands
    if instruction.mnemonic == "in":
        assert isinstance(first, Register), "IN has an accumulator"
        port = port_of(machine, second, work.size)
        machine.vcpu.write(first, machine.exits.port_in(port, work.size) & MASKS[work.size])
    else:
        assert isinstance(second, Register), "OUT has an accumulator"
        port = port_of(machine, first, work.size)
        machine.exits.port_out(port, work.size, machine.vcpu.read(second))
    return DONE


def port_of(machine: Machine, operand: Operand, size: int) -> int:
    """DX, or the unsigned immediate; allowed to this code."""
    assert isinstance(operand, Register | Immediate), "a port is in DX or in the instruction"
    port = operand.value & 0xFF if isinstance(operand, Immediate) else machine.vcpu.read(operand)
    require_port(machine, port, size)
    return port


def ins(machine: Machine, instruction: Instruction, size: int) -> None:
    """One element from the port to ES:rDI, which must be writable before the port is read."""
    destination = instruction.operands[0]
    assert isinstance(destination, StringOperand), "INS writes a string"
    place = string_place(machine, destination, write=True)
    put(machine, place, size, machine.exits.port_in(machine.vcpu.gpr[RDX] & PORTS, size))
    step(machine.vcpu, destination)


def outs(machine: Machine, instruction: Instruction, size: int) -> None:
    """One element from rSI to the port."""
    source = instruction.operands[1]
    assert isinstance(source, StringOperand), "OUTS reads a string"
    value = get(machine, string_place(machine, source, write=False), size)
    machine.exits.port_out(machine.vcpu.gpr[RDX] & PORTS, size, value & LOW_32)
    step(machine.vcpu, source)
