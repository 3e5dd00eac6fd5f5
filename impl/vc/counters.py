"""Exits 6Eh, 87h and 6Fh: RDTSC, RDTSCP and RDPMC.

APM Vol. 3, the instructions' pages; APM Vol. 2, "Secure TSC" (15.36.18).
"""

from impl.decode.instruction import Instruction
from impl.vc.access import Machine
from impl.vc.msr import write_edx_eax
from impl.vc.outcome import DONE, Fault, Outcome, Refusal, Refused, Vector
from impl.vc.vcpu import CR4_PCE, CR4_TSD, LOW_32, RCX, Vcpu


def rdtsc(machine: Machine, _: Instruction) -> Outcome:
    """EDX:EAX is the counter."""
    require_tsc(machine.vcpu)
    write_edx_eax(machine.vcpu, machine.exits.read_tsc())
    return DONE


def rdtscp(machine: Machine, _: Instruction) -> Outcome:
    """EDX:EAX is the counter, ECX is TSC_AUX."""
    require_tsc(machine.vcpu)
    counter, auxiliary = machine.exits.read_tscp()
    write_edx_eax(machine.vcpu, counter)
    machine.vcpu.gpr[RCX] = auxiliary & LOW_32
    return DONE


def rdpmc(machine: Machine, _: Instruction) -> Outcome:
    """ECX names the counter, EDX:EAX is its value."""
    vcpu = machine.vcpu
    if vcpu.cpl != 0 and not vcpu.cr4 & CR4_PCE:
        raise Fault(Vector.GP, error_code=0)
    write_edx_eax(vcpu, machine.exits.read_counter(vcpu.gpr[RCX] & LOW_32))
    return DONE


def require_tsc(vcpu: Vcpu) -> None:
    """The code may read the counter, and the counter is the hypervisor's."""
    if vcpu.features.secure_tsc:
        raise Refused(Refusal.TSC_INTERCEPTED)
    if vcpu.cpl != 0 and vcpu.cr4 & CR4_TSD:
        raise Fault(Vector.GP, error_code=0)
