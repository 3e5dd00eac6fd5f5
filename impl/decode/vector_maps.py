"""The opcodes under VEX, EVEX and XOP, by the fields that choose among the rows."""

from functools import cache
from typing import NamedTuple

from impl.decode.context import Context
from impl.decode.forms import Form
from impl.decode.opcode import ByModrm, Escape, Node
from impl.decode.rows import Row, rows_of
from impl.decode.tables import by_modrm, has_modrm, in_mode

MAPS = {
    (Escape.VEX2, 1): "vex_map1",
    (Escape.VEX3, 1): "vex_map1",
    (Escape.VEX3, 2): "vex_map2",
    (Escape.VEX3, 3): "vex_map3",
    (Escape.XOP, 8): "xop_map8",
    (Escape.XOP, 9): "xop_map9",
    (Escape.XOP, 10): "xop_mapa",
    (Escape.EVEX, 1): "evex_map1",
    (Escape.EVEX, 2): "evex_map2",
    (Escape.EVEX, 3): "evex_map3",
    (Escape.EVEX, 5): "evex_map5",
    (Escape.EVEX, 6): "evex_map6",
}
"""The file of an opcode map, by what escapes to it and its number."""
PP = ("NP", "66", "F3", "F2")
"""The mandatory prefix by VEX.pp."""
RESERVED_LENGTH = 3
"""Of EVEX.L'L, unless it is a rounding mode."""
ELEMENTS = {"b2": 2, "b4": 4, "b8": 8}
"""Bytes of the element that a row can broadcast."""


class Encoding(NamedTuple):
    """What chooses among the rows of a vector map, besides the opcode."""

    map: str
    bits: int
    address_override: bool
    pp: int
    w: bool
    length: int
    evex: bool
    broadcast: bool
    """EVEX.b."""


@cache
def rows_by_opcode(name: str) -> dict[int, list[Row]]:
    """The rows of a map, by opcode."""
    found: dict[int, list[Row]] = {}
    for row in rows_of(name):
        found.setdefault(row.opcode, []).append(row)
    return found


@cache
def vector_node(encoding: Encoding, opcode: int) -> Node:
    """What an opcode leads to with given fields; made when it is first met."""
    bits, override, w, length = encoding.bits, encoding.address_override, encoding.w, encoding.length
    context = Context(bits, False, override, PP[encoding.pp], w, length, encoding.evex)
    rows = [
        row
        for row in rows_by_opcode(encoding.map).get(opcode, [])
        if context.mandatory in row.prefixes and in_mode(row, context) and row.w in (None, int(w))
    ]
    return broadcast_node(rows, context) if encoding.broadcast else plain_node(rows, context)


def of_length(rows: list[Row], length: int) -> list[Row]:
    """The rows that have this vector length; a row without lengths ignores it."""
    return [row for row in rows if (length in row.lengths if row.lengths else length < RESERVED_LENGTH)]


def plain_node(rows: list[Row], context: Context) -> Node:
    """What one opcode leads to, with EVEX.b clear or no EVEX."""
    rows = of_length(rows, context.vector_length)
    if rows and not any(has_modrm(row) for row in rows):
        return Form(rows[0], context, in_memory=False)
    return ByModrm(listed(rows, context)) if rows else None


def broadcast_node(rows: list[Row], context: Context) -> Node:
    """What one opcode leads to with EVEX.b: a broadcast from memory; between registers L'L is a rounding mode."""
    registers = listed([row for row in rows if row.attributes & {"er", "sae"}], context._replace(vector_length=2))
    broadcasting = [row for row in rows if row.attributes & ELEMENTS.keys()]
    memory = listed(of_length(broadcasting, context.vector_length), context)
    for form in {form for form in memory if form}:
        form.memory_size = next(ELEMENTS[name] for name in form.row.attributes if name in ELEMENTS)
    table = memory[:0xC0] + registers[0xC0:]
    return ByModrm(table) if any(table) else None


def listed(rows: list[Row], context: Context) -> list[Form | None]:
    """The forms of rows whose fields agree, by ModRM."""
    return by_modrm(sorted(rows, key=lambda row: (row.modrm is None, row.reg is None)), context)
