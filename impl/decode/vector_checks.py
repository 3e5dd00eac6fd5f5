"""What VEX and EVEX fields do to the memory operand, and which combinations of fields are not defined.

Fields that must be 0 because the instruction does not use them are in `Form.forbidden`. APM Vol. 3, "Encoding Using the
VEX and XOP Prefixes" (1.9); APM Vol. 4, "VSIB Memory Addressing", and for EVEX.
"""

from impl.decode.forms import Form
from impl.decode.instruction import Memory
from impl.decode.modrm import NO_INDEX, SIB_FOLLOWS
from impl.decode.prefixes import (
    EVEX,
    EVEX_R,
    EVEX_V,
    MASK,
    REX_B,
    REX_R,
    REX_X,
    VVVV_SHIFT,
    ZEROING,
    Prefixes,
)
from impl.decode.registers import GENERAL, VECTOR
from impl.decode.undecodable import Reason, Undecodable

INDEX_NUMBERS = {register.name: register.number for size in (4, 8) for register in GENERAL[size]}


def checked(form: Form, prefixes: Prefixes, modrm: int, memory: Memory | None, bits: int) -> Memory | None:
    """The memory operand as the vector fields change it; combinations that are not defined are refused."""
    if (prefixes & ZEROING or "k!" in form.row.attributes) and not prefixes & MASK:
        raise Undecodable(Reason.VECTOR_FIELD)
    index = None
    if memory is not None:
        if form.row.needs_sib and (modrm & 7 != SIB_FOLLOWS or form.address_size == 2):
            raise Undecodable(Reason.NO_MODRM)
        if form.vsib:
            index = vector_index(prefixes, memory)
            memory = memory._replace(index=VECTOR[form.vsib][index].name)
        if prefixes & EVEX and memory.displacement_size == 1:
            memory = memory._replace(displacement=memory.displacement * scale_of(form))
    if form.row.attributes & {"unique", "unique-destination"}:
        check_registers(form, prefixes, modrm, index, bits)
    return memory


def scale_of(form: Form) -> int:
    """What an EVEX disp8 counts: memory operands, or elements where as many as the mask has are stored side by side."""
    elements = form.row.attributes & {"n1", "n2", "n4", "n8"}
    return int(next(iter(elements))[1]) if elements else form.memory_size


def vector_index(prefixes: Prefixes, memory: Memory) -> int:
    """VSIB: the index of the SIB byte numbers a vector register (APM Vol. 4, "VSIB Memory Addressing")."""
    number = INDEX_NUMBERS[memory.index] if memory.index else NO_INDEX
    return number | (16 if prefixes & EVEX_V else 0)


def check_registers(form: Form, prefixes: Prefixes, modrm: int, index: int | None, bits: int) -> None:
    """Refuse equal registers where they must differ: all of a gather (EVEX has its mask elsewhere) and of a product of
    tiles, and the destination of a complex multiplication from its sources.
    """
    vvvv = prefixes >> VVVV_SHIFT & (31 if bits == 64 else 7)
    destination = modrm >> 3 & 7 | (8 if prefixes & REX_R else 0) | (16 if prefixes & EVEX_R else 0)
    numbers = [destination]
    if "unique-destination" in form.row.attributes:
        rm = modrm & 7 | (8 if prefixes & REX_B else 0) | (16 if prefixes & REX_X else 0)
        equal = destination == vvvv or (modrm >= 0xC0 and destination == rm)
    else:
        numbers += [modrm & 7 if index is None else index]
        if not prefixes & EVEX:
            numbers.append(vvvv)
        equal = len(set(numbers)) < len(numbers)
    if equal:
        raise Undecodable(Reason.SAME_REGISTER)
