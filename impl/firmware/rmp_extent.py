"""Which pages the RMP covers and which it lies in, for the contiguous and the segmented RMP.

APM Vol. 2, "RMP and VMPL initialization" (15.36.4) and "Segmented RMP" (15.36.22).
"""

from impl.configuration import GIB, SEGMENT_TABLE_ENTRIES
from impl.firmware.memory_map import Span
from impl.machine import Machine
from impl.registers import RMP_CFG_SEGMENTED, Msr
from impl.rmp.layout import ENTRY_BYTES
from impl.rmp.locator import BOOKKEEPING_BYTES
from spec.vocabulary import PAGE_SHIFT

_SEGMENT_ENTRY_BYTES = 8


def is_segmented(machine: Machine) -> bool:
    """RMP_CFG.SegRmpEn."""
    return bool(machine.registers.get(Msr.RMP_CFG, 0) & RMP_CFG_SEGMENTED)


def covered_spans(machine: Machine) -> list[Span]:
    """The memory that has RMP entries. Bytes."""
    if not is_segmented(machine):
        base, end = machine.registers[Msr.RMP_BASE], machine.registers[Msr.RMP_END]
        pages = (end + 1 - base - BOOKKEEPING_BYTES) // ENTRY_BYTES
        return [Span(0, (pages << PAGE_SHIFT) - 1)]
    return [Span(start, start + length - 1) for start, _base, length in _segments(machine)]


def rmp_spans(machine: Machine) -> list[Span]:
    """The memory that the RMP itself lies in. Bytes."""
    base = machine.registers[Msr.RMP_BASE]
    if not is_segmented(machine):
        return [Span(base, machine.registers[Msr.RMP_END])]
    head = Span(base, base + BOOKKEEPING_BYTES + SEGMENT_TABLE_ENTRIES * _SEGMENT_ENTRY_BYTES - 1)
    tables = [(table, (length >> PAGE_SHIFT) * ENTRY_BYTES) for _start, table, length in _segments(machine)]
    return [head, *(Span(table, table + size - 1) for table, size in tables)]


def _segments(machine: Machine) -> list[tuple[int, int, int]]:
    """Of each segment that covers something: its first address, where its entries lie, and how much it covers."""
    locator = machine.segmented_rmp()
    found = []
    for index in range(locator.limits.usable):
        entry = locator.table_entry(index)
        length = min(entry.covered_gib * GIB, 1 << locator.exponent)
        if length:
            found.append((index << locator.exponent, entry.base, length))
    return found
