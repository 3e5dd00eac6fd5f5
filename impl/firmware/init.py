"""SNP_INIT and SNP_INIT_EX: build the RMP and let guests exist."""

from contextlib import suppress

from impl.firmware.buffers import InitExBuffer, NoBuffer
from impl.firmware.memory_map import Span
from impl.firmware.page_states import PAGE_BYTES
from impl.firmware.range_list import read_ranges
from impl.firmware.refusal import Refused, require
from impl.firmware.rmp_build import build_rmp
from impl.firmware.rmp_extent import is_segmented, rmp_spans
from impl.firmware.state import Firmware
from impl.memory.paging import C_BIT
from impl.registers import SYSCFG_MEMORY_ENCRYPTION, SYSCFG_SNP, SYSCFG_VMPL, Msr
from spec.vocabulary import PageSize, PlatformState, Status

_MIB = 1 << 20


def init(firmware: Firmware, _buffer: NoBuffer) -> str:
    """Firmware ABI (56860), SNP_INIT. It always builds the RMP anew."""
    return _initialise(firmware, InitExBuffer(init_rmp=1))


def init_ex(firmware: Firmware, buffer: InitExBuffer) -> str:
    """Firmware ABI (56860), SNP_INIT_EX."""
    # 1. Flags that this firmware does not know are reserved.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")
    return _initialise(firmware, buffer)


def _initialise(firmware: Firmware, buffer: InitExBuffer) -> str:
    # 2. Neither SNP nor legacy SEV runs yet.
    idle = firmware.platform_state == PlatformState.UNINIT and not firmware.sev_initialised
    require(idle, Status.INVALID_PLATFORM_STATE, "platform-state")

    # 3. Keeping the RMP needs one that firmware of the same TCB built.
    kept = firmware.rmp_tcb == firmware.environment.committed_tcb
    require(bool(buffer.init_rmp) or kept, Status.RMP_INIT_REQUIRED, "rmp-initialised")

    # 4. A list of reserved pages makes sense only for a new RMP.
    require(bool(buffer.init_rmp) or not buffer.list_paddr_en, Status.INVALID_PARAM, "list-needs-rmp-init")
    _require_sound_platform(firmware)
    _require_sound_bounds(firmware)
    if buffer.init_rmp:
        _rebuild(firmware, buffer)
    firmware.wbinvd_done.clear()
    firmware.reset_asids()
    firmware.guest_count = 0
    firmware.platform_state = PlatformState.INIT
    return "initialised"


def _require_sound_platform(firmware: Firmware) -> None:
    """What all cores and the memory controllers must have enabled."""
    environment = firmware.environment
    enabled = SYSCFG_MEMORY_ENCRYPTION | SYSCFG_SNP | SYSCFG_VMPL
    syscfg = firmware.machine.registers[Msr.SYSCFG]

    # 5. Memory encryption, SNP and VMPLs.
    encrypts = environment.dram_encryption and syscfg & enabled == enabled
    require(encrypts, Status.INVALID_CONFIG, "snp-enabled")

    # 6. Fixed-range MTRR types may not hide DRAM from the RMP.
    require(environment.mfdm_enabled, Status.INVALID_CONFIG, "mfdm")

    # 7. System management mode is locked.
    require(environment.smm_locked, Status.INVALID_CONFIG, "smm-lock")


def _require_sound_bounds(firmware: Firmware) -> None:
    """RMP_BASE and RMP_END. The firmware asks for more than the architecture does."""
    registers, environment = firmware.machine.registers, firmware.environment
    base, end = registers[Msr.RMP_BASE], registers[Msr.RMP_END]
    whole = is_segmented(firmware.machine) or (end + 1 - base) % _MIB == 0

    # 8. Whole MiB.
    require(base % _MIB == 0 and whole, Status.INVALID_CONFIG, "rmp-alignment")

    # 9. The RMP is not encrypted.
    require(not (base | end) & C_BIT, Status.UNSUPPORTED, "rmp-c-bit")

    # 10. SMM memory is where the processor says.
    require(environment.tseg_consistent, Status.INVALID_CONFIG, "tseg")

    # 11. The RMP lies in one region of DRAM.
    in_dram = all(environment.memory_map.in_dram(span) for span in rmp_spans(firmware.machine))
    require(in_dram, Status.INVALID_CONFIG, "rmp-region")


def _rebuild(firmware: Firmware, buffer: InitExBuffer) -> None:
    machine, environment = firmware.machine, firmware.environment

    # 12. No core may run a guest while the RMP is built.
    require(machine.registers[Msr.VM_HSAVE_PA] == 0, Status.INVALID_CONFIG, "host-save-area")
    listed: list[Span] = []
    if buffer.list_paddr_en:
        # Here the firmware takes the entries in front of a malformed one; SNP_PAGE_SET_STATE reports it.
        with suppress(Refused):
            read_ranges(firmware, buffer.list_paddr, PAGE_BYTES[PageSize.SIZE_4K], listed)

    # 13. The RMP covers itself, and nothing reserved lies in it. If not, no entry was written.
    machine.rmp_in_making = True
    built = build_rmp(machine, environment.memory_map, listed, firmware.meanwhile)
    machine.rmp_in_making = False
    require(built, Status.RMP_INITIALIZATION_FAILED, "rmp-built")
    firmware.contexts.clear()

    # 14. The IOMMUs enforce the RMP.
    require(environment.iommu_snp, Status.INVALID_CONFIG, "iommu")
    firmware.rmp_tcb = environment.committed_tcb
