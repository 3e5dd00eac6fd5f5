"""Guest programs of intercepted and ordinary instructions, in every form: what Hypothesis makes of them.

A step sets the registers that its instruction needs, and its instruction. Addresses are chosen first, and base, index
and displacement so that they lead there.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from impl.guest import layout

PAGE = 0x1000
LOW_32, LOW_64 = (1 << 32) - 1, (1 << 64) - 1
FS_BASE, GS_BASE = 0x1_2345_6000, LOW_64 - 0x7FFF
BASES = {0x64: FS_BASE, 0x65: GS_BASE}
RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
REGISTERS = [number for number in range(16) if number != RSP]
DEVICE = layout.BLOCK_DEVICE
STREAM, SECTOR = DEVICE.gpa + 0x20, DEVICE.gpa + 0x10
EMPTY_LEGACY = (0x26, 0x2E, 0x36, 0x3E)
"""Segment overrides that 64-bit mode ignores."""


@dataclass(frozen=True)
class Step:
    """One instruction of a program, behind the instructions that set its registers."""

    setup: bytes
    code: bytes
    name: str = ""
    """Of an instruction that only a hypervisor, or the bare processor's stand-in for one, carries out."""
    beyond_sev: bool = False
    """The hypervisor of an SEV guest would have to read its memory or page tables."""
    logic: bool = False
    """AF is undefined afterwards."""


def load(register: int, value: int) -> bytes:
    """MOV of 64 bits to a register."""
    return bytes([0x48 | register >> 3, 0xB8 | register & 7]) + (value & LOW_64).to_bytes(8, "little")


PROLOGUE = b"".join(
    load(RCX, msr) + load(RAX, base & LOW_32) + load(RDX, base >> 32) + b"\x0f\x30"
    for msr, base in ((0xC000_0100, FS_BASE), (0xC000_0101, GS_BASE))
)
"""Bases of FS and GS."""
HLT = b"\xf4"


@st.composite
def flags(draw: st.DrawFn) -> bytes:
    """SF, ZF, AF, PF and CF by SAHF; DF by CLD or STD. RAX is set afterwards where it matters."""
    return load(RAX, draw(st.integers(0, 255)) << 8) + b"\x9e" + draw(st.sampled_from([b"\xfc", b"\xfd"]))


@st.composite
def values(draw: st.DrawFn) -> int:
    """Numbers whose halves and signs differ."""
    return draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0x8000_0000, LOW_32, LOW_64]) | st.integers(0, LOW_64))


@st.composite
def device_addresses(draw: st.DrawFn, size: int) -> tuple[int, bool]:
    """Where the device's memory or its registers are; whether the operand lies on two pages."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from([STREAM, SECTOR, DEVICE.gpa, DEVICE.gpa + 8, DEVICE.gpa + 0x18])), False
    address = draw(st.integers(DEVICE.gpa + PAGE, DEVICE.end - size))
    if draw(st.integers(0, 7)) == 0:
        address = DEVICE.gpa + 2 * PAGE - draw(st.integers(0, size))
    return address, address // PAGE != (address + size - 1) // PAGE


@st.composite
def memory_addresses(draw: st.DrawFn, size: int) -> int:
    """Private memory, also where its pages lie in another order, shared memory and the stack."""
    area = draw(st.sampled_from([layout.DATA, layout.SHARED]))
    start = area.gpa + (layout.SPLIT_WINDOW if area is layout.DATA and draw(st.booleans()) else 0)
    edge = draw(st.integers(0, 3)) == 0
    offset = PAGE - draw(st.integers(0, size)) if edge else draw(st.integers(0, area.pages * PAGE - size))
    return start + offset


@dataclass(frozen=True)
class Operand:
    """A memory operand: prefixes, bits of REX, ModRM.mod and rm with what follows, and the registers it needs."""

    prefixes: bytes
    rex: int
    modrm: int
    tail: bytes
    setup: bytes
    registers: frozenset[int]
    relative: int | None = None
    """RIP-relative: the address, from which the end of the instruction is to be taken."""


@st.composite
def operands(draw: st.DrawFn, address: int, taken: frozenset[int] = frozenset()) -> Operand:
    """An operand at a linear address that uses none of the registers `taken` for its address."""
    override = draw(st.sampled_from([None, None, None, 0x64, 0x65]))
    narrow = draw(st.integers(0, 4)) == 0 and (override is not None or address <= LOW_32)
    prefixes = b"" if override is None else bytes([override])
    if override is None and draw(st.integers(0, 3)) == 0:
        prefixes = bytes([draw(st.sampled_from(EMPTY_LEGACY))])
    offset = (address - BASES.get(override or 0, 0)) & LOW_64
    if narrow and offset > LOW_32:
        narrow = False
    prefixes += b"\x67" if narrow else b""
    form = draw(st.sampled_from(["base", "index", "index", "relative", "absolute"]))
    if form == "absolute" and -(1 << 31) <= signed(offset) < 1 << 31:
        return Operand(prefixes, 0, 0x04, b"\x25" + (offset & LOW_32).to_bytes(4, "little"), b"", frozenset())
    if form == "relative" and override is None and not narrow:
        return Operand(prefixes, 0, 0x05, b"", b"", frozenset(), address)
    return draw(with_registers(prefixes, offset, narrow, form == "index", taken))


@st.composite
def with_registers(
    draw: st.DrawFn, prefixes: bytes, offset: int, narrow: bool, indexed: bool, taken: frozenset[int]
) -> Operand:
    """Base, and perhaps index and scale, and a displacement of 0, 8 or 32 bits."""
    free = [register for register in REGISTERS if register not in taken]
    base = draw(st.sampled_from(free))
    width = draw(st.sampled_from([0, 1, 4]))
    width = 1 if width == 0 and base & 7 == RBP else width
    displacement = draw(st.integers(-(1 << 8 * width - 1), (1 << 8 * width - 1) - 1)) if width else 0
    mod = {0: 0x00, 1: 0x40, 4: 0x80}[width]
    tail = (displacement & (1 << 8 * width) - 1).to_bytes(width, "little")
    garbage = draw(values()) & ~LOW_32 if narrow else 0
    if not indexed:
        setup = load(base, offset - displacement & (LOW_32 if narrow else LOW_64) | garbage)
        sib = b"\x24" if base & 7 == RSP else b""
        return Operand(prefixes, base >> 3, mod | base & 7, sib + tail, setup, frozenset([base]))
    index = draw(st.sampled_from([register for register in free if register != base]))
    scale = draw(st.integers(0, 3))
    count = draw(values())
    rest = offset - displacement - (count << scale)
    setup = load(index, count) + load(base, rest & (LOW_32 if narrow else LOW_64) | garbage)
    sib = bytes([scale << 6 | (index & 7) << 3 | base & 7])
    rex = index >> 3 << 1 | base >> 3
    return Operand(prefixes, rex, mod | 4, sib + tail, setup, frozenset([base, index]))


def signed(value: int) -> int:
    """64 bits as a signed number."""
    return value - (1 << 64) if value >> 63 else value


def assemble(
    operand: Operand, opcode: bytes, reg: int, *, size: int, immediate: bytes = b"", rex: int = 0, here: int = 0
) -> bytes:
    """The bytes of an instruction with a memory operand, which will stand at `here`. `size` picks 66h and REX.W."""
    rex |= operand.rex | reg >> 3 << 2 | (8 if size == 8 else 0)
    before = operand.prefixes + (b"\x66" if size == 2 else b"") + (bytes([0x40 | rex]) if rex else b"")
    head = before + opcode + bytes([operand.modrm | (reg & 7) << 3])
    if operand.relative is None:
        return head + operand.tail + immediate
    length = len(head) + 4 + len(immediate)
    return head + (operand.relative - here - length & LOW_32).to_bytes(4, "little") + immediate
