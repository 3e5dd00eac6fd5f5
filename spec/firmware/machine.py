"""What SNP_INIT finds out about processors and fabric before it trusts them. None of it is RMP state."""

from spec.logic import all_of, first_of, none_of
from spec.record import record
from spec.registry import Outcome
from spec.system.state import System
from spec.vocabulary import Evidence, Status


@record
class Machine:
    """The facts that SNP_INIT checks; SYSCFG.SNPEn is `system.platform.features.snp_enabled`."""

    dram_encrypted: bool
    """Every memory controller encrypts."""
    sme_everywhere: bool
    """SYSCFG.MemEncryptionModEn on every core."""
    vmpl_everywhere: bool
    """SYSCFG.VMPLEn on every core."""
    msrs_safe: bool
    """The MSRs that could weaken SNP have the values that firmware expects."""
    mfdm_everywhere: bool
    """SYSCFG.MFDM on every core."""
    smm_locked: bool
    """HWCR.SmmLock on every core."""
    rmp_base_encrypted: bool
    """RMP_BASE or RMP_END has the C-bit set."""
    rmp_bounds_valid: bool
    """RMP_BASE and RMP_END are the same on every core, 1 MiB-aligned, a multiple of 1 MiB apart."""
    tseg_valid: bool
    """The TSEG that the cores have is the one that the boot loader announced."""
    rmp_in_dram: bool
    """The RMP lies in one DRAM region."""
    rmp_write_protected: bool
    """A trusted memory region keeps the cores from writing the RMP while it is built."""
    hsave_clear: bool
    """VM_HSAVE_PA is 0 on every core: no core can have a guest."""
    rmp_built: bool
    """The table could be built, which includes that it covers itself."""
    iommu_protected: bool
    """Every IOMMU enforces SNP."""


def machine_refused(system: System, machine: Machine, *, rebuild: bool) -> Outcome | None:
    """The checks of SNP_INIT(_EX), or None if SNP can be initialised. `rebuild`: the RMP is built anew."""
    # 1. Encryption and SNP on all cores.
    if cause := first_of(
        ("dram-encryption", none_of(machine.dram_encrypted)),
        ("sme", none_of(machine.sme_everywhere)),
        ("snp", none_of(system.platform.features.snp_enabled)),
        ("vmpl", none_of(machine.vmpl_everywhere)),
        ("msrs", none_of(machine.msrs_safe)),
        ("mfdm", none_of(machine.mfdm_everywhere)),
        ("smm-lock", none_of(machine.smm_locked)),
    ):
        return Outcome(Status.INVALID_CONFIG, cause, system, Evidence.FIRMWARE)

    # 2. Where the RMP is. An encrypted RMP is not supported.
    if all_of(machine.rmp_bounds_valid, machine.rmp_base_encrypted):
        return Outcome(Status.UNSUPPORTED, "rmp-encrypted", system, Evidence.FIRMWARE)
    if cause := first_of(
        ("rmp-bounds", none_of(machine.rmp_bounds_valid)),
        ("tseg", none_of(machine.tseg_valid)),
        ("rmp-in-dram", none_of(machine.rmp_in_dram)),
    ):
        return Outcome(Status.INVALID_CONFIG, cause, system, Evidence.FIRMWARE)

    # 3. Nobody writes the RMP, and no guest runs on the old one.
    if none_of(machine.rmp_write_protected):
        return Outcome(Status.INVALID_CONFIG, "rmp-write-protected", system, Evidence.INFERRED)
    if all_of(rebuild, none_of(machine.hsave_clear)):
        return Outcome(Status.INVALID_CONFIG, "hsave", system, Evidence.FIRMWARE)

    # 4. The table. (If a later check fails, what was written stays; the platform stays UNINIT. Not modelled.)
    if all_of(rebuild, none_of(machine.rmp_built)):
        return Outcome(Status.RMP_INITIALIZATION_FAILED, "rmp-built", system, Evidence.FIRMWARE)

    # 5. The IOMMU, which the table has to know of.
    if none_of(machine.iommu_protected):
        return Outcome(Status.INVALID_CONFIG, "iommu", system, Evidence.INFERRED)
    return None
