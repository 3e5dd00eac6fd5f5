"""The registers that operands name. APM Vol. 1, "Registers" (3.1)."""

from typing import NamedTuple


class Register(NamedTuple):
    """A register operand."""

    name: str
    number: int
    """Among the registers of its kind; AH, CH, DH and BH have the numbers of AL, CL, DL and BL."""
    size: int
    """Bytes; 0 where the size depends on what is loaded (tiles)."""
    high: bool = False
    """Bits 15:8 of the register: AH, CH, DH, BH."""


_LEGACY = "ax cx dx bx sp bp si di".split()


def _general(size: int) -> list[Register]:
    """The sixteen registers of 2, 4 or 8 bytes."""
    before, after = {2: ("", "w"), 4: ("e", "d"), 8: ("r", "")}[size]
    names = [before + name for name in _LEGACY] + [f"r{number}{after}" for number in range(8, 16)]
    return [Register(name, number, size) for number, name in enumerate(names)]


def _numbered(name: str, count: int, size: int) -> list[Register]:
    return [Register(f"{name}{number}", number, size) for number in range(count)]


_LOW = [Register(name, number, 1) for number, name in enumerate("al cl dl bl".split())]
_HIGH = [Register(name, number, 1, high=True) for number, name in enumerate("ah ch dh bh".split())]
_UNIFORM = [Register(name, number, 1) for number, name in enumerate("spl bpl sil dil".split(), 4)]

BYTES = [*_LOW, *_HIGH]
"""Without REX."""
BYTES_REX = [*_LOW, *_UNIFORM, *(Register(f"r{number}l", number, 1) for number in range(8, 16))]
"""With any REX."""
GENERAL = {2: _general(2), 4: _general(4), 8: _general(8)}
SEGMENT = [Register(name, number, 2) for number, name in enumerate("es cs ss ds fs gs".split())]
VECTOR = {16: _numbered("xmm", 32, 16), 32: _numbered("ymm", 32, 32), 64: _numbered("zmm", 32, 64)}
MMX = _numbered("mm", 8, 8)
MASK = _numbered("k", 8, 8)
TILE = _numbered("tmm", 8, 0)
FLOAT = [Register(f"st{number}", number, 10) for number in range(8)]
CONTROL = _numbered("cr", 16, 8)
DEBUG = _numbered("dr", 16, 8)
