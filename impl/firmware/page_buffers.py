"""Command buffers of the page commands (firmware ABI 56860), the metadata entry, and lists of ranges."""

from dataclasses import dataclass
from typing import ClassVar

from impl.firmware.layout import Layout, bits, page, raw, u32, u64


@dataclass(frozen=True, kw_only=True)
class PageReclaimBuffer(Layout):
    """SNP_PAGE_RECLAIM: a page address with the page size in bit 0."""

    LENGTH: ClassVar[int] = 0x08
    page_size: int = bits(0x00, 0, 1)
    page_number: int = bits(0x00, 12, 52)

    @property
    def page_paddr(self) -> int:
        """SPA of the page."""
        return self.page_number << 12


@dataclass(frozen=True, kw_only=True)
class PageUnsmashBuffer(Layout):
    """SNP_PAGE_UNSMASH."""

    LENGTH: ClassVar[int] = 0x08
    page_paddr: int = page(0x00)


@dataclass(frozen=True, kw_only=True)
class PageSetStateBuffer(Layout):
    """SNP_PAGE_SET_STATE."""

    LENGTH: ClassVar[int] = 0x10
    length: int = u32(0x00)
    list_paddr: int = page(0x08)


@dataclass(frozen=True, kw_only=True)
class PageMdInitBuffer(Layout):
    """SNP_PAGE_MD_INIT."""

    LENGTH: ClassVar[int] = 0x10
    gctx_paddr: int = page(0x00)
    page_paddr: int = page(0x08)


@dataclass(frozen=True, kw_only=True)
class PageMoveBuffer(Layout):
    """SNP_PAGE_MOVE."""

    LENGTH: ClassVar[int] = 0x20
    gctx_paddr: int = page(0x00)
    page_size: int = bits(0x08, 0, 1)
    src_paddr: int = page(0x10)
    dst_paddr: int = page(0x18)


@dataclass(frozen=True, kw_only=True)
class SwapBuffer(Layout):
    """What SNP_PAGE_SWAP_OUT and SNP_PAGE_SWAP_IN have in common."""

    LENGTH: ClassVar[int] = 0x30
    gctx_paddr: int = page(0x00)
    src_paddr: int = page(0x08)
    dst_paddr: int = page(0x10)
    mdata_paddr: int = u64(0x18)
    """SPA of a 64-byte metadata entry; ignored where the root entry is used."""
    page_size: int = bits(0x28, 0, 1)
    page_type: int = bits(0x28, 1, 2)
    root_mdata_en: int = bits(0x28, 4, 1)


@dataclass(frozen=True, kw_only=True)
class PageSwapOutBuffer(SwapBuffer):
    """SNP_PAGE_SWAP_OUT."""

    software_data: int = u64(0x20)


@dataclass(frozen=True, kw_only=True)
class PageSwapInBuffer(SwapBuffer):
    """SNP_PAGE_SWAP_IN."""

    swap_in_place: int = bits(0x28, 3, 1)


@dataclass(frozen=True, kw_only=True)
class DebugBuffer(Layout):
    """SNP_DBG_DECRYPT, SNP_DBG_ENCRYPT."""

    LENGTH: ClassVar[int] = 0x18
    gctx_paddr: int = page(0x00)
    src_paddr: int = page(0x08)
    dst_paddr: int = page(0x10)


@dataclass(frozen=True, kw_only=True)
class MetadataEntry(Layout):
    """One 64-byte entry of a METADATA page, or the root entry: the description of a page that was swapped out."""

    LENGTH: ClassVar[int] = 0x40
    software_data: int = u64(0x00)
    iv: int = u64(0x08)
    auth_tag: bytes = raw(0x10, 16)
    valid: int = bits(0x20, 0, 1)
    page_validated: int = bits(0x20, 1, 1)
    vmsa: int = bits(0x20, 2, 1)
    metadata: int = bits(0x20, 3, 1)
    page_size: int = bits(0x20, 4, 1)
    gfn: int = bits(0x20, 12, 52)
    """GPA[63:12]; all ones for a metadata page."""
    vmpl_perms: bytes = raw(0x28, 8)
    """The second quadword of the RMP entry."""


@dataclass(frozen=True, kw_only=True)
class RangeListHeader(Layout):
    """The head of a list of ranges; `Range` entries follow it."""

    LENGTH: ClassVar[int] = 0x08
    count: int = u32(0x00)


@dataclass(frozen=True, kw_only=True)
class Range(Layout):
    """One entry of a list of ranges."""

    LENGTH: ClassVar[int] = 0x10
    base: int = u64(0x00)
    page_count: int = u32(0x08)
    """In 4 KiB pages."""
