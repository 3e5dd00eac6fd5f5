"""Guest-virtual addresses: page tables in memory that translate them as a specified translation says.

The nested tables are the host's plaintext. The guest's own tables are private: for one step their pages have RMP
entries of the guest, in a stretch of memory that no step names and the comparison never sees.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

from impl.machine import Cpu, Machine
from impl.memory.guest_tables import map_guest
from impl.memory.paging import C_BIT, LEVELS, map_nested
from impl.rmp.layout import RmpEntry
from spec.rmp.translation import Translation
from spec.vocabulary import PAGE_SHIFT, MappingSize

Place = tuple[int, int, MappingSize, bool]
"""GPA, SPA, size of the nested mapping, C-bit."""
PAGE = 1 << PAGE_SHIFT
TABLES = len(LEVELS)
TABLE_GPA = 0x7F_FF00_0000
"""Guest-physical addresses of the guest's page tables; no step maps a page there."""
LOWER_HALF = 1 << 47
BYTES_OF = {MappingSize.MAP_4K: PAGE, MappingSize.MAP_2M: PAGE << 9, MappingSize.MAP_1G: PAGE << 18}
FULL = 0x1F


def mapping_of(translation: Translation) -> MappingSize:
    """The size of the nested mapping; the fourth code is as large as the third."""
    return MappingSize(min(translation.mapping_size, MappingSize.MAP_1G))


def guest_physical(translation: Translation) -> int:
    """The guest-physical address."""
    return translation.gfn << PAGE_SHIFT | translation.gva % PAGE


def place_of(translation: Translation) -> Place:
    """The translation as the machine's walk would give it."""
    return guest_physical(translation), translation.spa, mapping_of(translation), translation.private


def is_walkable(machine: Machine, cpu: Cpu, translation: Translation, spare: int) -> bool:
    """Whether tables can translate like this: offsets agree, addresses are in range, the guest has a key."""
    gpa, spa, size, _ = place_of(translation)
    offsets_agree = (gpa - spa) % BYTES_OF[size] == 0
    in_range = translation.gva < LOWER_HALF and gpa < LOWER_HALF and not spa & C_BIT
    elsewhere = all(abs(gpa - at) > BYTES_OF[MappingSize.MAP_1G] for at in (TABLE_GPA,))
    able = cpu.snp_active and cpu.mode_64bit and cpu.asid != 0 and machine.engine.has_key(cpu.asid)
    covered = machine.rmp.covers(spare >> PAGE_SHIFT)
    return offsets_agree and in_range and elsewhere and able and covered and machine.memory.exists(spa, PAGE)


@contextmanager
def tables(machine: Machine, cpu: Cpu, translation: Translation, root: int, spare: int) -> Iterator[Cpu]:
    """The processor with both roots set, while the tables stand: nested ones at `root`, the guest's own at `spare`."""
    memory, rmp = machine.memory, machine.rmp
    gpa, spa, size, c_bit = place_of(translation)
    mask = BYTES_OF[size] - 1
    memory.write_raw(root, bytes(PAGE * 3 * TABLES))
    free = count(root + PAGE, PAGE)
    map_nested(memory, root, gpa & ~mask, spa & ~mask, free, size)
    pages = range(spare >> PAGE_SHIFT, (spare >> PAGE_SHIFT) + TABLES)
    for index, pfn in enumerate(pages):
        at = TABLE_GPA + index * PAGE
        map_nested(memory, root, at, pfn << PAGE_SHIFT, free)
        entry = RmpEntry(assigned=True, validated=True, asid=cpu.asid, gfn=at >> PAGE_SHIFT, perms=(FULL,) * 4)
        rmp.store(pfn, entry)
        memory.write(pfn << PAGE_SHIFT, bytes(PAGE), cpu.asid)
    ready = replace(cpu, nested_cr3=root, cr3=TABLE_GPA)
    map_guest(machine, ready, translation.gva & -PAGE, gpa & -PAGE, count(TABLE_GPA + PAGE, PAGE), c_bit=c_bit)
    try:
        yield ready
    finally:
        for pfn in pages:
            rmp.store(pfn, RmpEntry())
