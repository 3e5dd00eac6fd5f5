"""What a region adds to a guest's counter, to the page."""

from spec.firmware.initial_table import FIRMWARE_ENTRY, MemoryUse, follows_memory_map, initial_table
from spec.maps import Map
from spec.record import replace
from spec.rmp.counters import OwnedInRegion
from spec.rmp.entry import UNASSIGNED

HEAD, PAGES = 0x400, 512
OWNED = replace(UNASSIGNED, assigned=True, asid=3)


def test_region_counts_its_first_and_its_last_page_and_none_behind():
    rmp = Map(UNASSIGNED).set(HEAD, OWNED).set(HEAD + PAGES - 1, OWNED)
    assert OwnedInRegion(3, True)(rmp, HEAD) == 2
    assert OwnedInRegion(3, True)(rmp.set(HEAD + PAGES, OWNED), HEAD) == 2


def test_initial_table_counts_in_a_head_what_its_own_region_has():
    kept = {HEAD + 1, HEAD + PAGES - 1, HEAD + PAGES}
    memory = Map(MemoryUse.DRAM)
    for page in kept:
        memory = memory.set(page, MemoryUse.RMP)
    table = Map(UNASSIGNED)
    for page in kept:
        table = table.set(page, FIRMWARE_ENTRY)
    table = table.set(HEAD, replace(UNASSIGNED, subpage_count=2))
    assert initial_table(memory)[HEAD] == table[HEAD]
    assert follows_memory_map(memory, table, HEAD)
    assert not follows_memory_map(memory, table.set(HEAD, replace(UNASSIGNED, subpage_count=3)), HEAD)
