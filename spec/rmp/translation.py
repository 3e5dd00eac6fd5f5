"""What a walk of the page tables gives for one address.

Guest and nested page tables are environment here: the guest writes the one, the hypervisor the other, and every value
is possible. A walk that fails ends in an ordinary #PF or nested page fault before any rule of the RMP is asked.
"""

from typing import Annotated

from spec.record import record
from spec.vocabulary import PAGE_SHIFT, Address, Bits, Gfn, MappingSize


@record
class Translation:
    """One guest-virtual address, walked to the end. For the host, `gfn` has no meaning."""

    gva: Address
    gfn: Gfn
    """The guest frame number, its C-bit removed."""
    spa: Address
    """The system-physical address, its C-bit removed."""
    mapping_size: Annotated[int, Bits(2)]
    """A `MappingSize`: of the nested mapping, or of the host's own."""
    private: bool
    """The effective C-bit of a data access, by the guest's page table or vTOM (APM Vol. 2, 15.36.8)."""


def is_large(translation: Translation) -> bool:
    """The mapping is 2 MiB, or 1 GiB, which counts as 2 MiB (APM Vol. 2, 15.36.10)."""
    return translation.mapping_size != MappingSize.MAP_4K


def guest_physical(translation: Translation) -> int:
    """The guest-physical address, which EXITINFO2 reports."""
    return (translation.gfn << PAGE_SHIFT) | (translation.gva & 0xFFF)
