"""SNP is initialised on both sides: SNP_INIT, WBINVD on every core complex, SNP_DF_FLUSH."""

from functools import cache, partial

from impl.firmware.command_ids import CommandId
from impl.firmware.memory_map import Span
from impl.firmware.rmp_extent import rmp_spans
from sevspec.launch.twins import Twins
from spec.firmware.df_flush import DfFlush, Wbinvd, df_flush, wbinvd
from spec.firmware.init import SnpInit, snp_init
from spec.firmware.initial_table import MemoryMap, MemoryUse, initial_entry, initial_table
from spec.firmware.machine import Machine as MachineFacts
from spec.maps import Map
from spec.rmp.authority import offset_of
from spec.rmp.entry import RmpEntry
from spec.vocabulary import PAGE_SHIFT, Event, Pfn, Result, Status

SOUND = MachineFacts(
    dram_encrypted=True,
    sme_everywhere=True,
    vmpl_everywhere=True,
    msrs_safe=True,
    mfdm_everywhere=True,
    smm_locked=True,
    rmp_base_encrypted=False,
    rmp_bounds_valid=True,
    tseg_valid=True,
    rmp_in_dram=True,
    rmp_write_protected=True,
    hsave_clear=True,
    rmp_built=True,
    iommu_protected=True,
)
"""A machine on which SNP can be initialised."""


def memory_map(twins: Twins) -> MemoryMap:
    """What each page is used for, as the machine's firmware is told."""
    known = twins.processor.firmware.environment.memory_map
    own = rmp_spans(twins.machine)

    @cache
    def known_use(page: int) -> int:
        byte = Span(page << PAGE_SHIFT, page << PAGE_SHIFT)
        if any(span.holds(byte) for span in own):
            return MemoryUse.RMP
        if any(span.holds(byte) for span in known.iommu_buffers):
            return MemoryUse.IOMMU
        fixed = not known.in_dram(byte) or any(span.holds(byte) for span in known.reserved)
        return MemoryUse.FIXED if fixed else MemoryUse.DRAM

    def use(page: int) -> int:
        return known_use(page)

    return Map.of(use)


def table(memory: MemoryMap) -> Map[Pfn, RmpEntry]:
    """`initial_table(memory)`, which counts the pages of a region for each of them; here only for its head."""
    built = initial_table(memory)
    return Map.of(lambda page: built[page] if offset_of(page) == 0 else initial_entry(memory[page], 0))


def initialise(twins: Twins) -> None:
    """From power-on to a platform that can launch guests."""
    memory = memory_map(twins)
    op = SnpInit(machine=SOUND, memory=memory, table=table(memory))
    twins.step("SNP_INIT", snp_init, op, partial(twins.command, CommandId.INIT), Status.SUCCESS)
    topology = twins.processor.firmware.environment.topology
    for ccx in topology.ccxs:
        cores = [core for core in topology.cores if topology.ccx_of_core(core) == ccx]
        flush = partial(write_back, twins, range(cores[0], cores[-1] + 1))
        twins.step(f"WBINVD on core complex {ccx}", wbinvd, Wbinvd(ccx), flush, Event.COMPLETES)
    twins.step("SNP_DF_FLUSH", df_flush, DfFlush(), partial(twins.command, CommandId.DF_FLUSH), Status.SUCCESS)


def write_back(twins: Twins, cores: range) -> Result:
    """WBINVD on these cores of the machine; it has no result."""
    twins.processor.wbinvd(cores)
    return Event.COMPLETES
