"""How a guest's page tables are laid out in its private memory, as its launch image or its kernel writes them."""

from collections.abc import Iterator

from impl.machine import Cpu, Machine
from impl.memory.paging import (
    ADDRESS_MASK,
    C_BIT,
    ENTRY_BYTES,
    FULL_ACCESS,
    LEAF_LEVEL,
    LEVELS,
    NestedFault,
    Pte,
    entry_offset,
    walk_nested,
)
from spec.vocabulary import MappingSize

_USED = Pte.ACCESSED | Pte.DIRTY


def map_guest(
    machine: Machine,
    cpu: Cpu,
    gva: int,
    gpa: int,
    free: Iterator[int],
    size: MappingSize = MappingSize.MAP_4K,
    *,
    c_bit: bool = True,
    flags: Pte = FULL_ACCESS,
) -> None:
    """Map one page of the guest's address space; missing tables are taken from `free`, GPAs of zeroed pages.

    The nested tables must map the guest's tables already. The entries are written past the RMP checks. A guest with
    vTOM sets no C-bit anywhere.
    """
    private = 0 if cpu.virtual_tom is not None else C_BIT
    table, leaf = cpu.cr3 & ADDRESS_MASK & ~C_BIT, LEAF_LEVEL[size]
    for level in range(LEVELS[0], leaf, -1):
        where = table + entry_offset(gva, level)
        entry = _read(machine, cpu, where)
        if not entry & Pte.PRESENT:
            entry = next(free) | private | FULL_ACCESS | _USED
            _write(machine, cpu, where, entry)
        table = entry & ADDRESS_MASK & ~C_BIT
    large = 0 if size == MappingSize.MAP_4K else Pte.LARGE
    _write(machine, cpu, table + entry_offset(gva, leaf), gpa | (private if c_bit else 0) | flags | large)


def _read(machine: Machine, cpu: Cpu, gpa: int) -> int:
    return int.from_bytes(machine.memory.read(_spa(machine, cpu, gpa), ENTRY_BYTES, cpu.asid), "little")


def _write(machine: Machine, cpu: Cpu, gpa: int, entry: int) -> None:
    machine.memory.write(_spa(machine, cpu, gpa), entry.to_bytes(ENTRY_BYTES, "little"), cpu.asid)


def _spa(machine: Machine, cpu: Cpu, gpa: int) -> int:
    nested = walk_nested(machine.memory, cpu.nested_cr3, gpa)
    if isinstance(nested, NestedFault):
        raise LookupError(f"the nested tables do not map the guest's table at {gpa:#x}")
    return nested.spa
