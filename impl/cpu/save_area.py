"""Where the registers are while the guest does not run: plaintext in the VMCB, or the VMSA under the guest's key.

APM Vol. 2, "VMCB Layout, State Save Area" and "VMSA Layout" (Tables B-2 and B-4). The VMCB has RAX and RSP; the other
general registers of an SEV guest stay in the processor, where the hypervisor finds them. Of an SEV-ES or SNP guest
all are in the VMSA.
"""

from impl.decode.registers import GENERAL
from impl.hypervisor.vmsa_layout import FIELDS, read_field
from impl.machine import Machine, Running
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.rmp.vmcb import SAVE_AREA
from impl.vc.vcpu import RAX, RSP, Vcpu

NAMES = [register.name for register in GENERAL[8]]
SEGMENTS = ("fs", "gs")
SHARED = ("rip", "rflags", "cr4", "dr7")
"""What both save areas have at the same offsets, and the processor may change."""


def load(machine: Machine, running: Running, vcpu: Vcpu, registers: list[int]) -> None:
    """The state with which the guest goes on. `registers` are those of an SEV guest that the VMCB does not have."""
    page = read(machine, running)
    for name in SHARED:
        setattr(vcpu, name, read_field(page, name))
    vcpu.cpl = read_field(page, "cpl")
    for segment in SEGMENTS:
        vcpu.segment_bases[segment] = read_field(page, f"{segment}.base")
    vcpu.gpr[:] = registers
    for number, name in enumerate(NAMES):
        if number in (RAX, RSP) or running.vmsa is not None:
            vcpu.gpr[number] = read_field(page, name)
    if running.vmsa is not None:
        vcpu.xcr0 = read_field(page, "xcr0")


def save(machine: Machine, running: Running, vcpu: Vcpu) -> list[int]:
    """Store the state of the guest that stops; the general registers that the hypervisor finds in the processor."""
    page = bytearray(read(machine, running))
    for name in SHARED:
        put(page, name, getattr(vcpu, name))
    for segment in SEGMENTS:
        put(page, f"{segment}.base", vcpu.segment_bases[segment])
    for number, name in enumerate(NAMES):
        if number in (RAX, RSP) or running.vmsa is not None:
            put(page, name, vcpu.gpr[number])
    where, asid = place(running)
    machine.memory.write(where, bytes(page), asid)
    return list(vcpu.gpr) if running.vmsa is None else [0] * len(NAMES)


def place(running: Running) -> tuple[int, int]:
    """SPA of the save area, and the key."""
    if running.vmsa is None:
        return running.vmcb + SAVE_AREA, HOST_ASID
    return running.vmsa, running.cpu.asid


def read(machine: Machine, running: Running) -> bytes:
    """The save area."""
    where, asid = place(running)
    return machine.memory.read(where, PAGE_BYTES if asid else PAGE_BYTES - SAVE_AREA, asid)


def put(page: bytearray, name: str, value: int) -> None:
    """Replace one field."""
    field = FIELDS[name]
    page[field.offset : field.offset + field.size] = value.to_bytes(field.size, "little")
