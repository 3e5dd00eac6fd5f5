"""Exits 27h and 37h: MOV from and to DR7.

APM Vol. 2, "Debug-Control Register (DR7)" (13.1.1); GHCB (56421), "DR7".
"""

from impl.decode.instruction import Instruction
from impl.decode.registers import Register
from impl.vc.access import Machine
from impl.vc.outcome import DONE, Fault, Outcome, Refusal, Refused, Vector
from impl.vc.privilege import require_cpl_0
from impl.vc.vcpu import LOW_32

WRITABLE = 0xFFFF_23FF
"""Bits 15:14, 12 and 11 read as zero."""
ALWAYS_ONE = 1 << 10


def read_dr7(machine: Machine, instruction: Instruction) -> Outcome:
    """The value is the guest's own copy: the hypervisor is not asked."""
    destination = instruction.operands[0]
    assert isinstance(destination, Register), "MOV from DR7 writes a general register"
    require_own_copy(machine)
    machine.vcpu.write(destination, machine.vcpu.dr7)
    return DONE


def write_dr7(machine: Machine, instruction: Instruction) -> Outcome:
    """The hypervisor gets the value as hardware would keep it, the copy is the same."""
    source = instruction.operands[1]
    assert isinstance(source, Register), "MOV to DR7 reads a general register"
    require_own_copy(machine)
    value = machine.vcpu.read(source)
    if value > LOW_32:
        raise Fault(Vector.GP, error_code=0)
    value = value & WRITABLE | ALWAYS_ONE
    machine.exits.write_dr7(value)
    machine.vcpu.dr7 = value
    return DONE


def require_own_copy(machine: Machine) -> None:
    """With debug swap hardware keeps DR7 for the guest, and the exit is none."""
    if machine.vcpu.features.debug_swap:
        raise Refused(Refusal.DR7_INTERCEPTED)
    require_cpl_0(machine.vcpu)
