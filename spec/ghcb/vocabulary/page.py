"""The GHCB page: offsets of its fields in bytes, and their bits in the valid bitmap (GHCB, 56421, "GHCB Layout").

The page is shared (C=0) and 4096 bytes long; each VMPL of each virtual processor has its own. The save area is laid
out as the VMSA is. All numbers are little-endian.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.vocabulary import Bits

GHCB_SIZE = 0x1000
QWORD = 8
"""The valid bitmap has one bit for each eight bytes."""

ValidBitmap = Annotated[int, Bits(128)]
"""Bit n: the eight bytes at offset 8n are part of the message. Byte b of the field holds bits 8b to 8b+7."""
GhcbFrame = Annotated[int, Bits(52)]
"""Guest frame number of a GHCB page."""


@unique
class GhcbField(IntEnum):
    """Fields that the valid bitmap speaks of, by offset. The bit of a field is its offset divided by `QWORD`."""

    CPL = 0x0CB
    """One byte; its bit stands for the eight bytes from 0C8h."""
    XSS = 0x140
    DR7 = 0x160
    RIP = 0x178
    RSP = 0x1D8
    RAX = 0x1F8
    RCX = 0x308
    RDX = 0x310
    RBX = 0x318
    RBP = 0x328
    RSI = 0x330
    RDI = 0x338
    R8 = 0x340
    R9 = 0x348
    R10 = 0x350
    R11 = 0x358
    R12 = 0x360
    R13 = 0x368
    R14 = 0x370
    R15 = 0x378
    SW_EXITCODE = 0x390
    SW_EXITINFO1 = 0x398
    SW_EXITINFO2 = 0x3A0
    SW_SCRATCH = 0x3A8
    """Guest-physical address of data that is not in a field."""
    XCR0 = 0x3E8


CPL_SIZE = 1
"""Every other field of `GhcbField` has eight bytes."""

VALID_BITMAP_OFFSET = 0x3F0
VALID_BITMAP_SIZE = 16
VALID_BITMAP_BITS = (126, 127)
"""The bitmap's bits for itself. Some guests set them; no hypervisor may look at them."""
X87_STATE_GPA_OFFSET = 0x400
"""Eight bytes; no bit is for what lies here or behind."""
RESERVED_BEFORE_BUFFER_OFFSET = 0x408
SHARED_BUFFER_OFFSET = 0x800
SHARED_BUFFER_SIZE = 0x7F0
SHARED_BUFFER_END = SHARED_BUFFER_OFFSET + SHARED_BUFFER_SIZE
RESERVED_AFTER_BUFFER_OFFSET = 0xFF0
PROTOCOL_VERSION_OFFSET = 0xFFA
PROTOCOL_VERSION_SIZE = 2
GHCB_USAGE_OFFSET = 0xFFC
GHCB_USAGE_SIZE = 4

STANDARD_USAGE = 0
"""GHCB_USAGE: the layout is the one above."""
MAX_PROTOCOL_VERSION = 2
MAX_SCRATCH_V1 = 0x7FFF_FFFF
"""Bytes that one MMIO request may be about under version 1."""
MAX_MMIO = 8
"""The same under every later version."""
