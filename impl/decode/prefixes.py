"""Phase 1: legacy prefixes and REX, in any number and order. APM Vol. 3, "Instruction Prefixes" (1.2).

All that prefixes say is one number. Its low five bits choose the opcode tables, and the bits of REX stand where
`modrm.py` and `operands.py` add them to a ModRM or SIB byte for an index.
"""

from collections.abc import Sequence

Prefixes = int
"""A sum of the bits below."""

REX_W = 1 << 0
OPERAND_SIZE = 1 << 1
"""66h."""
ADDRESS_SIZE = 1 << 2
"""67h."""
REPE = 1 << 3
"""F3h: REP, REPE, REPZ. Of F3h and F2h, the last counts."""
REPNE = 1 << 4
"""F2h: REPNE, REPNZ."""
CONTEXT = (1 << 5) - 1
"""The bits that choose the opcode tables."""
LOCK = 1 << 5
"""F0h."""

REX_B = 1 << 8
REX_X = 1 << 9
REX_R = 1 << 10
REX = 1 << 11
"""A REX byte stands directly before the opcode: byte registers 4 to 7 are SPL, BPL, SIL, DIL."""
EVEX_R = 1 << 12
"""The fifth bit of ModRM.reg."""
VVVV_SHIFT = 16
"""VEX.vvvv with EVEX.V' above it: five bits."""
VVVV = 31 << VVVV_SHIFT
VVVV_8 = 8 << VVVV_SHIFT
EVEX_V = 16 << VVVV_SHIFT
"""The fifth bit of EVEX.vvvv, and of an index register that is a vector."""

SEGMENT_SHIFT = 21
LEGACY_SEGMENT = 7 << SEGMENT_SHIFT
"""1 + the number of ES, CS, SS or DS."""
FS_GS = 3 << (SEGMENT_SHIFT + 3)
"""1 for FS, 2 for GS."""
SEGMENT = LEGACY_SEGMENT | FS_GS

VECTOR = 1 << 26
"""The opcode stands under VEX, EVEX or XOP; then the fields below count."""
EVEX = 1 << 27
LENGTH_SHIFT = 28
"""VEX.L or EVEX.L'L: two bits."""
BROADCAST = 1 << 30
"""EVEX.b: broadcast from memory; between registers, rounding or suppressed exceptions."""
ZEROING = 1 << 31
MASK_SHIFT = 32
"""EVEX.aaa: three bits."""
MASK = 7 << MASK_SHIFT
VECTOR_FIELDS = VVVV | ZEROING | MASK
"""Fields that must be 0 where the instruction does not use them."""

ALL_REX = REX | REX_W | REX_R | REX_X | REX_B

Effect = tuple[Prefixes, Prefixes]
"""What a prefix byte leaves of those before it, and what it adds."""

OVERRIDES = {
    0x26: 1 << SEGMENT_SHIFT,
    0x2E: 2 << SEGMENT_SHIFT,
    0x36: 3 << SEGMENT_SHIFT,
    0x3E: 4 << SEGMENT_SHIFT,
    0x64: 1 << (SEGMENT_SHIFT + 3),
    0x65: 2 << (SEGMENT_SHIFT + 3),
}
SEGMENTS = (None, "es", "cs", "ss", "ds", None, None, None, *["fs"] * 8, *["gs"] * 8)
"""The segment by the five bits of SEGMENT: FS or GS where one stands, else the last of the others."""


def effects(bits: int) -> Sequence[Effect | None]:
    """For each byte, its effect as a prefix in 16-, 32- or 64-bit mode; None for the first byte of an opcode."""
    everything = -1 & ~ALL_REX  # a REX that is not directly before the opcode is void (1.2.7)
    table: list[Effect | None] = [None] * 256
    table[0x66] = everything, OPERAND_SIZE
    table[0x67] = everything, ADDRESS_SIZE
    table[0xF0] = everything, LOCK
    table[0xF2] = everything & ~REPE, REPNE
    table[0xF3] = everything & ~REPNE, REPE
    for byte, segment in OVERRIDES.items():
        # In 64-bit mode ES, CS, SS and DS overrides are ignored and do not cancel FS or GS (1.2.4).
        cancels = SEGMENT if bits != 64 or segment & FS_GS else LEGACY_SEGMENT
        table[byte] = everything & ~cancels, segment
    if bits == 64:
        for byte in range(0x40, 0x50):
            table[byte] = everything, REX | rex_bits(byte)
    return table


def rex_bits(byte: int) -> Prefixes:
    """W, R, X and B of a REX byte."""
    fields = {8: REX_W, 4: REX_R, 2: REX_X, 1: REX_B}
    return sum(field for bit, field in fields.items() if byte & bit)


def read_prefixes(code: bytes, table: Sequence[Effect | None]) -> tuple[Prefixes, int]:
    """The prefixes of an instruction and the position of its opcode."""
    prefixes = position = 0
    while effect := table[code[position]]:
        kept, added = effect
        prefixes = prefixes & kept | added
        position += 1
    return prefixes, position
