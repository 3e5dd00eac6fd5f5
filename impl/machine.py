"""The machine: memory, key slots, the RMP, the registers that concern SNP, and what other processors hold."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from impl.configuration import GENOA, MILAN, TURIN, Configuration, Features, Segment, SegmentLimits
from impl.memory.engine import HOST_ASID, EncryptionEngine
from impl.memory.lines import Lines
from impl.memory.physical import PhysicalMemory
from impl.memory.tlb import Tlb
from impl.registers import (
    RMP_CFG_EXPONENT_MASK,
    RMP_CFG_EXPONENT_SHIFT,
    RMP_CFG_SEGMENTED,
    SYSCFG_SNP,
    Msr,
    initial_registers,
)
from impl.rmp.locator import ContiguousRmp, Locator, SegmentedRmp, SegmentTableEntry
from impl.rmp.table import RmpTable

__all__ = [
    "GENOA",
    "HOST",
    "MILAN",
    "TURIN",
    "Configuration",
    "Cpu",
    "Features",
    "Machine",
    "Registers",
    "Segment",
    "SegmentLimits",
]


@dataclass(frozen=True)
class Cpu:
    """The processor state that the rules ask for. The default is the host in ring 0."""

    asid: int = HOST_ASID
    vmpl: int = 0
    cpl: int = 0
    snp_active: bool = False
    """SEV_FEATURES.SNPActive of the running VMSA."""
    nested_cr3: int = 0
    """SPA of the root of the nested page tables."""
    cr3: int = 0
    """GPA of the root of the guest's page tables."""
    reflect_vc: bool = False
    """SEV_FEATURES.ReflectVC: a #VC becomes an exit."""
    vmpl_sss: bool = False
    """SEV_FEATURES.VmplSSS: supervisor shadow-stack accesses are checked."""
    virtual_tom: int | None = None
    """VIRTUAL_TOM, if SEV_FEATURES.vTOM is set: data below it is private, and C-bits must be 0."""
    mode_64bit: bool = True


HOST = Cpu()
"""The hypervisor."""


Registers = dict[str, int]
"""What a save area keeps of a vCPU's registers, by the names of its fields (`rax`, `rip`, `fs.base`)."""


@dataclass(frozen=True)
class Running:
    """One vCPU between VMRUN and #VMEXIT: its state, and the pages that VMRUN holds."""

    cpu: Cpu
    vmcb: int
    """SPA of the VMCB."""
    vmsa: int | None
    """SPA of the VMSA, for SEV-ES and SNP guests."""
    held: frozenset[int]
    """Frame numbers of the pages in use."""
    registers: Registers = field(default_factory=dict)
    core: int = 0
    """The core that it runs on."""
    event: int | None = None
    """The vector of the event that the VMCB injected; None if there is none, or the VMSA says to look elsewhere."""


class Machine:
    """One machine. Every instruction and firmware command takes it as its first argument."""

    def __init__(self, configuration: Configuration = GENOA, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        """A machine after power-on: memory holds zeros, except the segment table where the RMP is segmented.

        `random_bytes` makes the secrets that are new at each reset, given a length in bytes.
        """
        self.configuration = configuration
        self.random_bytes = random_bytes
        self.knobs = configuration.knobs
        self.engine = EncryptionEngine(configuration.encryption, random_bytes)
        self.memory = PhysicalMemory(self.engine, configuration.physical_address_bits)
        self.registers = initial_registers(configuration)
        self.in_use: set[int] = set()
        """Frame numbers of pages that VMRUN holds."""
        self.running: list[Running] = []
        """vCPUs between VMRUN and #VMEXIT."""
        self.locked: set[int] = set()
        """Frame numbers whose RMP entry another processor holds locked."""
        self.overlap_contended: set[int] = set()
        """First frame numbers of 2 MiB regions where another processor makes the overlap test fail."""
        self.invalid_asids: set[int] = set()
        """ASIDs that firmware flags invalid: VMRUN refuses them until LAUNCH_FINISH."""
        self.vmsa_gfns: dict[int, int] = {}
        """For pages that became a VMSA: frame number to the GPA >> 12 recorded then (knob K-VMSA-RM)."""
        self.vmsa_checksums: dict[int, bytes] = {}
        """By SPA, what the VMSAs of SEV-ES guests held when they were last saved; software cannot reach it."""
        self.tlb = Tlb()
        self.rmp_in_making = False
        """SNP_INIT is at work on the RMP."""
        self.diverted: frozenset[int] = frozenset()
        """Frame numbers of RMP pages that the firmware's stores do not reach: none, where R14 is kept."""
        self.lines: Lines | None = None
        """What caches hold that memory does not; None, if nobody wants to know."""
        for index, segment in enumerate(configuration.segments):
            raw = SegmentTableEntry(segment.covered_gib, segment.base).pack()
            self.memory.write_raw(self.segmented_rmp().table_base + index * len(raw), raw)
        self.rmp = self._table()

    @property
    def snp_enabled(self) -> bool:
        """SYSCFG.SecureNestedPagingEn."""
        return bool(self.registers[Msr.SYSCFG] & SYSCFG_SNP)

    def relocate_rmp(self) -> None:
        """Take over a change of RMP_BASE, RMP_END or RMP_CFG."""
        self.rmp = self._table()

    def _table(self) -> RmpTable:
        return RmpTable(self.memory, self.registers[Msr.RMP_BASE], self._locator())

    def _locator(self) -> Locator:
        if self.registers.get(Msr.RMP_CFG, 0) & RMP_CFG_SEGMENTED:
            return self.segmented_rmp()
        return ContiguousRmp(self.registers[Msr.RMP_BASE], self.registers[Msr.RMP_END])

    def segmented_rmp(self) -> SegmentedRmp:
        """The segmented RMP that RMP_BASE and RMP_CFG describe."""
        exponent = self.registers[Msr.RMP_CFG] >> RMP_CFG_EXPONENT_SHIFT & RMP_CFG_EXPONENT_MASK
        return SegmentedRmp(self.memory, self.registers[Msr.RMP_BASE], exponent, self.configuration.segment_limits)
