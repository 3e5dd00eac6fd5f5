"""Phase 3: the memory operand of ModRM, SIB and the displacement. APM Vol. 3, "ModRM and SIB Bytes" (1.4).

Every form of address is made beforehand: one table for each address size, by the ModRM byte with REX.B above it, and
one for each ModRM.mod, by the SIB byte with REX.X and REX.B above it.
"""

from struct import Struct
from typing import NamedTuple

from impl.decode.instruction import Memory
from impl.decode.prefixes import REX_B, REX_X, SEGMENT, SEGMENT_SHIFT, SEGMENTS, Prefixes
from impl.decode.registers import GENERAL

Address = tuple[str | None, str | None, int, str, int]
"""Base, index, scale, default segment, bytes of the displacement."""


class Addressing(NamedTuple):
    """The addresses of one address size."""

    by_modrm: list[Address | None]
    """By ModRM with REX.B; None: a SIB byte follows."""
    by_sib: tuple[list[Address], ...]
    """By ModRM.mod, then by SIB with REX.X and REX.B."""


DISPLACEMENT = (0, 1, 4)
"""Bytes by ModRM.mod of 32- and 64-bit addresses."""
PAIRS_16 = (
    ("bx", "si"), ("bx", "di"), ("bp", "si"), ("bp", "di"), ("si", None), ("di", None), ("bp", None), ("bx", None),
)  # fmt: skip
"""Base and index of 16-bit addresses by ModRM.rm (Table 1-14)."""
STACK = ("bp", "esp", "ebp", "rsp", "rbp")
"""Bases whose default segment is SS."""

SIB_FOLLOWS, DIRECT = 4, 5
"""ModRM.rm (SIB.base) values with a meaning of their own."""
NO_INDEX = 4
RBX = 3
REX_XB = REX_X | REX_B

SIGNED_BYTE = [byte - 256 if byte & 128 else byte for byte in range(256)]
_int16 = Struct("<h").unpack_from
_int32 = Struct("<i").unpack_from
_new = tuple.__new__


def default_segment(base: str | None) -> str:
    """SS for a base of rSP or rBP, else DS."""
    return "ss" if base in STACK else "ds"


def addressing_16() -> Addressing:
    """16-bit addresses: no SIB byte."""
    table: list[Address | None] = []
    for modrm in range(0xC0):
        mod, rm = modrm >> 6, modrm & 7
        base, index = (None, None) if mod == 0 and rm == 6 else PAIRS_16[rm]
        size = 2 if mod == 2 or base is None else mod
        table.append((base, index, 1, default_segment(base), size))
    return Addressing(table, ())


def addressing_wide(size: int, bits: int) -> Addressing:
    """32- and 64-bit addresses; in 64-bit mode a direct address is relative to the next instruction."""
    by_modrm: list[Address | None] = [None] * (REX_B | 0xC0)
    for index in (modrm | rex for modrm in range(0xC0) for rex in (0, REX_B)):
        mod, rm = index >> 6 & 3, index & 7
        if rm == DIRECT and mod == 0:
            pointer = None if bits != 64 else "rip" if size == 8 else "eip"
            by_modrm[index] = (pointer, None, 1, "ds", 4)
        elif rm != SIB_FOLLOWS:
            base = GENERAL[size][rm | (8 if index & REX_B else 0)].name
            by_modrm[index] = (base, None, 1, default_segment(base), DISPLACEMENT[mod])
    return Addressing(by_modrm, tuple([sib_address(size, mod, sib) for sib in range(0x400)] for mod in range(3)))


def sib_address(size: int, mod: int, sib: int) -> Address:
    """The address of a SIB byte; `sib` has REX.X and REX.B above it."""
    base_number = sib & 7 | (8 if sib & REX_B else 0)
    index_number = sib >> 3 & 7 | (8 if sib & REX_X else 0)
    no_base = sib & 7 == DIRECT and mod == 0
    base = None if no_base else GENERAL[size][base_number].name
    index = None if index_number == NO_INDEX else GENERAL[size][index_number].name
    return base, index, 1 << (sib >> 6 & 3), default_segment(base), 4 if no_base else DISPLACEMENT[mod]


def read_memory(
    code: bytes, position: int, modrm: int, prefixes: Prefixes, addressing: Addressing, size: int
) -> tuple[Memory, int]:
    """The memory operand of a ModRM byte with mod below 3, and the position after its displacement."""
    address = addressing.by_modrm[modrm | prefixes & REX_B]
    if address is None:
        sib = code[position]
        position += 1
        address = addressing.by_sib[modrm >> 6][sib | prefixes & REX_XB]
    base, index, scale, segment, displacement_size = address
    displacement = 0
    if displacement_size == 1:
        displacement = SIGNED_BYTE[code[position]]
        position += 1
    elif displacement_size == 4:
        displacement = _int32(code, position)[0]
        position += 4
    elif displacement_size == 2:
        displacement = _int16(code, position)[0]
        position += 2
    if override := prefixes & SEGMENT:
        segment = SEGMENTS[override >> SEGMENT_SHIFT] or segment
    return _new(Memory, (base, index, scale, displacement, segment, size, displacement_size)), position


def implied_memory(
    method: str, size: int, address_size: int, prefixes: Prefixes, immediates: tuple[int, ...]
) -> Memory:
    """Memory without ModRM, by its method: moffs, XLAT, or one whose registers stand in the operands."""
    segment = SEGMENTS[(prefixes & SEGMENT) >> SEGMENT_SHIFT] or "ds"
    if method == "O":
        return Memory(None, None, 1, immediates[0], segment, size, address_size)
    if method == "rBX+al":
        return Memory(GENERAL[address_size][RBX].name, "al", 1, 0, segment, size, 0)
    return Memory(None, None, 1, 0, segment, size, 0)
