"""Phase 4, prepared: how the operands of a row are read, and which immediates follow the displacement."""

from impl.decode import operands as read
from impl.decode import registers
from impl.decode.context import Context
from impl.decode.notation import EITHER, IMPLIED_MEMORY, MEMORY_ONLY, Notation, parsed, size_of, vector_size
from impl.decode.operands import Reader
from impl.decode.rows import Row

UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
SIGNED = {1: "b", 2: "h", 4: "i"}
"""Letters of `struct` by the bytes of an immediate."""
RAX = {size: registers.GENERAL[size][0] for size in (2, 4, 8)}
NAMED = {register.name: register for register in (*registers.BYTES, *registers.GENERAL[2], *registers.SEGMENT)}
RSI, RDI = 6, 7

PLAIN: dict[str, Reader] = {
    "1": read.one,
    "C": read.control,
    "D": read.by_modrm(("debug", 8), "reg"),
    "S": read.by_modrm(("segment", 2), "reg"),
    "P": read.by_modrm(("mmx", 8), "reg"),
    "N": read.by_modrm(("mmx", 8), "rm"),
    "Q": read.by_modrm(("mmx", 8), "rm"),
    "KG": read.by_modrm(("mask", 8), "reg"),
    "KP": read.by_modrm(("mask", 8), "reg"),
    "KE": read.by_modrm(("mask", 8), "rm"),
    "KR": read.by_modrm(("mask", 8), "rm"),
    "KH": read.by_vvvv(("mask", 8), 32),
    "TG": read.by_modrm(("tile", 0), "reg"),
    "TR": read.by_modrm(("tile", 0), "rm"),
    "TH": read.by_vvvv(("tile", 0), 32),
    "st(0)": read.fixed(registers.FLOAT[0]),
    "st(i)": read.by_modrm(("float", 10), "rm"),
}
"""Methods whose registers have one size."""


class Layout:
    """The operands of a row in a context, with a register or with memory where the row has either."""

    def __init__(self, row: Row, context: Context, operand_size: int, *, in_memory: bool) -> None:
        self.row = row
        self.context = context
        self.operand_size = operand_size
        self.in_memory = in_memory
        self.memory_size = 0
        """Bytes that the memory operand has."""
        self.implicit: str | None = None
        """The method of memory without ModRM: X and Y (strings), O, rDI or rBX+al."""
        self.vsib = 0
        """Bytes of the vector register that is the index."""
        self.immediates = ""
        """The letters of `struct` for the immediates."""
        self.readers = tuple([self.reader(parsed(text)) for text in row.operands])
        if "suffix" in row.attributes:  # the opcode of 3DNow!, behind the displacement
            self.immediates += "B"

    def size(self, kind: str) -> int:
        """Bytes of a type."""
        return size_of(kind, self.context, self.operand_size)

    def reader(self, operand: Notation) -> Reader:
        """The reader of one operand."""
        method, kind, alternative = operand
        if self.in_memory and (alternative or method in MEMORY_ONLY | EITHER):
            return self.memory(method, alternative or kind)
        if method in PLAIN:
            return PLAIN[method]
        if method in ("E", "R", "G", "B", "Z"):
            return self.general(method, ("general", self.size(kind)))
        if method in ("V", "H", "H3", "U", "W", "L", "L5"):
            return self.vector(method, ("vector", vector_size(kind, self.context)))
        if method in ("I", "J", "A"):
            return self.immediate(method, kind)
        if method in IMPLIED_MEMORY:
            return self.implied_memory(method, kind)
        if method in ("rAX", "eAX"):  # port I/O is never wider than four bytes
            return read.fixed(RAX[self.operand_size if method == "rAX" else min(self.operand_size, 4)])
        return read.fixed(NAMED[method])

    def memory(self, method: str, kind: str) -> Reader:
        """The operand that ModRM places in memory."""
        if method == "MX":
            kind, index = kind.split(":")
            self.vsib = vector_size(index, self.context)
        self.memory_size = self.size(kind)
        return read.memory

    def general(self, method: str, kind: read.Kind) -> Reader:
        """A general register."""
        if method == "Z":
            return read.by_opcode(kind, self.row.opcode)
        if method == "B":
            return read.by_vvvv(kind, self.context.bits)
        return read.by_modrm(kind, "reg" if method == "G" else "rm")

    def vector(self, method: str, kind: read.Kind) -> Reader:
        """A vector register. EVEX.X is the fifth bit of its number in ModRM.rm; REX.X and VEX.X are not."""
        if method in ("V", "U", "W"):
            return read.by_modrm(kind, "reg" if method == "V" else "rm", thirty_two=self.context.evex)
        if method in ("L", "L5"):
            self.immediates += "B"
            return read.by_immediate(kind, self.context.bits)
        return read.by_vvvv(kind, self.context.bits)

    def immediate(self, method: str, kind: str) -> Reader:
        """An immediate, a branch displacement or a far pointer."""
        if method == "A":
            self.immediates += "HH" if self.operand_size == 2 else "IH"
            return read.far_pointer(self.operand_size)
        if kind == "4":  # the low half of the byte whose high half is a register
            return read.low_bits
        encoded = self.size(kind)
        extended = kind == "bs" or method == "J" or (kind == "z" and self.operand_size == 8)
        self.immediates += (SIGNED if extended else UNSIGNED)[encoded]
        if method == "J":
            return read.relative(self.size("n") if "whole-target" in self.row.attributes else self.operand_size)
        size = self.operand_size if extended else encoded
        return read.immediate(len(self.immediates) - 1, encoded, size, extended)

    def implied_memory(self, method: str, kind: str) -> Reader:
        """Memory that the opcode implies."""
        self.implicit, self.memory_size = method, self.size(kind)
        pointers = registers.GENERAL[self.context.address_size]
        if method == "X":
            return read.string_source(pointers[RSI].name, self.memory_size)
        if method == "Y":
            return read.string_destination(pointers[RDI].name, self.memory_size)
        if method == "O":
            self.immediates += UNSIGNED[self.context.address_size]
        return read.memory
