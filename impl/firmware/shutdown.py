"""SNP_SHUTDOWN and SNP_SHUTDOWN_EX: end SNP; the latter can also give up the RMP."""

from impl.firmware.buffers import NoBuffer, ShutdownExBuffer
from impl.firmware.page_states import read_page, write_entry
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from impl.registers import SYSCFG_SNP, Msr
from impl.rmp.layout import RmpEntry
from spec.vocabulary import PAGE_SHIFT, PageState, PlatformState, Status

_RECLAIM_ENTRY = RmpEntry(assigned=True)


def shutdown(firmware: Firmware, _buffer: NoBuffer) -> str:
    """Firmware ABI (56860), SNP_SHUTDOWN."""
    if not _may_shut_down(firmware):
        return "already-uninitialised"
    firmware.platform_state = PlatformState.UNINIT
    return "shut-down"


def shutdown_ex(firmware: Firmware, buffer: ShutdownExBuffer) -> str:
    """Firmware ABI (56860), SNP_SHUTDOWN_EX. IOMMU_SNP_SHUTDOWN makes the next SNP_INIT build the RMP anew."""
    if not _may_shut_down(firmware):
        return "already-uninitialised"

    # 3. The buffer has the length that this version expects.
    require(buffer.length == ShutdownExBuffer.LENGTH, Status.INVALID_PARAM, "length")

    # 4. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 5. The processors cannot leave SNP before the IOMMUs.
    ordered = bool(buffer.iommu_snp_shutdown) or not buffer.x86_snp_shutdown
    require(ordered, Status.INVALID_PARAM, "x86-needs-iommu")

    firmware.platform_state = PlatformState.UNINIT
    if buffer.iommu_snp_shutdown:
        _release_rmp(firmware)
    if buffer.x86_snp_shutdown:
        firmware.machine.registers[Msr.SYSCFG] &= ~SYSCFG_SNP
    return "shut-down"


def _may_shut_down(firmware: Firmware) -> bool:
    """False if there is nothing to do."""
    # 1. Legacy SEV does not run.
    require(not firmware.sev_initialised, Status.INVALID_PLATFORM_STATE, "sev-state")
    if firmware.platform_state == PlatformState.UNINIT:
        return False

    # 2. Nothing is left to flush; so no guest holds an ASID either.
    require(firmware.asids.every_asid_clean(), Status.DF_FLUSH_REQUIRED, "asids-clean")
    return True


def _release_rmp(firmware: Firmware) -> None:
    """IOMMU buffers go back to the host, and no guest key stays in the memory controllers."""
    machine = firmware.machine
    firmware.rmp_tcb = None
    for span in firmware.environment.memory_map.iommu_buffers:
        for pfn in range(span.first >> PAGE_SHIFT, (span.last >> PAGE_SHIFT) + 1):
            if read_page(machine, pfn << PAGE_SHIFT).state == PageState.FIRMWARE_IOMMU:
                write_entry(machine, pfn, _RECLAIM_ENTRY)
    for asid in range(1, machine.configuration.maximum_asid + 1):
        machine.engine.drop_key(asid)
