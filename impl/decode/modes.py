"""What bytes mean in 16-, 32- and 64-bit mode: prefixes, opcode maps and addresses, made when they are first met."""

from functools import cache
from typing import NamedTuple

from impl.decode.context import Context, legacy_context
from impl.decode.modrm import Addressing, addressing_16, addressing_wide
from impl.decode.opcode import OpcodeMap
from impl.decode.prefixes import CONTEXT, Effect, Prefixes, effects
from impl.decode.tables import legacy_maps


class Tables(NamedTuple):
    """What the prefixes choose."""

    primary: OpcodeMap
    addressing: Addressing
    context: Context


class Mode:
    """16-, 32- or 64-bit mode."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.effects: list[Effect | None] = list(effects(bits))
        """Of each byte, as a prefix."""
        self.tables: list[Tables | None] = [None] * (CONTEXT + 1)
        """By the low bits of the prefixes."""

    def made(self, prefixes: Prefixes) -> Tables:
        """The tables for these prefixes, made now."""
        context = legacy_context(self.bits, prefixes)
        tables = Tables(legacy_maps(context), addressing_of(context.address_size, self.bits), context)
        self.tables[prefixes & CONTEXT] = tables
        return tables


@cache
def addressing_of(size: int, bits: int) -> Addressing:
    """The addresses of one size in one mode."""
    return addressing_16() if size == 2 else addressing_wide(size, bits)


MODES = {bits: Mode(bits) for bits in (16, 32, 64)}
