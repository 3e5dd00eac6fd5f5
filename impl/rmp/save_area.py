"""Where a vCPU's registers are between #VMEXIT and VMRUN, and what tells that they are those that were saved.

APM Vol. 2, "State Save Area" (Table B-2) and "Encrypted State" (15.35), Table B-4. An SEV guest's are plaintext in the
VMCB; the hypervisor also finds in its own registers what VMRUN does not load. An SEV-ES guest's are encrypted in its
VMSA, with a checksum in memory that no software may access; an SNP guest's in a VMSA page, which the RMP protects.
"""

from dataclasses import dataclass
from hashlib import sha256

from impl.decode.registers import GENERAL
from impl.firmware.vmsa_page import REG_PROT_NONCE, disguised, reg_prot_enabled
from impl.hypervisor.vmsa_layout import FIELDS, read_field
from impl.machine import Machine, Registers, Running
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.rmp.vmcb import SAVE_AREA

_NONCE_BYTES = 8
_GENERAL = tuple(register.name for register in GENERAL[8])
_IN_BOTH = ("rax", "rsp", "rip", "rflags", "cpl", "cr4", "dr7", "fs.base", "gs.base")
"""What a program may change and both save areas keep, at the same offsets."""


@dataclass(frozen=True)
class SaveArea:
    """One save area: the page, the key that it is read through, the offset of the fields."""

    spa: int
    asid: int
    offset: int = 0

    @property
    def is_vmsa(self) -> bool:
        """A page of its own, encrypted."""
        return self.offset == 0

    @property
    def registers(self) -> tuple[str, ...]:
        """The fields that VMRUN loads from it and #VMEXIT stores to it, as far as a program may change them."""
        return (*dict.fromkeys((*_IN_BOTH, *_GENERAL)), "xcr0") if self.is_vmsa else _IN_BOTH


def plaintext_area(vmcb: int) -> SaveArea:
    """The save area of a guest without encrypted state."""
    return SaveArea(vmcb, HOST_ASID, SAVE_AREA)


def area_of(running: Running) -> SaveArea:
    """Where the registers of a vCPU are saved."""
    return plaintext_area(running.vmcb) if running.vmsa is None else SaveArea(running.vmsa, running.cpu.asid)


def load_registers(machine: Machine, area: SaveArea) -> Registers:
    """What VMRUN loads."""
    page = _plain_page(machine, area)
    return {name: read_field(page, name) for name in area.registers}


def save_registers(machine: Machine, area: SaveArea, registers: Registers) -> None:
    """What #VMEXIT saves. With VmsaRegProt the page gets a new nonce, so that equal registers do not look equal."""
    page = bytearray(_plain_page(machine, area))
    for name in area.registers:
        place = FIELDS[name]
        page[place.offset : place.offset + place.size] = registers[name].to_bytes(place.size, "little")
    if area.is_vmsa and reg_prot_enabled(bytes(page)):
        page[REG_PROT_NONCE : REG_PROT_NONCE + _NONCE_BYTES] = machine.random_bytes(_NONCE_BYTES)
        page = bytearray(disguised(bytes(page)))
    machine.memory.write(area.spa + area.offset, bytes(page[: PAGE_BYTES - area.offset]), area.asid)
    if area.is_vmsa:
        record_checksum(machine, area.spa)


def record_checksum(machine: Machine, vmsa: int) -> None:
    """Remember what the page holds. SEV-ES keeps it in a trusted memory region, which this machine keeps apart."""
    machine.vmsa_checksums[vmsa] = _checksum(machine, vmsa)


def is_as_saved(machine: Machine, vmsa: int) -> bool:
    """Whether the page holds what was last saved there; VMRUN asks it of an SEV-ES guest."""
    return machine.vmsa_checksums.get(vmsa) == _checksum(machine, vmsa)


def _plain_page(machine: Machine, area: SaveArea) -> bytes:
    page = machine.memory.read(area.spa + area.offset, PAGE_BYTES - area.offset, area.asid) + bytes(area.offset)
    return disguised(page) if area.is_vmsa and reg_prot_enabled(page) else page


def _checksum(machine: Machine, vmsa: int) -> bytes:
    return sha256(machine.memory.read_raw(vmsa, PAGE_BYTES)).digest()
