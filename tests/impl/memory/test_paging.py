import pytest

from impl.memory.engine import EncryptionEngine
from impl.memory.paging import NestedFault, NestedTranslation, Pte, map_nested, walk_nested, write_entry
from impl.memory.physical import PhysicalMemory
from spec.vocabulary import MappingSize
from tests.impl.scene import pages_from

ROOT = 0x10_0000


@pytest.fixture
def memory() -> PhysicalMemory:
    return PhysicalMemory(EncryptionEngine(), 48)


@pytest.mark.parametrize(
    ("size", "offset"),
    [(MappingSize.MAP_4K, 0xABC), (MappingSize.MAP_2M, 0x1F_FABC), (MappingSize.MAP_1G, 0x3FFF_FABC)],
)
def test_walk_nested_of_a_mapped_page_keeps_the_offset(memory, size, offset):
    map_nested(memory, ROOT, 0x40_8000_0000, 0xC000_0000, pages_from(ROOT + 0x1000), size)
    found = walk_nested(memory, ROOT, 0x40_8000_0000 + offset)
    assert found == NestedTranslation(0xC000_0000 + offset, size, writable=True, user=True, executable=True)


def test_walk_nested_where_a_level_is_missing_faults(memory):
    assert walk_nested(memory, ROOT, 0x1000) == NestedFault()
    map_nested(memory, ROOT, 0x1000, 0x5000, pages_from(ROOT + 0x1000))
    assert walk_nested(memory, ROOT, 0x2000) == NestedFault()


def test_walk_nested_beyond_48_bits_faults(memory):
    assert walk_nested(memory, ROOT, 1 << 48) == NestedFault()


def test_walk_nested_to_memory_that_does_not_exist_is_a_reserved_fault(memory):
    map_nested(memory, ROOT, 0x1000, 1 << 49, pages_from(ROOT + 0x1000))
    assert walk_nested(memory, ROOT, 0x1000) == NestedFault(reserved=True)


def test_walk_nested_adds_up_the_rights_of_all_levels(memory):
    map_nested(memory, ROOT, 0x1000, 0x5000, pages_from(ROOT + 0x1000))
    write_entry(memory, ROOT, ROOT + 0x1000 | Pte.PRESENT | Pte.USER | Pte.NO_EXECUTE)
    assert walk_nested(memory, ROOT, 0x1000) == NestedTranslation(
        0x5000, MappingSize.MAP_4K, writable=False, user=True, executable=False
    )
