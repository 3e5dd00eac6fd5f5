"""The opcode maps of one context, made once when the context is first met."""

from collections.abc import Iterable
from functools import cache

from impl.decode.context import Context
from impl.decode.forms import Form, exchanged, takes_memory, takes_register
from impl.decode.notation import parsed
from impl.decode.opcode import ByModrm, ByRegister, Escape, Node, OpcodeMap, Shared
from impl.decode.rows import Row, rows_of

PRIMARY = ("primary", "x87")
SECONDARY = ("secondary", "secondary_media")


def legacy_maps(context: Context) -> OpcodeMap:
    """The one-byte map, with the others below their escape bytes."""
    secondary = opcode_map(SECONDARY, context)
    secondary[0x38] = opcode_map(("map_0f38",), context)
    secondary[0x3A] = opcode_map(("map_0f3a",), context)
    secondary[0x0F] = Escape.THREE_D_NOW
    primary = opcode_map(PRIMARY, context)
    primary[0x0F] = secondary
    for escape in (Escape.VEX2, Escape.VEX3, Escape.EVEX, Escape.XOP):
        primary[escape.value] = Shared(escape, primary[escape.value])
    if context.bits == 64:
        primary[Escape.REX2.value] = Escape.REX2
    return primary


def opcode_map(names: Iterable[str], context: Context) -> OpcodeMap:
    """A map of 256 opcodes in one context."""
    by_opcode: dict[int, list[Row]] = {}
    for name in names:
        for row in rows_of(name):
            if defined(row, context):
                by_opcode.setdefault(row.opcode, []).append(row)
    return OpcodeMap(node(by_opcode.get(opcode, []), context) for opcode in range(256))


def defined(row: Row, context: Context) -> bool:
    """Whether the row exists in the mode and with the mandatory prefix; a row without one takes what is left."""
    return in_mode(row, context) and (not row.prefixes or context.mandatory in row.prefixes)


def in_mode(row: Row, context: Context) -> bool:
    """Whether the row exists in the mode."""
    return ("i64" if context.bits == 64 else "o64") not in row.attributes


def node(rows: list[Row], context: Context) -> Node:
    """What one opcode leads to."""
    if not rows:
        return None
    rows = sorted(rows, key=lambda row: (row.modrm is None, row.reg is None, not row.prefixes))
    if not any(has_modrm(row) for row in rows):
        return single(rows, context)
    if any("any-mod" in row.attributes for row in rows):
        return ByRegister(by_modrm(rows, context, anything=True))
    return ByModrm(by_modrm(rows, context))


def by_modrm(rows: list[Row], context: Context, *, anything: bool = False) -> list[Form | None]:
    """The forms by ModRM byte; `rows` are in the order in which they are tried, those of one ModRM byte first."""
    made: dict[tuple[Row, bool], Form] = {}

    def form(row: Row, in_memory: bool) -> Form:
        if (row, in_memory) not in made:
            made[row, in_memory] = Form(row, context, in_memory=in_memory)
        return made[row, in_memory]

    general = [row for row in rows if row.modrm is None]
    chosen = [
        next((form(row, memory) for row in general if row.reg in (None, reg) and takes(row, memory)), None)
        for memory in (not anything, False)
        for reg in range(8)
    ]
    table = [chosen[(modrm >> 3 & 7) + (8 if modrm >= 0xC0 else 0)] for modrm in range(256)]
    for row in reversed(rows):
        if row.modrm is not None:
            table[row.modrm] = form(row, False)
    return table


def single(rows: list[Row], context: Context) -> Form:
    """An opcode without ModRM. NOP and XCHG share one: REX.B tells them apart."""
    plain = [Form(row, context, in_memory=False) for row in rows if "rex-b" not in row.attributes]
    form = plain[0]
    for row in rows:
        if "rex-b" in row.attributes and form.mnemonic == "nop":
            exchanged(form, Form(row, context, in_memory=False))
    return form


@cache
def has_modrm(row: Row) -> bool:
    """Whether a ModRM byte follows the opcode."""
    return row.reg is not None or any(parsed(text).uses_modrm for text in row.operands)


@cache
def takes(row: Row, memory: bool) -> bool:
    """Whether the row is defined with memory, or with a register."""
    return takes_memory(row) if memory else takes_register(row)
