"""Memory as the host, an SNP guest and a device use it: translated, checked, then done through the right key."""

from impl.completion import Completion
from impl.machine import HOST, Cpu, Machine
from impl.memory.engine import HOST_ASID, HOST_ENCRYPTED, PAGE_BYTES
from impl.memory.guest_paging import GuestTranslation, translate
from impl.rmp.access import check_access
from impl.rmp.effective import effective
from impl.rmp.faults import Access
from spec.vocabulary import PAGE_SHIFT, AccessKind, Agent, Event, MappingSize


def host_read(machine: Machine, spa: int, length: int, *, c_bit: bool = False) -> bytes:
    """A host read; it is never checked, and sees ciphertext in private pages, or that under the host's own key.

    With ciphertext hiding it sees ones in pages that a guest owns.
    """
    if machine.configuration.ciphertext_hiding and _has_owner(machine, spa):
        return b"\xff" * length
    return machine.memory.read(spa, length, HOST_ENCRYPTED if c_bit else HOST_ASID)


def host_write(
    machine: Machine,
    spa: int,
    data: bytes,
    mapping_size: MappingSize = MappingSize.MAP_4K,
    *,
    agent: Agent = Agent.HOST,
    c_bit: bool = False,
) -> Completion:
    """A write by the host, or by a device, within one page; with the C-bit through the host's key (SME)."""
    _require_one_page(spa, len(data))
    access = Access(agent, AccessKind.WRITE, spa, mapping_size, address=spa)
    checked = check_access(machine, HOST, access)
    if checked.result != Event.COMPLETES:
        return checked
    if machine.lines is not None:
        machine.lines.modifying(machine.memory, spa)
    machine.memory.write(spa, data, HOST_ENCRYPTED if c_bit else HOST_ASID)
    if machine.lines is not None:
        machine.lines.modified_by_host(machine.memory, spa)
    return checked


def guest_read(
    machine: Machine, cpu: Cpu, gva: int, length: int, kind: AccessKind = AccessKind.READ
) -> bytes | Completion:
    """A read or fetch by an SNP guest, within one page; a `Completion` is the fault."""
    _require_one_page(gva, length)
    target = _guest_access(machine, cpu, gva, kind)
    if isinstance(target, Completion):
        return target
    return machine.memory.read(target.spa, length, cpu.asid if target.c_bit else HOST_ASID)


def guest_write(machine: Machine, cpu: Cpu, gva: int, data: bytes) -> Completion:
    """A data write by an SNP guest, within one page."""
    _require_one_page(gva, len(data))
    target = _guest_access(machine, cpu, gva, AccessKind.WRITE)
    if isinstance(target, Completion):
        return target
    machine.memory.write(target.spa, data, cpu.asid if target.c_bit else HOST_ASID)
    return Completion(Event.COMPLETES, "allowed")


def _guest_access(machine: Machine, cpu: Cpu, gva: int, kind: AccessKind) -> GuestTranslation | Completion:
    translation = translate(machine, cpu, gva, kind)
    if isinstance(translation, Completion):
        return translation
    access = Access(
        Agent.SNP_GUEST, kind, translation.spa, translation.mapping_size, translation.gpa, translation.c_bit, gva
    )
    checked = check_access(machine, cpu, access)
    return translation if checked.result == Event.COMPLETES else checked


def _has_owner(machine: Machine, spa: int) -> bool:
    """Whether a guest owns the page."""
    entry = effective(machine.rmp, spa >> PAGE_SHIFT) if machine.snp_enabled else None
    return entry is not None and entry.asid != HOST_ASID


def _require_one_page(address: int, length: int) -> None:
    """Each page of an access is checked on its own, so a longer access must be split by the caller."""
    if address % PAGE_BYTES + length > PAGE_BYTES:
        raise ValueError(f"{length} bytes at {address:#x} cross a page boundary")
