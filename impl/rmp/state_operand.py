"""The 16-byte memory operand of RMPUPDATE and RMPREAD (APM Vol. 3)."""

import struct
from dataclasses import dataclass

from spec.vocabulary import INVALID_ASID, PageSize

OPERAND_BYTES = 16
_FIELDS = struct.Struct("<QBBBBI")
_FLAG = 1
_REGION_STATUS = 1 << 1
"""PAGE_SIZE bit 1: what RMPREAD may say about the 2 MiB region."""


@dataclass(frozen=True)
class StateOperand:
    """GPA at 0h, ASSIGNED at 8h, PAGE_SIZE at 9h, IMMUTABLE at Ah, a reserved byte, ASID at Ch."""

    gpa: int
    assigned: bool
    size: PageSize
    immutable: bool
    asid: int
    region_status: bool = False
    reserved: bool = False
    """Some reserved bit is set, the region status left aside."""

    @property
    def asid_fits(self) -> bool:
        """Whether an entry can hold the ASID; 3FFh is the firmware's locking value."""
        return self.asid < INVALID_ASID

    def pack(self) -> bytes:
        """The 16 bytes, reserved bits zero."""
        size = self.size | (_REGION_STATUS if self.region_status else 0)
        return _FIELDS.pack(self.gpa, self.assigned, size, self.immutable, 0, self.asid)

    @staticmethod
    def unpack(raw: bytes) -> "StateOperand":
        """Read the 16 bytes."""
        gpa, assigned, size, immutable, reserved, asid = _FIELDS.unpack(raw)
        stray = (assigned | immutable) & ~_FLAG | size & ~(_FLAG | _REGION_STATUS) | reserved
        return StateOperand(
            gpa=gpa,
            assigned=bool(assigned & _FLAG),
            size=PageSize(size & _FLAG),
            immutable=bool(immutable & _FLAG),
            asid=asid,
            region_status=bool(size & _REGION_STATUS),
            reserved=stray != 0,
        )
