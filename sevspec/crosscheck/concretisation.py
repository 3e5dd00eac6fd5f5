"""From a specified state to a machine in that state."""

from collections.abc import Iterable
from dataclasses import dataclass

from impl.configuration import Configuration, Features, Segment
from impl.firmware.environment import Environment, FirmwareVersion, Topology
from impl.firmware.memory_map import MemoryMap, Span
from impl.firmware.processor import SecurityProcessor
from impl.machine import Machine
from impl.rmp.layout import ENTRY_BYTES
from impl.rmp.layout import RmpEntry as PackedEntry
from impl.rmp.locator import BOOKKEEPING_BYTES
from impl.rmp.table import RmpTable
from sevspec.crosscheck.bench import Bench, KeyLedger
from sevspec.crosscheck.firmware_state import put_firmware
from spec.features import Platform
from spec.maps import Map
from spec.rmp.coverage import REGION_SHIFT
from spec.rmp.entry import RmpEntry
from spec.system.state import System
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, VMPLS, PageSize

GFN_BITS_OF_52 = 39
"""An entry has no more guest frame bits than this, on processors with 51 or 52 physical address bits."""
PFN_BITS = 40
SEGMENT_BASE = 0x20_0000
SPARE = 0x8000_0000
"""2 GiB: covered, and in no region that a step names."""
SCRATCH = 0x1_4000_0000
"""5 GiB: in DRAM, and beyond what the RMP covers."""
FAR_RMP = 0xE000_0000_0000
"""Where a bench with free coverage has its RMP: within 48 address bits, and no page of a small example."""
COVERED_REGIONS = {True: 2048, False: 2174}
"""How many regions the two fixed layouts cover; by whether the RMP is segmented."""


class Inexpressible(Exception):
    """The machine has no such state or operand; the message says why."""


@dataclass(frozen=True)
class FreeRmp:
    """A layout that covers whatever regions the specified state says; no processor has it."""

    covered: Map[int, bool]
    own: frozenset[int]
    """Frame numbers of pages that count as the RMP's."""

    def entry_address(self, pfn: int) -> int | None:
        """As a contiguous RMP, but with holes."""
        covered = pfn >> PFN_BITS == 0 and self.covered[pfn >> REGION_SHIFT]
        return FAR_RMP + BOOKKEEPING_BYTES + pfn * ENTRY_BYTES if covered else None

    def contains(self, spa: int) -> bool:
        """Whether commands are told that this is the RMP."""
        return spa >> PAGE_SHIFT in self.own


def configuration_of(platform: Platform) -> Configuration:
    """The machine with the platform's features, knobs and numbers."""
    spec = platform.features
    if platform.gfn_mask & (platform.gfn_mask + 1):
        raise Inexpressible("the guest frame mask is no row of ones")
    width = platform.gfn_mask.bit_length()
    if platform.vmpl_count > len(VMPLS):
        raise Inexpressible("an entry has masks for four VMPLs")
    named = {name: getattr(spec, name) for name in Features.__dataclass_fields__}
    return Configuration(
        physical_address_bits=52 if width == GFN_BITS_OF_52 else width + PAGE_SHIFT,
        segments=(Segment(SEGMENT_BASE, 4),) if spec.segmented_rmp else (),
        features=Features(**named),
        vmpls=platform.vmpl_count,
        maximum_asid=platform.max_asid,
        minimum_sev_asid=platform.min_sev_asid,
        snp_enabled=spec.snp_enabled,
        knobs=platform.knobs,
    )


def bench_of(system: System, environment: Environment | None = None, own: Iterable[int] | None = None) -> Bench:
    """A machine in the state of `system`. `own`: free coverage, with these pages as the RMP's."""
    machine = Machine(configuration_of(system.platform))
    if own is None:
        counters = machine.configuration.rmp_base
        segmented = system.platform.features.segmented_rmp
        length = COVERED_REGIONS[segmented] * PAGES_PER_2M * ENTRY_BYTES
        origin, scratch = SEGMENT_BASE if segmented else counters + BOOKKEEPING_BYTES, SCRATCH
    else:
        length = ENTRY_BYTES << PFN_BITS
        counters, origin, scratch = FAR_RMP, FAR_RMP + BOOKKEEPING_BYTES, FAR_RMP - (1 << 40)
        machine.rmp = RmpTable(machine.memory, counters, FreeRmp(system.covered, frozenset(own)))
    keys = KeyLedger(system.firmware.next_key)
    processor = SecurityProcessor(machine, environment or Environment(), keys)
    bench = Bench(system, machine, processor, keys, origin, length, counters, scratch, SPARE)
    put_table(bench, system)
    put_firmware(bench, system)
    return bench


def put_table(bench: Bench, system: System) -> None:
    """Entries as they are, counters, and the pages in use."""
    for page, entry in system.rmp.changed():
        bench.machine.memory.write_raw(bench.origin + page * ENTRY_BYTES, packed(entry).pack())
    for asid, count in system.asid_pages.changed():
        bench.machine.rmp.store_counter(asid, count)
    bench.machine.in_use = {page for page, held in system.in_use.changed() if held}


def packed(entry: RmpEntry) -> PackedEntry:
    """An entry as the machine unpacks it."""
    masks = entry.masks
    return PackedEntry(
        assigned=entry.assigned,
        page_size=PageSize(entry.page_size),
        immutable=entry.immutable,
        subpage_count=entry.subpage_count,
        gfn=entry.gfn,
        asid=entry.asid,
        vmsa=entry.vmsa,
        validated=entry.validated,
        lock=entry.lock,
        perms=(masks.vmpl0, masks.vmpl1, masks.vmpl2, masks.vmpl3),
    )


def fixed_coverage(platform: Platform) -> Map[int, bool]:
    """What the layouts of `configuration_of` cover."""
    count = COVERED_REGIONS[platform.features.segmented_rmp]
    return Map(False).set_range(0, count, lambda _: True)


def environment_with(
    forbidden: Iterable[int], *, no_dram: int | None = None, topology: Topology | None = None, version: int = 0x137
) -> Environment:
    """A platform on which commands may not name the `forbidden` pages, and one page is no memory."""
    spans = tuple(Span(page << PAGE_SHIFT, (page << PAGE_SHIFT) + 0xFFF) for page in forbidden)
    last = (1 << 52) - 1
    dram: tuple[Span, ...] = (Span(0, last),)
    if no_dram is not None:
        dram = (Span(0, (no_dram << PAGE_SHIFT) - 1), Span(no_dram + 1 << PAGE_SHIFT, last))
    return Environment(
        memory_map=MemoryMap(dram=dram, tseg=None, aseg=None, tmrs=spans, maximum_address=last),
        topology=topology or Topology(),
        version=FirmwareVersion(version >> 8, version & 0xFF),
    )
