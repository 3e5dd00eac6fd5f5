"""Command buffers of the launch commands (firmware ABI 56860)."""

from dataclasses import dataclass
from typing import ClassVar

from impl.firmware.layout import Layout, bits, page, raw, u8, u32, u64


@dataclass(frozen=True, kw_only=True)
class LaunchStartBuffer(Layout):
    """SNP_LAUNCH_START."""

    LENGTH: ClassVar[int] = 0x30
    gctx_paddr: int = page(0x00)
    policy: int = u64(0x08)
    ma_gctx_paddr: int = page(0x10)
    ma_en: int = bits(0x18, 0, 1)
    imi_en: int = bits(0x18, 1, 1)
    desired_tsc_khz: int = u32(0x1C)
    gosvw: bytes = raw(0x20, 16)
    """Guest-OS visible workarounds."""


@dataclass(frozen=True, kw_only=True)
class LaunchUpdateBuffer(Layout):
    """SNP_LAUNCH_UPDATE."""

    LENGTH: ClassVar[int] = 0x20
    gctx_paddr: int = page(0x00)
    page_size: int = bits(0x08, 0, 1)
    page_type: int = bits(0x08, 1, 3)
    imi_page: int = bits(0x08, 4, 1)
    page_paddr: int = page(0x10)
    vmpl1_perms: int = u8(0x19)
    vmpl2_perms: int = u8(0x1A)
    vmpl3_perms: int = u8(0x1B)


@dataclass(frozen=True, kw_only=True)
class LaunchFinishBuffer(Layout):
    """SNP_LAUNCH_FINISH."""

    LENGTH: ClassVar[int] = 0x40
    gctx_paddr: int = page(0x00)
    id_block_paddr: int = u64(0x08)
    id_auth_paddr: int = u64(0x10)
    id_block_en: int = bits(0x18, 0, 1)
    auth_key_en: int = bits(0x18, 1, 1)
    vcek_dis: int = bits(0x18, 2, 1)
    host_data: bytes = raw(0x20, 32)
