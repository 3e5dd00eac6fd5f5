"""What decoding gives: an instruction with its prefixes, form, memory operand and immediates."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from impl.decode.prefixes import LOCK, REPE, REPNE, SEGMENT, SEGMENT_SHIFT, SEGMENTS, Prefixes
from impl.decode.registers import Register

if TYPE_CHECKING:
    from impl.decode.forms import Form

NO_MODRM = 0
"""`Instruction.modrm` of an instruction without a ModRM byte."""


class Memory(NamedTuple):
    """A memory operand: segment base + base + index × scale + displacement, modulo 2^(8 × address size)."""

    base: str | None
    """A register; RIP or EIP stand for the address of the next instruction."""
    index: str | None  # type: ignore[assignment]  # hides tuple.index, which no one calls
    scale: int
    displacement: int
    """Signed; that of moffs is the address itself. An EVEX disp8 is scaled already."""
    segment: str
    """The override as it stands, else SS with a base of rSP or rBP, else DS. In 64-bit mode only FS and GS count."""
    size: int
    """Bytes accessed; 0 where no data is (LEA) or the state of the machine decides (XSAVE)."""
    displacement_size: int
    """Bytes of the displacement in the instruction."""


class Immediate(NamedTuple):
    """An immediate operand."""

    value: int
    """Signed where it is sign-extended to the operand size, else unsigned."""
    encoded: int
    """Bytes in the instruction."""
    size: int
    """Bytes of the operand that it becomes."""
    second: bool = False
    """The second immediate of ENTER, EXTRQ or INSERTQ."""


class Relative(NamedTuple):
    """The displacement of a near branch, from the next instruction."""

    displacement: int
    size: int
    """Bytes of the instruction pointer that the target is truncated to."""


class FarPointer(NamedTuple):
    """A selector and an offset in the instruction."""

    selector: int
    offset: int
    size: int
    """Bytes of the offset."""


class StringOperand(NamedTuple):
    """The memory at rSI or rDI of a string instruction."""

    register: str
    """SI, DI and their kin, of the address size."""
    segment: str
    """ES for rDI, whatever the prefixes say."""
    size: int


Operand = Register | Memory | Immediate | Relative | FarPointer | StringOperand


class Instruction(NamedTuple):
    """One instruction. Operands are made when they are read."""

    form: Form
    length: int
    prefixes: Prefixes
    modrm: int
    memory: Memory | None
    """The operand in memory that ModRM or moffs names, or the one of a string instruction that a prefix may move."""
    immediates: tuple[int, ...]

    @property
    def mnemonic(self) -> str:
        """The manual's name, in small letters."""
        return self.form.mnemonic

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The explicit operands, in the manual's order: the destination first."""
        return self.form.operands(self)

    @property
    def segment(self) -> str:
        """The segment of memory that the opcode implies with DS as default: strings at rSI, MONITOR at rAX."""
        return SEGMENTS[(self.prefixes & SEGMENT) >> SEGMENT_SHIFT] or "ds"

    @property
    def lock(self) -> bool:
        """LOCK (F0h) of an operand in memory."""
        return self.prefixes & LOCK != 0 and self.memory is not None

    @property
    def repe(self) -> bool:
        """REP or REPE (F3h), where it is not part of the opcode."""
        return self.prefixes & REPE != 0 and not self.form.mandatory_prefix

    @property
    def repne(self) -> bool:
        """REPNE (F2h), where it is not part of the opcode."""
        return self.prefixes & REPNE != 0 and not self.form.mandatory_prefix
