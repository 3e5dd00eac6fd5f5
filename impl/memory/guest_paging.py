"""The walk of a guest's own page tables: guest-virtual to guest-physical to system-physical address.

APM Vol. 2, "Page Table Support" (15.34.5) and "RMP Checks" (15.36.10): the tables are private memory whatever the
C-bits say, each access to them passes the RMP checks, and the C-bit is no part of the guest-physical address.
"""

from dataclasses import dataclass

from impl.completion import Completion, nested_fault, page_fault
from impl.machine import Cpu, Machine
from impl.memory.paging import (
    ADDRESS_MASK,
    C_BIT,
    ENTRY_BYTES,
    FULL_ACCESS,
    LEVELS,
    VIRTUAL_BITS,
    NestedFault,
    NestedTranslation,
    Pte,
    entry_offset,
    is_leaf,
    offset_mask,
    walk_nested,
)
from impl.rmp.access import check_access
from impl.rmp.faults import WRITE_KINDS, Access, npf_bits, pf_bits
from impl.rmp.permissions import USER_CPL
from spec.vocabulary import AccessKind, Agent, Event, MappingSize, NpfInfo, PfError


@dataclass(frozen=True)
class GuestTranslation:
    """A guest-virtual address translated."""

    gpa: int
    """Without the C-bit."""
    spa: int
    mapping_size: MappingSize
    """Size of the nested mapping."""
    c_bit: bool
    """Effective: from the guest's entry, or from vTOM; always set for a fetch."""
    large: bool = False
    """The guest's own mapping is one of 2 MiB or more."""


def agent_of(cpu: Cpu) -> Agent:
    """Whose accesses these are, in the words of the RMP checks."""
    return Agent.SNP_GUEST if cpu.snp_active else Agent.NON_SNP_GUEST


def translate(machine: Machine, cpu: Cpu, gva: int, kind: AccessKind) -> GuestTranslation | Completion:
    """Translate for a data access or a fetch; a `Completion` is the fault, guest faults (#PF) before nested ones.

    The RMP check of the page itself is left to the caller.
    """
    if not _is_canonical(gva):
        return Completion(Event.GP, "canonical")
    walked = walk_guest(machine, cpu, gva, kind)
    if isinstance(walked, Completion):
        return walked
    gpa, c_bit, large = walked
    nested = translate_gpa(machine, cpu, gpa, kind, c_bit=c_bit)
    if isinstance(nested, Completion):
        return nested
    return GuestTranslation(gpa, nested.spa, nested.size, c_bit, large)


def translate_gpa(
    machine: Machine, cpu: Cpu, gpa: int, kind: AccessKind, *, c_bit: bool
) -> NestedTranslation | Completion:
    """The nested half of a translation, with the ordinary nested page faults."""
    nested = walk_nested(machine.memory, cpu.nested_cr3, gpa)
    word = npf_bits(kind) | (NpfInfo.ENC if c_bit else NpfInfo(0))
    if isinstance(nested, NestedFault):
        return nested_fault(word | (NpfInfo.P | NpfInfo.RSV if nested.reserved else NpfInfo(0)), gpa, "nested-mapping")
    writes, fetches = kind in WRITE_KINDS, kind == AccessKind.FETCH
    if not nested.user or (writes and not nested.writable) or (fetches and not nested.executable):
        return nested_fault(word | NpfInfo.P, gpa, "nested-rights")
    return nested


def _is_canonical(gva: int) -> bool:
    upper = gva >> VIRTUAL_BITS - 1
    return upper in (0, (1 << 64 - VIRTUAL_BITS + 1) - 1)


def walk_guest(machine: Machine, cpu: Cpu, gva: int, kind: AccessKind) -> tuple[int, bool, bool] | Completion:
    """Guest-physical address, effective C-bit, large or not; sets the accessed and dirty bits on the way."""
    table, allowed, no_execute = cpu.cr3 & ADDRESS_MASK & ~C_BIT, int(FULL_ACCESS), False
    visited: list[tuple[int, int]] = []
    for level in LEVELS:
        where = table + entry_offset(gva, level)
        spa = _table_entry_spa(machine, cpu, gva, where, AccessKind.WALK_READ)
        if isinstance(spa, Completion):
            return spa
        entry = int.from_bytes(machine.memory.read(spa, ENTRY_BYTES, cpu.asid), "little")
        if not entry & Pte.PRESENT:
            return _page_fault(cpu, gva, kind, PfError(0), "guest-present")
        if cpu.virtual_tom is not None and entry & C_BIT:
            return _page_fault(cpu, gva, kind, PfError.P | PfError.RSV, "guest-reserved")
        visited.append((where, entry))
        allowed &= entry
        no_execute |= bool(entry & Pte.NO_EXECUTE)
        table = entry & ADDRESS_MASK & ~C_BIT
        if is_leaf(entry, level):
            break
    if _denied(cpu, kind, allowed, no_execute=no_execute):
        return _page_fault(cpu, gva, kind, PfError.P, "guest-rights")
    fault = _mark_used(machine, cpu, gva, visited, writes=kind in WRITE_KINDS)
    if fault is not None:
        return fault
    mask = offset_mask(level)
    gpa = table & ~mask | gva & mask
    c_bit = bool(entry & C_BIT) if cpu.virtual_tom is None else gpa < cpu.virtual_tom
    return gpa, c_bit or kind == AccessKind.FETCH, level > LEVELS[-1]


def _denied(cpu: Cpu, kind: AccessKind, allowed: int, *, no_execute: bool) -> bool:
    """Whether the guest's tables forbid the access; CR0.WP and EFER.NXE are taken as set."""
    if cpu.cpl == USER_CPL and not allowed & Pte.USER:
        return True
    return (kind in WRITE_KINDS and not allowed & Pte.WRITABLE) or (kind == AccessKind.FETCH and no_execute)


def _mark_used(
    machine: Machine, cpu: Cpu, gva: int, visited: list[tuple[int, int]], *, writes: bool
) -> Completion | None:
    """Set the accessed bit of each entry, and the dirty bit of the leaf for a write; each is a private write."""
    leaf = len(visited) - 1
    for index, (where, entry) in enumerate(visited):
        marked = entry | Pte.ACCESSED | (Pte.DIRTY if writes and index == leaf else 0)
        if marked == entry:
            continue
        spa = _table_entry_spa(machine, cpu, gva, where, AccessKind.WALK_WRITE)
        if isinstance(spa, Completion):
            return spa
        machine.memory.write(spa, marked.to_bytes(ENTRY_BYTES, "little"), cpu.asid)
    return None


def _table_entry_spa(machine: Machine, cpu: Cpu, gva: int, gpa: int, kind: AccessKind) -> int | Completion:
    """Where a guest table entry lies, once the nested tables and the RMP allow the access."""
    nested = translate_gpa(machine, cpu, gpa, kind, c_bit=True)
    if isinstance(nested, Completion):
        return nested
    access = Access(agent_of(cpu), kind, nested.spa, nested.size, gpa, c_bit=True, address=gva)
    checked = check_access(machine, cpu, access)
    return nested.spa if checked.result == Event.COMPLETES else checked


def _page_fault(cpu: Cpu, gva: int, kind: AccessKind, word: PfError, check: str) -> Completion:
    return page_fault(word | pf_bits(cpu, kind), gva, check)
