"""Command buffers of platform and guest commands (firmware ABI 56860, one "Parameters" table per command).

Those of launch and page commands stand in `launch_buffers` and `page_buffers`. `gctx_paddr` is always the SPA of the
guest context page.
"""

from dataclasses import dataclass
from typing import ClassVar

from impl.firmware.layout import Layout, bits, page, u32, u64


@dataclass(frozen=True, kw_only=True)
class NoBuffer(Layout):
    """The command ignores its buffer, which is not even read."""


@dataclass(frozen=True, kw_only=True)
class GuestContextBuffer(Layout):
    """SNP_GCTX_CREATE, SNP_DECOMMISSION."""

    LENGTH: ClassVar[int] = 0x08
    gctx_paddr: int = page(0x00)


@dataclass(frozen=True, kw_only=True)
class InitExBuffer(Layout):
    """SNP_INIT_EX. Firmware 1.55 knows the two lowest flags; later ones are reserved here."""

    LENGTH: ClassVar[int] = 0x40
    init_rmp: int = bits(0x00, 0, 1)
    list_paddr_en: int = bits(0x00, 1, 1)
    list_paddr: int = u64(0x08)


@dataclass(frozen=True, kw_only=True)
class ShutdownExBuffer(Layout):
    """SNP_SHUTDOWN_EX."""

    LENGTH: ClassVar[int] = 0x08
    length: int = u32(0x00)
    iommu_snp_shutdown: int = bits(0x04, 0, 1)
    x86_snp_shutdown: int = bits(0x04, 1, 1)


@dataclass(frozen=True, kw_only=True)
class PlatformStatusBuffer(Layout):
    """SNP_PLATFORM_STATUS."""

    LENGTH: ClassVar[int] = 0x08
    status_paddr: int = u64(0x00)


@dataclass(frozen=True, kw_only=True)
class FeatureInfoBuffer(Layout):
    """SNP_FEATURE_INFO."""

    LENGTH: ClassVar[int] = 0x10
    length: int = u32(0x00)
    ecx_in: int = u32(0x04)
    feature_info_paddr: int = u64(0x08)


@dataclass(frozen=True, kw_only=True)
class ConfigBuffer(Layout):
    """SNP_CONFIG."""

    LENGTH: ClassVar[int] = 0x40
    reported_tcb: int = u64(0x00)
    mask_chip_id: int = bits(0x08, 0, 1)
    mask_chip_key: int = bits(0x08, 1, 1)


@dataclass(frozen=True, kw_only=True)
class ActivateBuffer(Layout):
    """SNP_ACTIVATE."""

    LENGTH: ClassVar[int] = 0x0C
    gctx_paddr: int = page(0x00)
    asid: int = u32(0x08)


@dataclass(frozen=True, kw_only=True)
class ActivateExBuffer(Layout):
    """SNP_ACTIVATE_EX."""

    LENGTH: ClassVar[int] = 0x20
    length: int = u32(0x00)
    gctx_paddr: int = page(0x08)
    asid: int = u32(0x10)
    numids: int = u32(0x14)
    ids_paddr: int = u64(0x18)
    """A list of 4-byte APIC IDs."""


@dataclass(frozen=True, kw_only=True)
class GuestStatusBuffer(Layout):
    """SNP_GUEST_STATUS."""

    LENGTH: ClassVar[int] = 0x10
    gctx_paddr: int = page(0x00)
    status_paddr: int = u64(0x08)


@dataclass(frozen=True, kw_only=True)
class GuestRequestBuffer(Layout):
    """SNP_GUEST_REQUEST. The messages need not start on a page."""

    LENGTH: ClassVar[int] = 0x18
    gctx_paddr: int = page(0x00)
    request_paddr: int = u64(0x08)
    response_paddr: int = u64(0x10)
