import struct

import pytest

from impl.machine import MILAN, TURIN, Configuration, Machine, SegmentLimits
from impl.rmp.effective import hypervisor_owned
from impl.rmp.layout import RmpEntry
from impl.rmp.locator import SegmentTableFault
from spec.vocabulary import MappingSize

GIB_PAGES = 1 << 18


def four_gib() -> Machine:
    # APM Vol. 2, 15.36.4: this RMP covers exactly 4 GiB.
    return Machine(Configuration(rmp_base=0x10_0000, rmp_end=0x110_3FFF))


def test_coverage_of_the_manual_s_example_ends_at_4_gib():
    table = four_gib().rmp
    assert table.covers(4 * GIB_PAGES - 1)
    assert not table.covers(4 * GIB_PAGES)


def test_entry_address_follows_the_bookkeeping():
    table = four_gib().rmp
    assert table.entry_address(0) == 0x10_4000
    assert table.entry_address(4 * GIB_PAGES - 1) == 0x110_3FF0


def test_stored_entry_is_packed_in_memory():
    machine = four_gib()
    machine.rmp.store(3, RmpEntry(True, gfn=0x123, asid=5))
    assert machine.memory.read_raw(0x10_4030, 8) == (1 | 0x123 << 12 | 5 << 51).to_bytes(8, "little")
    assert machine.rmp.load(3) == RmpEntry(True, gfn=0x123, asid=5)


def test_counter_is_a_64_bit_word_at_the_base():
    machine = four_gib()
    machine.rmp.store_counter(2047, 7)
    assert machine.memory.read_raw(0x10_3FF8, 8) == (7).to_bytes(8, "little")
    assert machine.rmp.load_counter(2047) == 7


def test_load_of_an_uncovered_page_is_refused():
    with pytest.raises(LookupError, match="does not cover"):
        four_gib().rmp.load(4 * GIB_PAGES)


def test_region_cut_short_by_the_end_of_the_rmp_loads_what_is_covered():
    machine = Machine(Configuration(rmp_base=0x10_0000, rmp_end=0x10_4000 + 16 * 700 - 1))
    assert len(machine.rmp.load_region(512)) == 188
    assert not machine.rmp.any_assigned(512)
    assert hypervisor_owned(machine.rmp, 1024, MappingSize.MAP_2M)


def test_rmp_contains_its_own_bytes():
    table = Machine(MILAN).rmp
    assert table.contains(0x10_0000)
    assert table.contains(0x11F_FFFF)
    assert not table.contains(0x120_0000)
    assert table.covers(0x11F_F000 >> 12)


def test_segmented_entry_address_comes_from_the_segment_table():
    machine = Machine(TURIN)
    assert machine.memory.read_raw(0x10_4000, 8) == (0x20_0000 | 4).to_bytes(8, "little")
    assert machine.rmp.entry_address(0) == 0x20_0000
    assert machine.rmp.entry_address(4 * GIB_PAGES - 1) == 0x20_0000 + 4 * GIB_PAGES * 16 - 16
    assert not machine.rmp.covers(4 * GIB_PAGES)


def test_segmented_entries_take_4_mib_per_gib():
    table = Machine(TURIN).rmp
    assert table.contains(0x20_0000)
    assert not table.contains(0x20_0000 - 1)
    assert table.contains(0x20_0000 + (16 << 20) - 1)
    assert not table.contains(0x20_0000 + (16 << 20))
    assert table.contains(0x10_0000)
    assert table.contains(0x10_4FFF)
    assert not table.contains(0x10_5000)


def test_second_segment_is_found_in_its_own_memory():
    machine = Machine(TURIN)
    machine.memory.write_raw(0x10_4008, struct.pack("<Q", 0x2000_0000 | 1))
    assert machine.rmp.entry_address((128 << 30) >> 12) == 0x2000_0000
    assert not machine.rmp.covers((129 << 30) >> 12)


def test_segment_beyond_the_cached_ones_is_not_covered():
    machine = Machine(TURIN)
    machine.memory.write_raw(0x10_4000 + 16 * 8, struct.pack("<Q", 0x2000_0000 | 1))
    assert not machine.rmp.covers((16 * 128 << 30) >> 12)


def test_segment_with_reserved_bits_faults():
    limits = SegmentLimits(only_cached_usable=False)
    machine = Machine(Configuration(features=TURIN.features, segments=TURIN.segments, segment_limits=limits))
    machine.memory.write_raw(0x10_4000, struct.pack("<Q", 1 << 52 | 0x20_0000 | 4))
    with pytest.raises(SegmentTableFault):
        machine.rmp.covers(0)
