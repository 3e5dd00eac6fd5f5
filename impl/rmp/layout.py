"""The packed 16-byte RMP entry of Zen 3 and Zen 4.

The layout is model-specific (PPR for family 19h, "RMP entry"); later processors show entries through RMPREAD only.
The first quadword holds ownership and state, the second the VMPL masks.
"""

import struct
from dataclasses import dataclass

from spec.vocabulary import PageSize

ENTRY_BYTES = 16
GFN_BITS = 39
"""An entry stores GPA[50:12]."""
GFN_MASK = (1 << GFN_BITS) - 1

_QUADWORDS = struct.Struct("<QQ")
SUBPAGE_MASK = 0x1FF
_SUBPAGE_SHIFT = 3
_GFN_SHIFT = 12
_ASID_SHIFT, _ASID_MASK = 51, 0x3FF
_ASSIGNED, _SIZE, _IMMUTABLE = 1 << 0, 1 << 1, 1 << 2
_VMSA, _VALIDATED, _LOCK = 1 << 61, 1 << 62, 1 << 63
_PERMS = struct.Struct("<4B")
_RESERVED_SHIFT = 32

Perms = tuple[int, int, int, int]
"""The permission masks of VMPL0 to VMPL3."""
NO_PERMS: Perms = (0, 0, 0, 0)


@dataclass(frozen=True)
class RmpEntry:
    """One unpacked entry. APM Vol. 2, "Reverse Map Table" (15.36.3), Table 15-34. The default is all zero."""

    assigned: bool = False
    page_size: PageSize = PageSize.SIZE_4K
    immutable: bool = False
    subpage_count: int = 0
    """How many of the other 511 pages of the 2 MiB region are assigned; kept in 2 MiB-aligned entries only."""
    gfn: int = 0
    asid: int = 0
    vmsa: bool = False
    validated: bool = False
    lock: bool = False
    perms: Perms = NO_PERMS
    reserved: int = 0
    """Bits 63:32 of the second quadword (implicit key select, root port, stream and page migration), kept as read."""

    def pack(self) -> bytes:
        """The 16 bytes as memory holds them."""
        low = (
            self.subpage_count << _SUBPAGE_SHIFT
            | self.gfn << _GFN_SHIFT
            | self.asid << _ASID_SHIFT
            | self.assigned * _ASSIGNED
            | self.page_size * _SIZE
            | self.immutable * _IMMUTABLE
            | self.vmsa * _VMSA
            | self.validated * _VALIDATED
            | self.lock * _LOCK
        )
        high = int.from_bytes(_PERMS.pack(*self.perms), "little") | self.reserved << _RESERVED_SHIFT
        return _QUADWORDS.pack(low, high)

    @staticmethod
    def unpack(raw: bytes) -> "RmpEntry":
        """Read an entry from its 16 bytes."""
        low, high = _QUADWORDS.unpack(raw)
        first, second, third, fourth = _PERMS.unpack_from(raw, 8)
        return RmpEntry(
            assigned=bool(low & _ASSIGNED),
            page_size=PageSize.SIZE_2M if low & _SIZE else PageSize.SIZE_4K,
            immutable=bool(low & _IMMUTABLE),
            subpage_count=low >> _SUBPAGE_SHIFT & SUBPAGE_MASK,
            gfn=low >> _GFN_SHIFT & GFN_MASK,
            asid=low >> _ASID_SHIFT & _ASID_MASK,
            vmsa=bool(low & _VMSA),
            validated=bool(low & _VALIDATED),
            lock=bool(low & _LOCK),
            perms=(first, second, third, fourth),
            reserved=high >> _RESERVED_SHIFT,
        )
