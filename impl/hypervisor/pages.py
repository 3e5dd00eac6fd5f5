"""One page of a launch: what the host hands to one SNP_LAUNCH_UPDATE of 4 KiB."""

from collections.abc import Iterator
from dataclasses import dataclass

from spec.vocabulary import LaunchPageType

PAGE_SIZE = 4096
"""Bytes. A 2 MiB SNP_LAUNCH_UPDATE is measured as 512 of these, so a plan never needs another size."""
ZERO_PAGE = bytes(PAGE_SIZE)
MAX_GPA = (1 << 52) - PAGE_SIZE
"""The last page of a 52-bit guest-physical address space."""


@dataclass(frozen=True)
class LaunchPage:
    """A page in launch order. `gpa` is a byte address.

    `content` is what the host leaves in the page. Firmware overwrites it for ZERO and SECRETS, checks it for CPUID
    and measures it only for NORMAL and VMSA. The masks are those of PAGE_INFO (firmware ABI 56860,
    SNP_LAUNCH_UPDATE).
    """

    gpa: int
    page_type: LaunchPageType
    content: bytes
    vmpl1_perms: int = 0
    vmpl2_perms: int = 0
    vmpl3_perms: int = 0

    def __post_init__(self) -> None:
        if len(self.content) != PAGE_SIZE:
            raise ValueError(f"content: {len(self.content)} bytes; a launch page has {PAGE_SIZE}")
        if self.gpa % PAGE_SIZE or not 0 <= self.gpa <= MAX_GPA:
            raise ValueError(f"gpa: {self.gpa:#x} is not the address of a page below 2^52")
        for mask in (self.vmpl1_perms, self.vmpl2_perms, self.vmpl3_perms):
            if not 0 <= mask <= 0xFF:
                raise ValueError(f"permissions: {mask:#x} is not an 8-bit mask")


def normal_pages(gpa: int, data: bytes) -> Iterator[LaunchPage]:
    """`data`, a whole number of pages, as NORMAL pages from `gpa` up."""
    for offset in range(0, len(data), PAGE_SIZE):
        yield LaunchPage(gpa + offset, LaunchPageType.NORMAL, data[offset : offset + PAGE_SIZE])
