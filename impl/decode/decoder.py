"""The decoder: the phases in order, and the instruction that they make."""

import struct

from impl.decode.escapes import escaped, reconsidered, unusual
from impl.decode.forms import Form
from impl.decode.instruction import NO_MODRM, Instruction
from impl.decode.modes import MODES
from impl.decode.modrm import implied_memory, read_memory
from impl.decode.opcode import ByModrm, Escape, Shared, read_opcode
from impl.decode.prefixes import CONTEXT, VECTOR, read_prefixes
from impl.decode.undecodable import MAX_LENGTH, Reason, Undecodable
from impl.decode.vector_checks import checked

_new = tuple.__new__


def decode(code: bytes, bits: int = 64) -> Instruction:
    """The instruction at the start of `code` in 16-, 32- or 64-bit mode; raises `Undecodable`, and nothing else.

    No byte beyond the fifteenth is looked at, and bytes behind the instruction change nothing.
    """
    if len(code) > MAX_LENGTH:
        code = code[:MAX_LENGTH]
    mode = MODES[bits]
    try:
        prefixes, position = read_prefixes(code, mode.effects)
        tables = mode.tables[prefixes & CONTEXT] or mode.made(prefixes)
        node, position = read_opcode(code, position, tables.primary)
        if node.__class__ is Shared or node.__class__ is Escape:
            prefixes, node, position = escaped(code, position, node, prefixes, mode, tables)

        modrm, memory = NO_MODRM, None
        if node.__class__ is ByModrm:
            modrm = code[position]
            position += 1
            form = node[modrm]
            if form is None:
                raise Undecodable(Reason.NO_MODRM)
            if modrm < 0xC0:
                memory, position = read_memory(code, position, modrm, prefixes, tables.addressing, form.memory_size)
        elif node.__class__ is Form:
            form = node
        else:
            form, modrm, position = unusual(code, position, node, prefixes)
        if prefixes & form.forbidden:
            form = reconsidered(form, prefixes)

        immediates: tuple[int, ...] = ()
        if unpack := form.unpack:
            immediates = unpack(code, position)
            position += form.immediate_size
        if form.implicit:
            memory = implied_memory(form.implicit, form.memory_size, form.address_size, prefixes, immediates)
        elif prefixes & VECTOR:
            memory = checked(form, prefixes, modrm, memory, bits)
        return _new(Instruction, (form, position, prefixes, modrm, memory, immediates))
    except (IndexError, struct.error):
        raise Undecodable(Reason.TRUNCATED if len(code) < MAX_LENGTH else Reason.TOO_LONG) from None
