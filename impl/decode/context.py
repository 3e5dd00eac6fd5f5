"""What an opcode's meaning depends on besides its bytes: mode, size overrides, mandatory prefix, vector fields."""

from typing import NamedTuple

from impl.decode.prefixes import ADDRESS_SIZE, OPERAND_SIZE, REPE, REPNE, REX_W, Prefixes


class Context(NamedTuple):
    """The circumstances of an opcode."""

    bits: int
    """Mode: 16, 32 or 64."""
    operand_override: bool
    """66h."""
    address_override: bool
    """67h."""
    mandatory: str
    """NP, 66, F3 or F2."""
    w: bool
    """REX.W, VEX.W or EVEX.W."""
    vector_length: int = 0
    """VEX.L or EVEX.L'L."""
    evex: bool = False

    @property
    def address_size(self) -> int:
        """Bytes. APM Vol. 3, "Address-Size Override Prefix" (1.2.3)."""
        if self.bits == 64:
            return 4 if self.address_override else 8
        return 4 if self.address_override == (self.bits == 16) else 2

    @property
    def y(self) -> int:
        """Bytes of a `y` operand: 8 with W in 64-bit mode, else 4."""
        return 8 if self.w and self.bits == 64 else 4

    def operand_size(self, *, default_64: bool) -> int:
        """Bytes. APM Vol. 3, "Operand-Size Override Prefix" (1.2.2); `default_64` for the stack and near branches."""
        if self.bits == 64:
            if self.w:
                return 8
            if self.operand_override:
                return 2
            return 8 if default_64 else 4
        return 4 if self.operand_override == (self.bits == 16) else 2


def legacy_context(bits: int, prefixes: Prefixes) -> Context:
    """The context of an opcode without VEX, EVEX or XOP. As a mandatory prefix, F3h or F2h goes before 66h (1.2.6)."""
    override = prefixes & OPERAND_SIZE != 0
    repeat = "F3" if prefixes & REPE else "F2" if prefixes & REPNE else None
    return Context(
        bits=bits,
        operand_override=override,
        address_override=prefixes & ADDRESS_SIZE != 0,
        mandatory=repeat or ("66" if override else "NP"),
        w=prefixes & REX_W != 0,
    )
