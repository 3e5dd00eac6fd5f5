"""x86-64 page tables of four levels in memory, and the walk of the nested ones.

APM Vol. 2, "Long-Mode Page Translation" (5.3) and "Nested Paging" (15.25). Nested tables belong to the hypervisor and
lie in memory as plaintext. A 2 MiB leaf stands at level 2, a 1 GiB leaf at level 3.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag

from impl.memory.engine import PAGE_BYTES
from impl.memory.physical import PhysicalMemory
from spec.vocabulary import PAGE_SHIFT, MappingSize

ENTRY_BYTES = 8
LEVELS = (4, 3, 2, 1)
LEVEL_BITS = 9
VIRTUAL_BITS = 48
ADDRESS_MASK = 0x000F_FFFF_FFFF_F000
C_BIT = 1 << 51
LEAF_LEVEL = {MappingSize.MAP_4K: 1, MappingSize.MAP_2M: 2, MappingSize.MAP_1G: 3}
SIZE_AT_LEVEL = {level: size for size, level in LEAF_LEVEL.items()}


class Pte(IntFlag):
    """Bits of a page-table entry."""

    PRESENT = 1 << 0
    WRITABLE = 1 << 1
    USER = 1 << 2
    ACCESSED = 1 << 5
    DIRTY = 1 << 6
    LARGE = 1 << 7
    NO_EXECUTE = 1 << 63


FULL_ACCESS = Pte.PRESENT | Pte.WRITABLE | Pte.USER


@dataclass(frozen=True)
class NestedTranslation:
    """Where a guest-physical address lies."""

    spa: int
    size: MappingSize
    writable: bool
    user: bool
    executable: bool


@dataclass(frozen=True)
class NestedFault:
    """The nested tables do not translate the address."""

    reserved: bool = False
    """An entry names memory beyond the physical address width; otherwise an entry is not present."""


def offset_mask(level: int) -> int:
    """The address bits that an entry of the level leaves untranslated."""
    return (1 << PAGE_SHIFT + LEVEL_BITS * (level - 1)) - 1


def entry_offset(address: int, level: int) -> int:
    """Byte offset of the entry for `address` in a table of the level."""
    return (address >> PAGE_SHIFT + LEVEL_BITS * (level - 1) & (1 << LEVEL_BITS) - 1) * ENTRY_BYTES


def is_leaf(entry: int, level: int) -> bool:
    """Whether the entry maps memory rather than naming a table."""
    return level == 1 or (level in SIZE_AT_LEVEL and bool(entry & Pte.LARGE))


def walk_nested(memory: PhysicalMemory, nested_cr3: int, gpa: int) -> NestedTranslation | NestedFault:
    """Translate a guest-physical address (without C-bit)."""
    if gpa >> VIRTUAL_BITS:
        return NestedFault()
    address, allowed, no_execute = nested_cr3 & ADDRESS_MASK, int(FULL_ACCESS), False
    for level in LEVELS:
        entry = read_entry(memory, address + entry_offset(gpa, level))
        if not entry & Pte.PRESENT:
            return NestedFault()
        # All levels must allow a write or a user access; one alone forbids execution.
        allowed &= entry
        no_execute |= bool(entry & Pte.NO_EXECUTE)
        address = entry & ADDRESS_MASK
        if not memory.exists(address, PAGE_BYTES):
            return NestedFault(reserved=True)
        if is_leaf(entry, level):
            break
    mask = offset_mask(level)
    return NestedTranslation(
        spa=address & ~mask | gpa & mask,
        size=SIZE_AT_LEVEL[level],
        writable=bool(allowed & Pte.WRITABLE),
        user=bool(allowed & Pte.USER),
        executable=not no_execute,
    )


def map_nested(
    memory: PhysicalMemory,
    nested_cr3: int,
    gpa: int,
    spa: int,
    free: Iterator[int],
    size: MappingSize = MappingSize.MAP_4K,
    flags: Pte = FULL_ACCESS,
) -> None:
    """Map one page; tables that are missing are taken from `free`, SPAs of zeroed pages."""
    table, leaf = nested_cr3 & ADDRESS_MASK, LEAF_LEVEL[size]
    for level in range(LEVELS[0], leaf, -1):
        where = table + entry_offset(gpa, level)
        if not read_entry(memory, where) & Pte.PRESENT:
            write_entry(memory, where, next(free) | FULL_ACCESS)
        table = read_entry(memory, where) & ADDRESS_MASK
    large = 0 if size == MappingSize.MAP_4K else Pte.LARGE
    write_entry(memory, table + entry_offset(gpa, leaf), spa | flags | large)


def read_entry(memory: PhysicalMemory, spa: int) -> int:
    """The 8-byte table entry at `spa`, as plaintext."""
    return int.from_bytes(memory.read_raw(spa, ENTRY_BYTES), "little")


def write_entry(memory: PhysicalMemory, spa: int, entry: int) -> None:
    """Replace the 8-byte table entry at `spa`, as plaintext."""
    memory.write_raw(spa, entry.to_bytes(ENTRY_BYTES, "little"))
