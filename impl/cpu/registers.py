"""The general registers, RIP, RFLAGS and segment bases of Unicorn, beside those of the stopped virtual processor."""

from typing import Any

from unicorn import x86_const

from impl.decode.registers import GENERAL
from impl.vc.vcpu import Vcpu

GENERAL_REGISTERS = tuple(getattr(x86_const, f"UC_X86_REG_{register.name.upper()}") for register in GENERAL[8])
"""By register number."""
RIP, RFLAGS = x86_const.UC_X86_REG_RIP, x86_const.UC_X86_REG_RFLAGS
BASES = {"fs": x86_const.UC_X86_REG_FS_BASE, "gs": x86_const.UC_X86_REG_GS_BASE}
ALL = (*GENERAL_REGISTERS, RIP, RFLAGS, *BASES.values())


def load(uc: Any, vcpu: Vcpu) -> None:
    """Unicorn goes on from the state of `vcpu`."""
    values = (*vcpu.gpr, vcpu.rip, vcpu.rflags, *(vcpu.segment_bases[segment] for segment in BASES))
    uc.reg_write_batch(tuple(zip(ALL, values, strict=True)))


def save(uc: Any, vcpu: Vcpu) -> None:
    """`vcpu` becomes the state in which Unicorn stopped."""
    *gpr, rip, rflags, fs_base, gs_base = uc.reg_read_batch(ALL)
    vcpu.gpr[:] = gpr
    vcpu.rip, vcpu.rflags = rip, rflags
    vcpu.segment_bases.update(fs=fs_base, gs=gs_base)
