"""SNP_PLATFORM_STATUS, SNP_GUEST_STATUS and SNP_FEATURE_INFO: what the firmware tells the host."""

from dataclasses import dataclass
from typing import ClassVar

from impl.firmware.buffers import FeatureInfoBuffer, GuestStatusBuffer, PlatformStatusBuffer
from impl.firmware.guest_request import KNOWN_MESSAGES
from impl.firmware.layout import Layout, bits, u8, u32, u64
from impl.firmware.refusal import Refused, require
from impl.firmware.state import OUTPUT_STATES, Firmware
from impl.memory.engine import PAGE_BYTES
from spec.vocabulary import PlatformState, Status

X86_SNP_SHUTDOWN_SUPPORTED = 1 << 1
_LAST_LEAF = 1


@dataclass(frozen=True, kw_only=True)
class PlatformStatus(Layout):
    """STRUCT_PLATFORM_STATUS."""

    LENGTH: ClassVar[int] = 0x20
    api_major: int = u8(0x00)
    api_minor: int = u8(0x01)
    state: int = u8(0x02)
    is_rmp_init: int = bits(0x03, 0, 1)
    build_id: int = u32(0x04)
    mask_chip_id: int = bits(0x08, 0, 1)
    mask_chip_key: int = bits(0x08, 1, 1)
    vlek_en: int = bits(0x08, 2, 1)
    feature_info: int = bits(0x08, 3, 1)
    guest_count: int = u32(0x0C)
    current_tcb: int = u64(0x10)
    reported_tcb: int = u64(0x18)


@dataclass(frozen=True, kw_only=True)
class GuestStatus(Layout):
    """STRUCT_GUEST_STATUS."""

    LENGTH: ClassVar[int] = 0x20
    policy: int = u64(0x00)
    asid: int = u32(0x08)
    """0 if the guest has none."""
    state: int = u8(0x0C)
    vcek_dis: int = bits(0x10, 0, 1)


@dataclass(frozen=True, kw_only=True)
class FeatureInfo(Layout):
    """The four words of one leaf of SNP_FEATURE_INFO."""

    LENGTH: ClassVar[int] = 0x10
    eax: int = u32(0x00)
    ebx: int = u32(0x04)
    ecx: int = u32(0x08)
    edx: int = u32(0x0C)


def platform_status(firmware: Firmware, buffer: PlatformStatusBuffer) -> str:
    """Firmware ABI (56860), SNP_PLATFORM_STATUS. It works before SNP_INIT."""
    # 1. The output lies in one page.
    fits = buffer.status_paddr % PAGE_BYTES + PlatformStatus.LENGTH <= PAGE_BYTES
    require(fits, Status.INVALID_PARAM, "status-crosses-page")

    # 2. The firmware may write there.
    _require_output_once_initialised(firmware, buffer.status_paddr)
    environment = firmware.environment
    status = PlatformStatus(
        api_major=environment.version.major,
        api_minor=environment.version.minor,
        state=firmware.platform_state,
        is_rmp_init=firmware.rmp_tcb is not None,
        build_id=environment.version.build,
        mask_chip_id=firmware.mask_chip_id,
        mask_chip_key=firmware.mask_chip_key,
        feature_info=1,
        guest_count=firmware.guest_count,
        current_tcb=environment.committed_tcb,
        reported_tcb=firmware.reported_tcb,
    )
    firmware.write(buffer.status_paddr, status.pack())
    return "platform-status"


def guest_status(firmware: Firmware, buffer: GuestStatusBuffer) -> str:
    """Firmware ABI (56860), SNP_GUEST_STATUS."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The output lies in one page.
    fits = buffer.status_paddr % PAGE_BYTES + GuestStatus.LENGTH <= PAGE_BYTES
    require(fits, Status.INVALID_PARAM, "status-crosses-page")

    # 3. The platform is initialised.
    firmware.require_initialised()

    # 4. The page is a guest context.
    guest = firmware.context(firmware.page(buffer.gctx_paddr))

    # 5. The firmware may write the output there.
    firmware.require_state(firmware.page(buffer.status_paddr), *OUTPUT_STATES, check="status-page-state")
    status = GuestStatus(policy=guest.policy, asid=guest.asid, state=guest.state, vcek_dis=guest.vcek_disabled)
    firmware.write(buffer.status_paddr, status.pack())
    return "guest-status"


def feature_info(firmware: Firmware, buffer: FeatureInfoBuffer) -> str:
    """Firmware ABI (56860), SNP_FEATURE_INFO. Leaf 0 is for the host, leaf 1 for guests."""
    # 1. The buffer has the length that this version expects.
    require(buffer.length == FeatureInfoBuffer.LENGTH, Status.INVALID_PARAM, "length")

    # 2. The output is aligned to a word and lies in one page.
    offset = buffer.feature_info_paddr % PAGE_BYTES
    placed = offset % 4 == 0 and offset + FeatureInfo.LENGTH <= PAGE_BYTES
    require(placed, Status.INVALID_ADDRESS, "feature-info-address")

    # 3. The firmware may write there.
    _require_output_once_initialised(firmware, buffer.feature_info_paddr)

    # 4. The leaf exists.
    if buffer.ecx_in > _LAST_LEAF:
        raise Refused(Status.INVALID_PARAM, "leaf")
    host_leaf = FeatureInfo(eax=_LAST_LEAF, ecx=X86_SNP_SHUTDOWN_SUPPORTED)
    guest_leaf = FeatureInfo(eax=sum(1 << message for message in KNOWN_MESSAGES))
    firmware.write(buffer.feature_info_paddr, (guest_leaf if buffer.ecx_in else host_leaf).pack())
    return "feature-info"


def _require_output_once_initialised(firmware: Firmware, spa: int) -> None:
    if firmware.platform_state != PlatformState.UNINIT:
        firmware.require_state(firmware.page(spa), *OUTPUT_STATES, check="status-page-state")
