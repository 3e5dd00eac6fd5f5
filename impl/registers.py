"""Model-specific registers that concern SNP, and what writing them does. APM Vol. 2, "Enabling SEV-SNP" (15.36.2)."""

from enum import IntEnum, unique

from impl.configuration import Configuration

SYSCFG_MFDM = 1 << 19
SYSCFG_MEMORY_ENCRYPTION = 1 << 23
SYSCFG_SNP = 1 << 24
SYSCFG_VMPL = 1 << 25
RMP_CFG_SEGMENTED = 1 << 0
RMP_CFG_EXPONENT_SHIFT = 8
RMP_CFG_EXPONENT_MASK = 0x3F
IBS_FETCH_ENABLE = 1 << 48
IBS_OP_ENABLE = 1 << 17


@unique
class Msr(IntEnum):
    """MSR numbers."""

    SYSCFG = 0xC001_0010
    VM_HSAVE_PA = 0xC001_0117
    RMP_BASE = 0xC001_0132
    RMP_END = 0xC001_0133
    RMP_CFG = 0xC001_0136
    IBS_FETCH_CTL = 0xC001_1030
    IBS_OP_CTL = 0xC001_1033


def initial_registers(configuration: Configuration) -> dict[Msr, int]:
    """The registers of a machine as firmware of the platform left them."""
    registers = {
        Msr.SYSCFG: SYSCFG_MEMORY_ENCRYPTION,
        Msr.VM_HSAVE_PA: 0,
        Msr.RMP_BASE: configuration.rmp_base,
        Msr.RMP_END: configuration.rmp_end,
        Msr.IBS_FETCH_CTL: 0,
        Msr.IBS_OP_CTL: 0,
    }
    if configuration.features.segmented_rmp:
        enabled = RMP_CFG_SEGMENTED if configuration.segments else 0
        registers[Msr.RMP_CFG] = enabled | configuration.segment_exponent << RMP_CFG_EXPONENT_SHIFT
    if configuration.snp_enabled:
        registers[Msr.SYSCFG] |= SYSCFG_SNP | SYSCFG_VMPL
    return registers
