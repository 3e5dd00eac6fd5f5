"""Rare turns from opcode to ModRM: VEX and its kin, 3DNow!, opcodes that ignore ModRM.mod, prefixes that do not fit."""

from functools import cache

from impl.decode.context import Context
from impl.decode.forms import Form
from impl.decode.modes import Mode, Tables
from impl.decode.modrm import read_memory
from impl.decode.opcode import ByRegister, Escape, Node, OpcodeMap, Shared
from impl.decode.prefixes import LOCK, OPERAND_SIZE, REX_B, REX_R, VECTOR_FIELDS, Prefixes
from impl.decode.tables import opcode_map
from impl.decode.undecodable import Reason, Undecodable
from impl.decode.vector import read_vector

CR16 = LOCK | REX_R
"""Each of them alone makes CR8 of CR0."""


def escaped(
    code: bytes, position: int, node: Node, prefixes: Prefixes, mode: Mode, tables: Tables
) -> tuple[Prefixes, Node, int]:
    """Behind an escape: the prefixes, the node, and the position after the opcode."""
    if isinstance(node, Shared):
        node = node.chosen(code[position], mode.bits)
    if node is Escape.REX2:
        raise Undecodable(Reason.APX)
    if node is Escape.THREE_D_NOW:
        return prefixes, three_d_now(code, position, prefixes, tables), position
    if isinstance(node, Escape):
        return read_vector(code, position, node, prefixes, mode.bits)
    return prefixes, node, position


def three_d_now(code: bytes, position: int, prefixes: Prefixes, tables: Tables) -> Node:
    """The opcode of 3DNow! stands where an immediate would, behind ModRM and the displacement."""
    modrm = code[position]
    position += 1
    if modrm < 0xC0:
        _, position = read_memory(code, position, modrm, prefixes, tables.addressing, 0)
    return suffixes(tables.context)[code[position]]


@cache
def suffixes(context: Context) -> OpcodeMap:
    """The opcodes of 3DNow!."""
    return opcode_map(("three_d_now",), context)


def unusual(code: bytes, position: int, node: Node, prefixes: Prefixes) -> tuple[Form, int, int]:
    """An opcode that ignores ModRM.mod: form, ModRM and the position after it. No opcode at all is refused."""
    if not isinstance(node, ByRegister):
        raise Undecodable(Reason.NO_OPCODE)
    modrm = code[position]
    form = node[modrm]
    if form is None or prefixes & CR16 == CR16:
        raise Undecodable(Reason.NO_REGISTER)
    return form, modrm, position + 1


def reconsidered(form: Form, prefixes: Prefixes) -> Form:
    """The form in place of one whose prefixes do not fit it: XCHG for NOP with REX.B. All others are refused."""
    forbidden = prefixes & form.forbidden
    if forbidden == REX_B and form.instead:
        return form.instead
    if forbidden & LOCK:
        raise Undecodable(Reason.LOCK)
    if forbidden & OPERAND_SIZE:
        raise Undecodable(Reason.NO_OPCODE)
    raise Undecodable(Reason.VECTOR_FIELD if forbidden & VECTOR_FIELDS else Reason.NO_REGISTER)
