"""A row in one context, with a register or with memory: what does not depend on the bytes after the opcode."""

from collections.abc import Callable
from struct import Struct

from impl.decode.context import Context
from impl.decode.layout import Layout
from impl.decode.notation import EITHER, MEMORY_ONLY, REGISTER_ONLY, USES_VVVV, parsed
from impl.decode.operands import together
from impl.decode.prefixes import (
    EVEX_R,
    EVEX_V,
    LOCK,
    MASK,
    OPERAND_SIZE,
    REX_B,
    REX_R,
    VVVV,
    VVVV_8,
    ZEROING,
    Prefixes,
)
from impl.decode.rows import Row

Unpack = Callable[[bytes, int], tuple[int, ...]]
"""Reads the immediates at a position."""

IMMEDIATES = {code: Struct("<" + code) for code in ("b", "B", "h", "H", "i", "I", "q", "Q", "HB", "BB", "HH", "IH")}
"""One for each sequence of immediates."""


class Form:
    """A row whose sizes are known."""

    __slots__ = (
        "address_size", "forbidden", "immediate_size", "implicit", "instead", "mandatory_prefix", "memory_size",
        "mnemonic", "operand_size", "operands", "row", "unpack", "vsib",
    )  # fmt: skip

    def __init__(self, row: Row, context: Context, *, in_memory: bool) -> None:
        self.row = row
        self.operand_size = context.operand_size(default_64="d64" in row.attributes)
        self.address_size = context.address_size
        self.mnemonic = row.mnemonic(self.address_size if "by-address" in row.attributes else self.operand_size)
        self.mandatory_prefix = bool(row.prefixes & {"F3", "F2"})
        """Whether F3h or F2h is part of the opcode."""
        self.instead: Form | None = None
        """What the opcode is with REX.B: XCHG for NOP."""
        self.forbidden = forbidden_prefixes(row, context.bits, in_memory=in_memory)
        """Prefix bits that make the instruction invalid, or another one."""
        layout = Layout(row, context, self.operand_size, in_memory=in_memory)
        self.operands = together(layout.readers)
        """Reads the operands off an instruction."""
        self.memory_size = layout.memory_size
        self.implicit = layout.implicit
        self.vsib = layout.vsib
        shape = layout.immediates
        self.unpack: Unpack | None = IMMEDIATES[shape].unpack_from if shape else None
        self.immediate_size = IMMEDIATES[shape].size if shape else 0


def forbidden_prefixes(row: Row, bits: int, *, in_memory: bool) -> Prefixes:
    """LOCK unless the row can be locked and has memory; REX.R where it numbers no register; fields not used."""
    lockable = ("lock" in row.attributes and in_memory) or "alt-cr8" in row.attributes
    methods = {parsed(text).method for text in row.operands}
    masked = row.attributes & {"k", "k!", "kz"}
    zeroing = "kz" in row.attributes and not (in_memory and destination_in_memory(row))
    return (
        (0 if lockable else LOCK)
        # There are eight opmasks and tiles, and sixteen general registers.
        | (REX_R | EVEX_R if methods & {"KG", "KP", "TG"} or "no-rex-r" in row.attributes else 0)
        | (REX_B if "TR" in methods else 0)
        | (EVEX_R if "G" in methods else 0)
        | (VVVV_8 if methods & {"KH", "TH"} and bits == 64 else 0)
        | (OPERAND_SIZE if "no-66" in row.attributes else 0)
        # Fields that nothing uses; V' is the fifth bit of an index that is a vector.
        | (0 if methods & USES_VVVV else VVVV & ~EVEX_V if "MX" in methods else VVVV)
        | (0 if masked else MASK)
        | (0 if zeroing else ZEROING)
    )


def destination_in_memory(row: Row) -> bool:
    """Whether the first operand is the one that can be in memory."""
    return parsed(row.operands[0]).method in MEMORY_ONLY | EITHER


def takes_memory(row: Row) -> bool:
    """Whether the row is defined with ModRM.mod below 3."""
    methods = {parsed(text).method for text in row.operands}
    return not methods & REGISTER_ONLY or any(parsed(text).memory_type for text in row.operands)


def takes_register(row: Row) -> bool:
    """Whether the row is defined with ModRM.mod of 3."""
    return not any(parsed(text).method in MEMORY_ONLY for text in row.operands)


def exchanged(form: Form, other: Form) -> None:
    """NOP (90h) is XCHG with REX.B."""
    form.instead = other
    form.forbidden |= REX_B
