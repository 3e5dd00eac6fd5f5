"""Exit 81h: VMMCALL. APM Vol. 3, "VMMCALL"; GHCB (56421), "VMMCALL"."""

from impl.decode.instruction import Instruction
from impl.decode.registers import GENERAL
from impl.vc.access import Machine
from impl.vc.outcome import DONE, Outcome
from impl.vc.vcpu import RAX


def vmmcall(machine: Machine, _: Instruction) -> Outcome:
    """RAX and the CPL go out, RAX comes back. Registers of one hypervisor's own convention are not sent."""
    vcpu = machine.vcpu
    register = GENERAL[8 if vcpu.bits == 64 else 4][RAX]
    vcpu.write(register, machine.exits.hypercall(vcpu.read(register), vcpu.cpl))
    return DONE
