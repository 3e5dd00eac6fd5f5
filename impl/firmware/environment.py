"""What the firmware finds beside the machine: its own version, the processor's topology, fuses, and policy hooks."""

from collections.abc import Callable
from dataclasses import dataclass, field

from impl.attestation.chip import Endorsement
from impl.firmware.cpuid_page import CpuidFunction
from impl.firmware.memory_map import MemoryMap

CpuidPolicy = Callable[[CpuidFunction], CpuidFunction]
"""Corrects one CPUID function against the hardware; the identity where the values are acceptable."""


@dataclass(frozen=True)
class FirmwareVersion:
    """The version that the firmware reports. The rules are those of 1.55.25."""

    major: int = 1
    minor: int = 55
    build: int = 25


@dataclass(frozen=True)
class Topology:
    """Sockets, core complexes (CCX) and cores; all are counted over the whole system."""

    sockets: int = 1
    ccxs_per_socket: int = 2
    cores_per_ccx: int = 2
    smt_enabled: bool = True

    @property
    def ccxs(self) -> range:
        """Every CCX."""
        return range(self.sockets * self.ccxs_per_socket)

    @property
    def cores(self) -> range:
        """Every core."""
        return range(len(self.ccxs) * self.cores_per_ccx)

    def ccx_of_core(self, core: int) -> int:
        """The CCX that the core belongs to."""
        return core // self.cores_per_ccx

    def socket_of(self, ccx: int) -> int:
        """The socket that the CCX belongs to."""
        return ccx // self.ccxs_per_socket

    def ccx_of_apic_id(self, apic_id: int) -> int | None:
        """The CCX of a logical processor, or None if there is no such APIC ID. IDs are dense."""
        core = apic_id // 2 if self.smt_enabled else apic_id
        return self.ccx_of_core(core) if core in self.cores else None


def accept_cpuid(function: CpuidFunction) -> CpuidFunction:
    """The policy that accepts whatever the hypervisor provides."""
    return function


@dataclass(frozen=True)
class Environment:
    """Everything that SNP_INIT and the guest commands ask of the platform."""

    memory_map: MemoryMap = field(default_factory=MemoryMap)
    topology: Topology = field(default_factory=Topology)
    version: FirmwareVersion = field(default_factory=FirmwareVersion)
    dram_encryption: bool = True
    """Memory controllers encrypt."""
    mfdm_enabled: bool = True
    """SYSCFG.MFDM on all cores."""
    smm_locked: bool = True
    """HWCR.SmmLock on all cores."""
    tseg_consistent: bool = True
    """The TSEG registers agree with what the boot loader told the security processor."""
    iommu_snp: bool = True
    """Every IOMMU could be switched to SNP."""
    committed_tcb: int = 0x4800_0000_0000_0004
    """TCB_VERSION of Milan and Genoa: boot loader in byte 0, TEE 1, SNP 6, microcode 7."""
    family_model_stepping: int = 0x00A1_0F11
    """CPUID 1 EAX."""
    tsc_reference_khz: int = 99_800
    """The clock that guest TSC frequencies are divided by: 100 MHz less 0.2 %."""
    tsc_factor: int = 200
    """Average slow-down by spread-spectrum clocking, in 1/100000."""
    cpuid_policy: CpuidPolicy = accept_cpuid
    endorsement: Endorsement | None = None
    """The chip's keys; without them the firmware makes no report."""
    report_version: int = 2
    """2, 3 or 5. Firmware 1.55.25 makes version 2."""
    platform_info: int = 0
    """PLATFORM_INFO of reports, but for SMT, which the topology says."""
    mitigations: int = 0
    """Vulnerabilities that this firmware has mitigations for, a bit each."""
