"""The VMCB of a flat guest. APM Vol. 2, Table B-1: what is intercepted, where the maps, tables and registers are."""

from collections.abc import Iterable
from dataclasses import dataclass

from impl.hypervisor.generation import Generation
from impl.hypervisor.msr_messages import sev_info
from impl.machine import Machine
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.rmp import vmcb as control
from impl.rmp.vmcb import store_word
from spec.ghcb.vocabulary.exits import SvmExit

HLT, SHUTDOWN = 0x78, 0x7F
INTERCEPTED = (
    SvmExit.DR7_READ,
    SvmExit.DR7_WRITE,
    SvmExit.RDTSC,
    SvmExit.RDPMC,
    SvmExit.CPUID,
    SvmExit.INVD,
    HLT,
    SvmExit.IOIO,
    SvmExit.MSR,
    SHUTDOWN,
    SvmExit.VMMCALL,
    SvmExit.RDTSCP,
    SvmExit.WBINVD,
    SvmExit.MONITOR,
    SvmExit.MWAIT,
)
VMRUN = 0x80
"""VMRUN must be intercepted (APM Vol. 2, 15.5.1)."""
PORT_MAP_BYTES, MSR_MAP_BYTES = 3 * PAGE_BYTES, 2 * PAGE_BYTES
PASSED_MSRS = (0xC000_0100, 0xC000_0101, 0xC001_0130)
"""FS.base and GS.base, and the GHCB MSR."""
NESTED_PAGING, SEV = 1 << 0, 1 << 1


@dataclass(frozen=True)
class Vmcb:
    """What the VMCB says."""

    generation: Generation
    asid: int
    nested_cr3: int
    vmsa: int
    state: bytes
    """The state save area of an SEV guest."""
    port_map: int
    msr_map: int


def write_vmcb(machine: Machine, spa: int, vmcb: Vmcb, intercepted: Iterable[int] = INTERCEPTED) -> None:
    """Write the VMCB and its maps."""
    encrypted = vmcb.generation is not Generation.SEV
    write_maps(machine, vmcb)
    vectors = sum(1 << code for code in {*intercepted, VMRUN}).to_bytes(0x18, "little")
    machine.memory.write(spa + control.INTERCEPTS, vectors, HOST_ASID)
    store_word(machine.memory, spa, control.ASID, vmcb.asid)
    words = {
        control.IOPM_BASE: vmcb.port_map,
        control.MSRPM_BASE: vmcb.msr_map,
        control.NESTED_CONTROL: NESTED_PAGING | SEV | (control.SEV_ES_ENABLE if encrypted else 0),
        control.NESTED_CR3: vmcb.nested_cr3,
    }
    if encrypted:
        words |= {control.GHCB_GPA: sev_info(), control.VMSA_POINTER: vmcb.vmsa}
    else:
        machine.memory.write_raw(spa + control.SAVE_AREA, vmcb.state[: PAGE_BYTES - control.SAVE_AREA])
    for offset, value in words.items():
        store_word(machine.memory, spa, offset, value)


def write_maps(machine: Machine, vmcb: Vmcb) -> None:
    """Every port and MSR is intercepted, but for `PASSED_MSRS`."""
    machine.memory.write_raw(vmcb.port_map, b"\xff" * PORT_MAP_BYTES)
    passes = bytearray(b"\xff" * MSR_MAP_BYTES)
    for number in PASSED_MSRS:
        start = 0x800 if number < 0xC001_0000 else 0x1000
        place = 2 * (number & 0x1FFF)
        passes[start + place // 8] &= ~(3 << place % 8)
    machine.memory.write_raw(vmcb.msr_map, bytes(passes))
