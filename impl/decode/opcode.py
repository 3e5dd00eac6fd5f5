"""Phase 2: escape bytes and opcode lead to a node: a form, forms by ModRM, or an escape to VEX, EVEX, XOP or 3DNow!."""

from enum import Enum, unique
from typing import TypeAlias

from impl.decode.forms import Form


class OpcodeMap(list["Node"]):
    """By the next byte."""


class ByModrm(list[Form | None]):
    """By the whole ModRM byte: groups, register and memory forms at once."""


class ByRegister(list[Form | None]):
    """By the whole ModRM byte; ModRM.mod is ignored, so there is no memory operand."""


@unique
class Escape(Enum):
    """Bytes that are followed by something other than an opcode of a map here."""

    VEX2 = 0xC5
    VEX3 = 0xC4
    EVEX = 0x62
    XOP = 0x8F
    REX2 = 0xD5
    THREE_D_NOW = 0x0F


class Shared:
    """LDS, LES and BOUND with a register, and POP with ModRM.reg above 0, are VEX, EVEX and XOP."""

    __slots__ = ("escape", "legacy")

    def __init__(self, escape: Escape, legacy: "Node") -> None:
        self.escape = escape
        self.legacy = legacy

    def chosen(self, following: int, bits: int) -> "Node":
        """The escape or the legacy opcode, by the byte that follows."""
        if self.escape is Escape.XOP:
            return self.escape if following & 0x1F >= 8 else self.legacy
        return self.escape if bits == 64 or following >= 0xC0 else self.legacy


Node: TypeAlias = "Form | ByModrm | ByRegister | OpcodeMap | Escape | Shared | None"


def read_opcode(code: bytes, position: int, primary: OpcodeMap) -> tuple[Node, int]:
    """The node of the opcode at `position`, and the position after it."""
    node = primary[code[position]]
    position += 1
    while node.__class__ is OpcodeMap:
        node = node[code[position]]
        position += 1
    return node, position
