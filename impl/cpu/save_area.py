"""The registers of a virtual processor, to and from what VMRUN loads and #VMEXIT saves (impl/rmp/save_area.py).

APM Vol. 2, "VMCB Layout, State Save Area" and "VMSA Layout" (Tables B-2 and B-4). The VMCB has RAX and RSP; the other
general registers of an SEV guest stay in the processor, where the hypervisor finds them. Of an SEV-ES or SNP guest
all are in the VMSA.
"""

from impl.decode.registers import GENERAL
from impl.machine import Registers, Running
from impl.vc.vcpu import Vcpu

NAMES = [register.name for register in GENERAL[8]]
SEGMENTS = ("fs", "gs")
SAME_NAME = ("rip", "rflags", "cpl", "cr4", "dr7")


def load(running: Running, vcpu: Vcpu, found: list[int]) -> None:
    """The state with which the guest goes on. `found` are the general registers that the processor has already."""
    registers = running.registers
    for name in SAME_NAME:
        setattr(vcpu, name, registers[name])
    for segment in SEGMENTS:
        vcpu.segment_bases[segment] = registers[f"{segment}.base"]
    vcpu.gpr[:] = [registers.get(name, value) for name, value in zip(NAMES, found, strict=True)]
    vcpu.xcr0 = registers.get("xcr0", vcpu.xcr0)


def store(running: Running, vcpu: Vcpu) -> list[int]:
    """The state of the guest that stops; returns the general registers that the hypervisor finds in the processor."""
    now: Registers = {name: getattr(vcpu, name) for name in SAME_NAME}
    now |= {f"{segment}.base": vcpu.segment_bases[segment] for segment in SEGMENTS}
    now |= {**dict(zip(NAMES, vcpu.gpr, strict=True)), "xcr0": vcpu.xcr0}
    running.registers.update((name, value) for name, value in now.items() if name in running.registers)
    return list(vcpu.gpr) if running.vmsa is None else [0] * len(NAMES)
