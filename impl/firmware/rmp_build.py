"""SNP_INIT's RMP: which state every covered page gets (firmware ABI 56860, SNP_INIT and SNP_INIT_EX).

Non-DRAM, SMM memory, the HyperTransport area and the host's list become HV_FIXED, the RMP itself FIRMWARE, IOMMU
buffers FIRMWARE_IOMMU, and all other memory HYPERVISOR.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace

from impl.firmware.memory_map import MemoryMap, Span
from impl.firmware.page_states import FIRMWARE_ENTRY, HV_FIXED_ENTRY
from impl.firmware.rmp_extent import covered_spans, rmp_spans
from impl.machine import Machine
from impl.memory.engine import PAGE_BYTES
from impl.registers import Msr
from impl.rmp.layout import ENTRY_BYTES, RmpEntry
from impl.rmp.locator import BOOKKEEPING_BYTES
from spec.vocabulary import IOMMU_TAG, PAGE_SHIFT, PAGES_PER_2M, TAG_SHIFT

IOMMU_ENTRY = replace(FIRMWARE_ENTRY, gfn=IOMMU_TAG << TAG_SHIFT | 1)
_HYPERVISOR_ENTRY = RmpEntry()


@dataclass(frozen=True)
class Stretch:
    """Frame numbers from `first` to `last` whose entries are alike."""

    first: int
    last: int
    entry: RmpEntry


class RmpPlan:
    """Stretches in ascending order; a later assignment overrides earlier ones."""

    def __init__(self, covered: Span) -> None:
        """Everything in one covered span is HV_FIXED."""
        self.stretches = [Stretch(covered.first >> PAGE_SHIFT, covered.last >> PAGE_SHIFT, HV_FIXED_ENTRY)]

    def assign(self, span: Span, entry: RmpEntry) -> None:
        """Give every covered page that the span touches this entry."""
        first = max(span.first >> PAGE_SHIFT, self.stretches[0].first)
        last = min(span.last >> PAGE_SHIFT, self.stretches[-1].last)
        if first > last:
            return
        before = [replace(old, last=min(old.last, first - 1)) for old in self.stretches if old.first < first]
        after = [replace(old, first=max(old.first, last + 1)) for old in self.stretches if old.last > last]
        self.stretches = [*before, Stretch(first, last, entry), *after]

    def all_are(self, span: Span, entry: RmpEntry) -> bool:
        """Whether the span is covered and every page of it has this entry."""
        first, last = span.first >> PAGE_SHIFT, span.last >> PAGE_SHIFT
        if first < self.stretches[0].first or last > self.stretches[-1].last:
            return False
        start = bisect_right(self.stretches, first, key=lambda stretch: stretch.first) - 1
        return all(stretch.entry == entry for stretch in self.stretches[start:] if stretch.first <= last)


def build_rmp(
    machine: Machine, memory_map: MemoryMap, listed: list[Span], meanwhile: Callable[[], None] = lambda: None
) -> bool:
    """Write the whole RMP; False if the RMP does not lie in plain memory that it covers itself.

    `meanwhile` is what other cores do before each stretch is written and after the last one.
    """
    plans = [_plan(covered, memory_map, listed) for covered in covered_spans(machine)]
    own = rmp_spans(machine)
    if not all(any(plan.all_are(span, _HYPERVISOR_ENTRY) for plan in plans) for span in own):
        return False
    for plan in plans:
        for span in own:
            plan.assign(span, FIRMWARE_ENTRY)
        for span in memory_map.iommu_buffers:
            plan.assign(span, IOMMU_ENTRY)
        for stretch in plan.stretches:
            meanwhile()
            _fill(machine, stretch)
        _count_subpages(machine, plan)
    machine.memory.write_raw(machine.registers[Msr.RMP_BASE], bytes(BOOKKEEPING_BYTES))
    meanwhile()
    return True


def _plan(covered: Span, memory_map: MemoryMap, listed: list[Span]) -> RmpPlan:
    plan = RmpPlan(covered)
    for region in memory_map.dram:
        plan.assign(region, _HYPERVISOR_ENTRY)
    for span in (*listed, *memory_map.reserved):
        plan.assign(span, HV_FIXED_ENTRY)
    return plan


def _fill(machine: Machine, stretch: Stretch) -> None:
    """Store one entry many times; table pages that hold it already stay untouched, so memory stays sparse."""
    address = machine.rmp.entry_address(stretch.first)
    assert address is not None, "a plan names covered pages only"
    raw, left = stretch.entry.pack(), stretch.last - stretch.first + 1
    while left:
        count = min(left, (PAGE_BYTES - address % PAGE_BYTES) // ENTRY_BYTES)
        wanted = raw * count
        reached = address // PAGE_BYTES not in machine.diverted
        if reached and machine.memory.read_raw(address, len(wanted)) != wanted:
            machine.memory.write_raw(address, wanted)
        address += len(wanted)
        left -= count


def _count_subpages(machine: Machine, plan: RmpPlan) -> None:
    """Assigned pages count in the 2 MiB-aligned entry of their region, which does not count itself."""
    counts: dict[int, int] = {}
    for stretch in plan.stretches:
        if stretch.entry.assigned:
            for pfn in range(stretch.first, stretch.last + 1):
                if pfn % PAGES_PER_2M:
                    head = pfn - pfn % PAGES_PER_2M
                    counts[head] = counts.get(head, 0) + 1
    for head, count in counts.items():
        machine.rmp.store(head, replace(machine.rmp.load(head), subpage_count=count))
