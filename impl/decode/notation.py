"""The operand notation of APM Vol. 3, Appendix A, "Opcode-Syntax Notation", and what the maps here add to it.

An operand is a method and a type; `R…/M…` are two alternatives, a register or memory. The manual's methods: A far
pointer, B general register by VEX.vvvv, C and D control and debug registers, E general register or memory, G general
register by ModRM.reg, H vector register by VEX.vvvv, I immediate, J relative, L vector register by the immediate, M
memory, N MMX register, O moffs, P MMX register by ModRM.reg, Q MMX register or memory, R general register, S segment
register, U vector register, V vector register by ModRM.reg, W vector register or memory, X and Y the strings at rSI
and rDI, Z register by the opcode. Added: H3 and L5 as H and L; MX memory with a vector index; MS memory with a SIB
byte; KG, KE, KR, KH, KP opmasks and TG, TR, TH tiles by the same letters; rDI and rBX+al memory that the opcode
implies.
"""

import re
from functools import cache
from typing import NamedTuple

from impl.decode.context import Context

FIXED = ("al", "ax", "cl", "dx", "es", "cs", "ss", "ds", "fs", "gs", "rAX", "eAX", "st(0)")
"""Registers that the opcode implies."""

BYTES = {"b": 1, "bs": 1, "w": 2, "d": 4, "q": 8, "dq": 16, "qq": 32, "oo": 64, "": 0}
FRACTIONS = {"x": 1, "h": 2, "e": 4, "g": 8}
"""Of the vector length: all, half, a quarter, an eighth."""

REGISTER_ONLY = frozenset("N R U KR TR st(i)".split())
MEMORY_ONLY = frozenset("M MX MS".split())
EITHER = frozenset("E Q W KE".split())
IMPLIED_MEMORY = frozenset("X Y O rDI rBX+al".split())
VECTORS = frozenset("V W U H H3 L L5 P Q N MX KG KE KR KH KP TG TR TH".split())
"""Methods of registers other than the general ones, x87's apart."""
USES_REG = frozenset("C D G P S V KG KP TG".split())
USES_VVVV = frozenset("B H H3 KH TH".split())


class Notation(NamedTuple):
    """One operand of a row."""

    method: str
    type: str
    memory_type: str = ""
    """Of `R…/M…`, the type of the memory alternative."""

    @property
    def uses_modrm(self) -> bool:
        """Whether a ModRM byte follows the opcode."""
        return self.method in REGISTER_ONLY | MEMORY_ONLY | EITHER | USES_REG or bool(self.memory_type)


@cache
def parsed(text: str) -> Notation:
    """An operand of a row."""
    if text in FIXED or text in ("1", "st(i)", "rBX+al"):
        return Notation(text, "b" if text == "rBX+al" else "")
    if text.startswith("rDI:"):
        return Notation("rDI", text.removeprefix("rDI:"))
    found = re.fullmatch(r"(MX|MS|K[GERHP]|T[GRH]|H3|L5|[A-Z])([a-z0-9:/]*?)(?:/M([a-z0-9]+))?", text)
    if not found:
        raise ValueError(f"no operand notation: {text}")
    return Notation(found[1], found[2], found[3] or "")


def size_of(kind: str, context: Context, operand_size: int) -> int:
    """Bytes of a type in a context."""
    if kind in BYTES:
        return BYTES[kind]
    if kind in FRACTIONS:
        return (16 << min(context.vector_length, 2)) // FRACTIONS[kind]
    if kind.isdigit():
        return int(kind)
    if "/" in kind:  # by operand size: FLDENV, FNSAVE
        return int(kind.split("/")[operand_size > 2])
    if kind.startswith("2"):
        return 2 * size_of(kind[1:], context, operand_size)
    named = {
        "v": operand_size,
        "z": min(operand_size, 4),
        "y": context.y,
        "n": 8 if context.bits == 64 else 4,  # native: control registers
        "a": context.address_size,
        "p": 2 + min(operand_size, 4),  # a far pointer in memory
        "s": 10 if context.bits == 64 else 6,  # a descriptor-table register
    }
    return named[kind]


def vector_size(kind: str, context: Context) -> int:
    """Bytes of the register of a vector operand: at least those of an XMM register."""
    return max(16, size_of(kind, context, 4))
