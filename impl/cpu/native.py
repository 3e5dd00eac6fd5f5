"""Watched instructions that no one intercepts, as the machine carries them out. APM Vol. 3, the instructions' pages."""

from collections.abc import Callable

from impl.completion import Completion, Flags
from impl.decode.instruction import Instruction
from impl.machine import Cpu, Machine
from impl.rmp.pvalidate import pvalidate
from impl.rmp.rmpadjust import rmpadjust
from impl.rmp.rmpquery import rmpquery
from impl.vc.vcpu import AF, CF, OF, PF, RAX, RCX, RDX, SF, ZF, Vcpu
from spec.vocabulary import Eax

FLAG_BITS = {"cf": CF, "zf": ZF, "of": OF, "sf": SF, "af": AF, "pf": PF}
Carry = Callable[[Machine, Cpu, int, int, int], Completion]
ON_THE_RMP: dict[str, Carry] = {
    "pvalidate": pvalidate,
    "rmpadjust": rmpadjust,
    "rmpquery": lambda machine, cpu, rax, _, rdx: rmpquery(machine, cpu, rax, rdx),
}
"""RAX, RCX and RDX are their operands."""


def on_the_rmp(machine: Machine, cpu: Cpu, vcpu: Vcpu, instruction: Instruction) -> Completion:
    """PVALIDATE, RMPADJUST and RMPQUERY: the code in EAX, the flags, and what RMPQUERY gives."""
    gpr = vcpu.gpr
    ended = ON_THE_RMP[instruction.mnemonic](machine, cpu, gpr[RAX], gpr[RCX], gpr[RDX])
    if isinstance(ended.result, Eax):
        gpr[RAX] = int(ended.result)
        gpr[RCX] = gpr[RCX] if ended.rcx is None else ended.rcx
        gpr[RDX] = gpr[RDX] if ended.rdx is None else ended.rdx
        vcpu.rflags = with_flags(vcpu.rflags, ended.flags)
    return ended


def with_flags(rflags: int, flags: Flags | None) -> int:
    """RFLAGS with the flags that have a value."""
    for name, bit in FLAG_BITS.items():
        value = getattr(flags, name, None)
        if value is not None:
            rflags = rflags | bit if value else rflags & ~bit
    return rflags


def is_empty_repeat(vcpu: Vcpu, instruction: Instruction) -> bool:
    """INS or OUTS with REP and a count of 0 in rCX: nothing happens, and nothing is intercepted."""
    counted = (instruction.repe or instruction.repne) and instruction.mnemonic.startswith(("ins", "outs"))
    mask = (1 << 8 * instruction.form.address_size) - 1
    return counted and not vcpu.gpr[RCX] & mask
