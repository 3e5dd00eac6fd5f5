"""The launch digest: a hash chain over PAGE_INFO of every page (firmware ABI 56860, "PAGE_INFO Structure")."""

from dataclasses import dataclass
from hashlib import sha384
from typing import ClassVar

from impl.firmware.layout import Layout, bits, raw, u8, u16, u64

PAGE_INFO_BYTES = 0x70


@dataclass(frozen=True, kw_only=True)
class PageInfo(Layout):
    """What of one 4 KiB page is measured. The masks stand in the order of the levels; VMPL0 has none."""

    LENGTH: ClassVar[int] = PAGE_INFO_BYTES
    digest_cur: bytes = raw(0x00, 48)
    contents: bytes = raw(0x30, 48)
    """SHA-384 of the plaintext of NORMAL and VMSA pages, else zero."""
    length: int = u16(0x60)
    page_type: int = u8(0x62)
    imi_page: int = bits(0x63, 0, 1)
    vmpl1_perms: int = u8(0x65)
    vmpl2_perms: int = u8(0x66)
    vmpl3_perms: int = u8(0x67)
    gpa: int = u64(0x68)


def extended(digest: bytes, info: PageInfo) -> bytes:
    """The digest after one more page; `info` leaves DIGEST_CUR zero."""
    return sha384(digest + info.pack()[len(digest) :]).digest()
