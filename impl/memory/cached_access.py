"""A guest's accesses as a core makes them: by a cached translation if there is one, else by a walk that is cached.

The RMP is asked when a translation is made, not each time that it is used (APM Vol. 2, 15.36.10 and 15.36.15).
"""

from impl.completion import Completion
from impl.machine import Cpu, Machine
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.memory.guest_paging import GuestTranslation, agent_of, translate
from impl.memory.tlb import Cached, Entered
from impl.rmp.access import check_access
from impl.rmp.faults import WRITE_KINDS, Access
from spec.vocabulary import PAGES_PER_2M, AccessKind, Event, MappingSize

_REGION = PAGE_BYTES * PAGES_PER_2M


def load(
    machine: Machine, core: int, cpu: Cpu, gva: int, length: int, kind: AccessKind = AccessKind.READ
) -> bytes | Completion:
    """A read or a fetch within one page, by a guest of any generation; a `Completion` is the fault."""
    entry = _entry(machine, core, cpu, gva, kind)
    if isinstance(entry, Completion):
        return entry
    return machine.memory.read(entry.spa + gva - entry.gva, length, cpu.asid if entry.c_bit else HOST_ASID)


def store(machine: Machine, core: int, cpu: Cpu, gva: int, data: bytes) -> Completion:
    """A write within one page."""
    entry = _entry(machine, core, cpu, gva, AccessKind.WRITE)
    if isinstance(entry, Completion):
        return entry
    spa = entry.spa + gva - entry.gva
    if machine.lines is not None:
        machine.lines.modifying(machine.memory, spa)
    machine.memory.write(spa, data, cpu.asid if entry.c_bit else HOST_ASID)
    return Completion(Event.COMPLETES, "allowed")


def enter(machine: Machine, core: int, cpu: Cpu, vmsa: int | None, *, flush: bool) -> None:
    """VMRUN on a core: TLB_CONTROL asks for a flush, or the processor makes one of its own (SNP)."""
    now, before = Entered(cpu.asid, vmsa, cpu.vmpl), machine.tlb.entered.get(core)
    tracked = machine.configuration.protections.translations_tracked and machine.snp_enabled
    if flush or (tracked and now != before):
        machine.tlb.flush(core)
    machine.tlb.entered[core] = now


def _entry(machine: Machine, core: int, cpu: Cpu, gva: int, kind: AccessKind) -> Cached | Completion:
    writes, fetches = kind in WRITE_KINDS, kind == AccessKind.FETCH
    known = machine.tlb.find(core, cpu.asid, gva, writes=writes, fetches=fetches)
    if known is not None:
        return known
    where = translate(machine, cpu, gva, kind)
    if isinstance(where, Completion):
        return where
    access = Access(agent_of(cpu), kind, where.spa, where.mapping_size, where.gpa, where.c_bit, gva)
    checked = check_access(machine, cpu, access)
    if checked.result != Event.COMPLETES:
        return checked
    entry = _cached(cpu, gva, where, writes=writes, fetches=fetches)
    machine.tlb.fill(core, entry)
    return entry


def _cached(cpu: Cpu, gva: int, where: GuestTranslation, *, writes: bool, fetches: bool) -> Cached:
    """Guest tables of 4 KiB give entries of 4 KiB, unless both mappings are large."""
    large = where.large and where.mapping_size != MappingSize.MAP_4K
    offset = gva % (_REGION if large else PAGE_BYTES)
    size = MappingSize.MAP_2M if large else MappingSize.MAP_4K
    return Cached(cpu.asid, gva - offset, where.gpa - offset, where.spa - offset, size, where.c_bit, writes, fetches)
