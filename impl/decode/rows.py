"""The lines of `maps/`: opcodes in the notation of APM Vol. 3, Appendix A.

    OPCODE[-LAST][/REG[.MODRM]] [PREFIX[/PREFIX]] [W0|W1] [Llengths] MNEMONIC [OPERAND,…] [: ATTRIBUTE …]

`/REG` is the value of ModRM.reg and `.MODRM` that of the whole byte. PREFIX is a mandatory prefix, NP for none of
them; without it the prefixes only modify. `a|b` or `a|b|c` are mnemonics by effective operand size 16, 32, 64;
`a,b,…` one for each opcode of a range. Under VEX, EVEX and XOP, W0 or W1 and L0, L01, L2, … are required values, and
LIG is any length.
"""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

MANDATORY = ("NP", "66", "F3", "F2")

ATTRIBUTES = {
    "i64": "invalid in 64-bit mode",
    "o64": "in 64-bit mode only",
    "d64": "the operand size is 64 bits in 64-bit mode unless 66h makes it 16: the stack and near branches",
    "lock": "can be locked with a destination in memory",
    "any-mod": "ModRM.mod is ignored: always a register",
    "alt-cr8": "LOCK is no lock: it makes CR8 of CR0",
    "no-rex-r": "REX.R numbers no register",
    "no-66": "invalid with 66h",
    "rex-b": "only with REX.B",
    "by-address": "the mnemonics are by address size",
    "whole-target": "the branch target has the width of the instruction pointer",
    "suffix": "the opcode stands behind the displacement",
    "k": "EVEX.aaa can be an opmask",
    "k!": "EVEX.aaa must be an opmask other than k0",
    "kz": "EVEX.aaa can be an opmask, and EVEX.z zeroing",
    "b2": "EVEX.b broadcasts two bytes",
    "b4": "EVEX.b broadcasts four bytes",
    "b8": "EVEX.b broadcasts eight bytes",
    "er": "EVEX.b rounds as L'L says, between registers",
    "sae": "EVEX.b suppresses exceptions, between registers",
    "n1": "an EVEX disp8 counts bytes",
    "n2": "an EVEX disp8 counts two bytes",
    "n4": "an EVEX disp8 counts four bytes",
    "n8": "an EVEX disp8 counts eight bytes",
    "unique": "the registers must all differ",
    "unique-destination": "the destination must differ from the sources",
}
"""What stands behind the colon."""


class Row(NamedTuple):
    """One line of an opcode map, for one opcode."""

    opcode: int
    reg: int | None
    """Required ModRM.reg."""
    modrm: int | None
    """Required ModRM byte."""
    prefixes: frozenset[str]
    """Mandatory prefixes of which one selects the row; empty: they do not."""
    w: int | None
    lengths: frozenset[int]
    """Vector lengths: 0, 1, 2 for 128, 256, 512 bits; empty: ignored."""
    mnemonics: tuple[str, ...]
    """One, or those of operand sizes 16 and 32 (the last counts for 64, too), or of 16, 32 and 64."""
    operands: tuple[str, ...]
    attributes: frozenset[str]

    @property
    def needs_sib(self) -> bool:
        """Whether the memory operand must have a SIB byte."""
        return any(operand.startswith(("MX", "MS")) for operand in self.operands)

    def mnemonic(self, size: int) -> str:
        """The name at an effective operand or address size of 2, 4 or 8 bytes."""
        return self.mnemonics[min({2: 0, 4: 1, 8: 2}[size], len(self.mnemonics) - 1)]


@cache
def rows_of(name: str) -> tuple[Row, ...]:
    """The rows of `maps/<name>.map`."""
    text = (files(__package__) / "maps" / f"{name}.map").read_text(encoding="utf-8")
    return tuple(row for line in text.splitlines() if line and not line.startswith("#") for row in parse(line))


def parse(line: str) -> list[Row]:
    """The rows of one line: more than one for a range of opcodes."""
    left, _, attributes = line.partition(" : ")
    words = left.split()
    opcodes, _, extension = words.pop(0).partition("/")
    reg, _, modrm = extension.partition(".")
    prefixes = words.pop(0).split("/") if words[0].split("/")[0] in MANDATORY else []
    w = int(words.pop(0)[1]) if words[0] in ("W0", "W1") else None
    lengths = words.pop(0)[1:] if words[0].startswith("L") else ""
    names = words.pop(0).split(",")
    operands = words.pop(0).split(",") if words else []
    if words or not ATTRIBUTES.keys() >= set(attributes.split()):
        raise ValueError(f"not a row: {line!r}")
    first, _, last = opcodes.partition("-")
    span = range(int(first, 16), int(last or first, 16) + 1)
    return [
        Row(
            opcode=opcode,
            reg=int(reg) if reg else None,
            modrm=int(modrm, 16) if modrm else None,
            prefixes=frozenset(prefixes),
            w=w,
            lengths=frozenset(int(digit) for digit in lengths if digit.isdigit()),
            mnemonics=tuple(names[(opcode - span.start) % len(names)].split("|")),
            operands=tuple(operands),
            attributes=frozenset(attributes.split()),
        )
        for opcode in span
    ]
