from dataclasses import replace

import pytest

from impl.machine import GENOA, HOST, TURIN, Cpu, Machine
from impl.registers import SYSCFG_MEMORY_ENCRYPTION, SYSCFG_SNP, SYSCFG_VMPL, Msr
from impl.rmp.layout import RmpEntry
from impl.wrmsr import wrmsr
from spec.knobs import Knobs
from spec.vocabulary import Event

SNP_ON = SYSCFG_MEMORY_ENCRYPTION | SYSCFG_SNP | SYSCFG_VMPL


def off(configuration) -> Machine:
    return Machine(replace(configuration, snp_enabled=False))


def test_wrmsr_outside_the_kernel_or_of_an_absent_register_is_general_protection():
    machine = off(GENOA)
    assert wrmsr(machine, Cpu(cpl=3), Msr.RMP_BASE, 0x10_0000).result == Event.GP
    assert wrmsr(machine, Cpu(9), Msr.RMP_BASE, 0x10_0000).result == Event.VMEXIT
    assert wrmsr(machine, HOST, Msr.RMP_CFG, 0).result == Event.GP


def test_rmp_bounds_move_the_rmp_while_snp_is_off():
    machine = off(GENOA)
    assert wrmsr(machine, HOST, Msr.RMP_BASE, 0x800_0000).result == Event.COMPLETES
    assert wrmsr(machine, HOST, Msr.RMP_END, 0x900_3FFF).result == Event.COMPLETES
    assert machine.rmp.entry_address(0) == 0x800_4000
    assert not machine.rmp.covers(1 << 20)


@pytest.mark.parametrize(("msr", "value"), [(Msr.RMP_BASE, 0x10_1000), (Msr.RMP_END, 0x110_3000)])
def test_misaligned_rmp_bounds_are_general_protection(msr, value):
    assert wrmsr(off(GENOA), HOST, msr, value).check == "alignment"


@pytest.mark.parametrize("msr", [Msr.RMP_BASE, Msr.RMP_END, Msr.RMP_CFG])
def test_rmp_registers_are_general_protection_while_snp_is_on(msr):
    assert wrmsr(Machine(TURIN), HOST, msr, 0).check == "snp-enabled"


def test_syscfg_keeps_snp_on():
    machine = Machine(GENOA)
    wrmsr(machine, HOST, Msr.SYSCFG, 0)
    assert machine.snp_enabled


# Recorded: CPUID 8000_0025h EAX AA4h is 36 to 42, and segments of 2^37 bytes are in use.
@pytest.mark.parametrize(
    ("exponent", "result"), [(35, Event.GP), (36, Event.COMPLETES), (42, Event.COMPLETES), (43, Event.GP)]
)
def test_segment_size_must_lie_within_cpuid_s_exponents(exponent, result):
    assert wrmsr(off(TURIN), HOST, Msr.RMP_CFG, exponent << 8 | 1).result == result


def test_segment_size_limits_are_in_mib_where_the_knob_says():
    machine = off(replace(TURIN, knobs=Knobs(segment_unit_bytes=False)))
    assert wrmsr(machine, HOST, Msr.RMP_CFG, 37 << 8 | 1).result == Event.GP
    assert wrmsr(machine, HOST, Msr.RMP_CFG, 56 << 8 | 1).result == Event.COMPLETES


def test_snp_on_with_a_sound_segment_table_succeeds():
    machine = off(TURIN)
    assert wrmsr(machine, HOST, Msr.SYSCFG, SNP_ON).result == Event.COMPLETES
    assert machine.snp_enabled


def test_snp_on_with_a_misaligned_segmented_rmp_is_general_protection():
    machine = off(TURIN)
    wrmsr(machine, HOST, Msr.RMP_BASE, 0x10_2000)
    assert wrmsr(machine, HOST, Msr.SYSCFG, SNP_ON).check == "alignment"
    assert not machine.snp_enabled


def test_snp_on_with_a_broken_segment_table_is_general_protection_only_with_reduced_segments():
    machine = off(TURIN)
    machine.memory.write_raw(0x10_4006, b"\x10")
    assert wrmsr(machine, HOST, Msr.SYSCFG, SNP_ON).check == "segment-table"
    limits = replace(TURIN.segment_limits, only_cached_usable=False)
    late = off(replace(TURIN, segment_limits=limits))
    late.memory.write_raw(0x10_4006, b"\x10")
    assert wrmsr(late, HOST, Msr.SYSCFG, SNP_ON).result == Event.COMPLETES


def test_syscfg_write_that_leaves_snp_off_ignores_the_segment_table():
    machine = off(TURIN)
    machine.memory.write_raw(0x10_4006, b"\x10")
    assert wrmsr(machine, HOST, Msr.SYSCFG, SYSCFG_MEMORY_ENCRYPTION).result == Event.COMPLETES
    on = Machine(TURIN)
    on.memory.write_raw(0x10_4006, b"\x10")
    assert wrmsr(on, HOST, Msr.SYSCFG, SNP_ON).result == Event.COMPLETES


def test_snp_on_with_a_contiguous_rmp_needs_no_segment_table():
    assert wrmsr(off(GENOA), HOST, Msr.SYSCFG, SNP_ON).result == Event.COMPLETES


def test_host_save_area_in_an_assigned_page_is_general_protection():
    machine = Machine(GENOA)
    machine.rmp.store(0x2200_0000 >> 12, RmpEntry(True))
    assert wrmsr(machine, HOST, Msr.VM_HSAVE_PA, 0x2200_0000).result == Event.GP
    assert wrmsr(machine, HOST, Msr.VM_HSAVE_PA, 0x2200_1000).result == Event.COMPLETES
    assert machine.registers[Msr.VM_HSAVE_PA] == 0x2200_1000


def test_register_without_rules_keeps_what_is_written():
    machine = Machine(GENOA)
    assert wrmsr(machine, HOST, Msr.IBS_OP_CTL, 1 << 17).result == Event.COMPLETES
    assert machine.registers[Msr.IBS_OP_CTL] == 1 << 17
