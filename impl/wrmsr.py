"""WRMSR by the host to the registers that concern SNP. APM Vol. 2, 15.36.2, 15.36.4, 15.36.12 and 15.36.22."""

from collections.abc import Callable

from impl.completion import Completion
from impl.configuration import GIB
from impl.machine import Cpu, Machine
from impl.memory.engine import HOST_ASID
from impl.registers import (
    RMP_CFG_EXPONENT_MASK,
    RMP_CFG_EXPONENT_SHIFT,
    RMP_CFG_SEGMENTED,
    SYSCFG_MEMORY_ENCRYPTION,
    SYSCFG_MFDM,
    SYSCFG_SNP,
    SYSCFG_VMPL,
    Msr,
)
from impl.rmp.implicit import names_page, owned_by_host
from impl.rmp.locator import SegmentedRmp
from spec.vocabulary import Event

_RMP_ALIGNMENT = 8 << 10
_SEGMENTED_ALIGNMENT = 1 << 20
_MIB_SHIFT = 20
_ENTRY_SHARE_SHIFT = 8
"""Entries take 1/256 of the memory that they cover."""
_LOCKED_BITS = SYSCFG_MFDM | SYSCFG_MEMORY_ENCRYPTION | SYSCFG_SNP | SYSCFG_VMPL


def wrmsr(machine: Machine, cpu: Cpu, index: Msr, value: int) -> Completion:
    """Write one register; #GP(0) where the value or the moment is refused. A guest's write is intercepted."""
    if cpu.cpl != 0:
        return Completion(Event.GP, "cpl")
    if index not in machine.registers:
        return Completion(Event.GP, "register")
    if cpu.asid != HOST_ASID:
        return Completion(Event.VMEXIT, "intercepted")
    refused = _JUDGES.get(index, _accept)(machine, value)
    if refused:
        return Completion(Event.GP, refused)
    if index == Msr.SYSCFG and machine.snp_enabled:
        # Writes to these bits are ignored once SNP is on.
        value = value & ~_LOCKED_BITS | machine.registers[index] & _LOCKED_BITS
    machine.registers[index] = value
    if index in (Msr.RMP_BASE, Msr.RMP_END, Msr.RMP_CFG):
        machine.relocate_rmp()
    return Completion(Event.COMPLETES, "written")


def _accept(_machine: Machine, _value: int) -> str:
    return ""


def _judge_host_save_area(machine: Machine, value: int) -> str:
    """Hypervisor-Owned and nothing else (Table 15-41): the page is not accessed yet."""
    return "" if names_page(machine, value) and owned_by_host(machine, value) else "hypervisor-owned"


def _judge_rmp_base(machine: Machine, value: int) -> str:
    if machine.snp_enabled:
        return "snp-enabled"
    return "alignment" if value % _RMP_ALIGNMENT else ""


def _judge_rmp_end(machine: Machine, value: int) -> str:
    return _judge_rmp_base(machine, value + 1)


def _judge_rmp_cfg(machine: Machine, value: int) -> str:
    """The segment size must lie within the exponents of CPUID 8000_0025h (their unit: knob K-SEGUNIT)."""
    if machine.snp_enabled:
        return "snp-enabled"
    unit = 0 if machine.knobs.segment_unit_bytes else _MIB_SHIFT
    limits = machine.configuration.segment_limits
    exponent = value >> RMP_CFG_EXPONENT_SHIFT & RMP_CFG_EXPONENT_MASK
    fits = limits.minimum_exponent + unit <= exponent <= limits.maximum_exponent + unit
    return "" if fits else "segment-size"


def _judge_syscfg(machine: Machine, value: int) -> str:
    """Turning SNP on needs an aligned segmented RMP, and, with a reduced number of segments, a sound table."""
    segmented = machine.registers.get(Msr.RMP_CFG, 0) & RMP_CFG_SEGMENTED
    if machine.snp_enabled or not value & SYSCFG_SNP or not segmented:
        return ""
    if machine.registers[Msr.RMP_BASE] % _SEGMENTED_ALIGNMENT:
        return "alignment"
    limits = machine.configuration.segment_limits
    locator = machine.segmented_rmp()
    sound = all(_segment_sound(machine, locator, index) for index in range(limits.usable))
    return "" if sound or not limits.only_cached_usable else "segment-table"


def _segment_sound(machine: Machine, locator: SegmentedRmp, index: int) -> bool:
    entry = locator.table_entry(index)
    covered = min(entry.covered_gib * GIB, 1 << locator.exponent)
    return not entry.reserved and machine.memory.exists(entry.base, covered >> _ENTRY_SHARE_SHIFT)


_JUDGES: dict[Msr, Callable[[Machine, int], str]] = {
    Msr.VM_HSAVE_PA: _judge_host_save_area,
    Msr.RMP_BASE: _judge_rmp_base,
    Msr.RMP_END: _judge_rmp_end,
    Msr.RMP_CFG: _judge_rmp_cfg,
    Msr.SYSCFG: _judge_syscfg,
}
