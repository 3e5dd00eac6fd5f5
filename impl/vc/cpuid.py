"""Exit 72h: CPUID. APM Vol. 3, "CPUID"; GHCB (56421), "CPUID".

An SNP guest answers from its CPUID page; that is the matter of the `Exits` that it is given.
"""

from impl.decode.instruction import Instruction
from impl.vc.access import Machine
from impl.vc.outcome import DONE, Outcome
from impl.vc.vcpu import LOW_32, RAX, RBX, RCX, RDX

EXTENDED_STATE = 0xD
"""The leaf whose answer depends on XCR0."""


def cpuid(machine: Machine, _: Instruction) -> Outcome:
    """EAX and ECX go out; the four results of 32 bits clear the upper halves."""
    vcpu = machine.vcpu
    leaf = vcpu.gpr[RAX] & LOW_32
    xcr0 = vcpu.xcr0 if leaf == EXTENDED_STATE else None
    reply = machine.exits.cpuid(leaf, vcpu.gpr[RCX] & LOW_32, xcr0)
    for register, value in ((RAX, reply.eax), (RBX, reply.ebx), (RCX, reply.ecx), (RDX, reply.edx)):
        vcpu.gpr[register] = value & LOW_32
    return DONE
