"""Exit 7Ch: RDMSR and WRMSR. APM Vol. 3, "RDMSR", "WRMSR"; GHCB (56421), "MSR_PROT"."""

from impl.decode.instruction import Instruction
from impl.vc.access import Machine
from impl.vc.outcome import DONE, Outcome, Refusal, Refused
from impl.vc.privilege import require_cpl_0
from impl.vc.vcpu import LOW_32, RAX, RCX, RDX, Vcpu

GHCB_MSR = 0xC001_0130
"""Every exit uses it, so an exit for it would have no end."""


def msr(machine: Machine, instruction: Instruction) -> Outcome:
    """ECX names the register, and EDX:EAX is the value; their upper halves stay in the guest."""
    vcpu = machine.vcpu
    require_cpl_0(vcpu)
    number = vcpu.gpr[RCX] & LOW_32
    if number == GHCB_MSR:
        raise Refused(Refusal.GHCB_MSR)
    if instruction.mnemonic == "rdmsr":
        write_edx_eax(vcpu, machine.exits.read_msr(number))
    else:
        machine.exits.write_msr(number, (vcpu.gpr[RDX] & LOW_32) << 32 | vcpu.gpr[RAX] & LOW_32)
    return DONE


def write_edx_eax(vcpu: Vcpu, value: int) -> None:
    """Two results of 32 bits, so bits 63:32 of RAX and RDX become 0."""
    vcpu.gpr[RAX] = value & LOW_32
    vcpu.gpr[RDX] = value >> 32 & LOW_32
