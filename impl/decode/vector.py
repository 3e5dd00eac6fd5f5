"""Phase 2 under VEX, EVEX and XOP: their fields become prefix bits, and lead to the node of the opcode.

APM Vol. 3, "Encoding Using the VEX and XOP Prefixes" (1.9); APM Vol. 4 for EVEX. Fields that are stored inverted are
turned over here, so that a bit means the same as in REX, and 0 is "nothing".
"""

from impl.decode.opcode import Escape, Node
from impl.decode.prefixes import (
    ADDRESS_SIZE,
    BROADCAST,
    EVEX,
    EVEX_R,
    EVEX_V,
    LENGTH_SHIFT,
    LOCK,
    MASK_SHIFT,
    OPERAND_SIZE,
    REPE,
    REPNE,
    REX,
    REX_B,
    REX_R,
    REX_W,
    REX_X,
    VECTOR,
    VVVV_SHIFT,
    ZEROING,
    Prefixes,
)
from impl.decode.undecodable import Reason, Undecodable
from impl.decode.vector_maps import MAPS, Encoding, vector_node

BEFORE = OPERAND_SIZE | REPE | REPNE | LOCK | REX
"""Prefixes that make VEX, EVEX and XOP invalid (1.9)."""
APX_MAP = 4

Fields = tuple[Prefixes, int, int, int]
"""Prefix bits, the opcode map, pp, and the position of the opcode."""


def read_vector(
    code: bytes, position: int, escape: Escape, prefixes: Prefixes, bits: int
) -> tuple[Prefixes, Node, int]:
    """The prefixes with the fields added, the node, and the position after the opcode."""
    if prefixes & BEFORE:
        raise Undecodable(Reason.VECTOR_PREFIX)
    read = {Escape.VEX2: vex2_fields, Escape.VEX3: vex3_fields, Escape.EVEX: evex_fields, Escape.XOP: vex3_fields}
    added, number, pp, position = read[escape](code, position)
    if bits != 64:
        if added & EVEX_V:
            raise Undecodable(Reason.VECTOR_FIELD)
        added &= ~(REX_R | REX_X | REX_B | EVEX_R)  # ignored: there are eight registers
    if (escape, number) == (Escape.EVEX, APX_MAP):
        raise Undecodable(Reason.APX)
    if (escape, number) not in MAPS:
        raise Undecodable(Reason.NO_OPCODE)
    encoding = Encoding(
        MAPS[escape, number], bits, prefixes & ADDRESS_SIZE != 0, pp, added & REX_W != 0, added >> LENGTH_SHIFT & 3,
        added & EVEX != 0, added & BROADCAST != 0,
    )  # fmt: skip
    return prefixes | added | VECTOR, vector_node(encoding, code[position]), position + 1


def vex2_fields(code: bytes, position: int) -> Fields:
    """C5h: R, vvvv, L and pp; map 1."""
    last = code[position]
    return (0 if last & 0x80 else REX_R) | vvvv_and_length(last), 1, last & 3, position + 1


def vex3_fields(code: bytes, position: int) -> Fields:
    """C4h and 8Fh: R, X, B and the map; W, vvvv, L and pp."""
    first, last = code[position], code[position + 1]
    added = inverted_rxb(first) | (REX_W if last & 0x80 else 0) | vvvv_and_length(last)
    return added, first & 0x1F, last & 3, position + 2


def evex_fields(code: bytes, position: int) -> Fields:
    """62h: R, X, B, R' and the map; W, vvvv and pp; z, L'L, b, V' and aaa."""
    first, second, third = code[position], code[position + 1], code[position + 2]
    if first & 8 or not second & 4:
        raise Undecodable(Reason.VECTOR_FIELD)
    added = (
        EVEX
        | inverted_rxb(first)
        | (0 if first & 0x10 else EVEX_R)
        | (REX_W if second & 0x80 else 0)
        | (~second >> 3 & 15) << VVVV_SHIFT
        | (0 if third & 8 else EVEX_V)
        | (third >> 5 & 3) << LENGTH_SHIFT
        | (BROADCAST if third & 0x10 else 0)
        | (ZEROING if third & 0x80 else 0)
        | (third & 7) << MASK_SHIFT
    )
    return added, first & 7, second & 3, position + 3


def inverted_rxb(byte: int) -> Prefixes:
    """R, X and B, stored inverted in bits 7:5."""
    return (0 if byte & 0x80 else REX_R) | (0 if byte & 0x40 else REX_X) | (0 if byte & 0x20 else REX_B)


def vvvv_and_length(byte: int) -> Prefixes:
    """vvvv, stored inverted in bits 6:3, and L in bit 2."""
    return (~byte >> 3 & 15) << VVVV_SHIFT | (byte >> 2 & 1) << LENGTH_SHIFT
