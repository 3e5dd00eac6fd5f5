"""A decoded instruction, as far as a #VC handler needs to know it (APM Vol. 3; Vol. 2, 15.35.4).

Decoding is not a rule of this specification: an instruction is what the bytes at RIP mean, with its memory operands'
linear addresses computed from the saved registers. That all of it comes from one fetch is a rule (GHCB-I10).
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.ghcb.vocabulary.page import QWORD, GhcbField
from spec.knobs import Knobs
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record
from spec.vocabulary import Address, Bits

Qword = Annotated[int, Bits(9, "place")]
"""Eight bytes of the GHCB page, counted from its beginning. Saved registers are known by their place in it, too: the
save areas of GHCB and VMSA are laid out alike."""
Word = Annotated[int, Bits(64)]
Bytes = Annotated[int, Bits(4)]
"""A size of 1, 2, 4 or 8."""
RegisterNumber = Annotated[int, Bits(4, "register")]
"""A general register as instructions encode it: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15."""
LONGEST = 15
"""Bytes of an instruction (APM Vol. 3, 1.1)."""


@unique
class Kind(IntEnum):
    """What a #VC handler tells apart."""

    UNDECODABLE = 0
    """The bytes are no instruction."""
    OTHER = 1
    """No exit of it has an event, or the handler refuses it by name: a locked or vector access, a segment register."""
    CPUID = 2
    RDTSC = 3
    RDTSCP = 4
    RDPMC = 5
    RDMSR = 6
    WRMSR = 7
    IN = 8
    """IN and INS."""
    OUT = 9
    """OUT and OUTS."""
    VMMCALL = 10
    WBINVD = 11
    """Also WBNOINVD."""
    INVD = 12
    MONITOR = 13
    """Also MONITORX."""
    MWAIT = 14
    """Also MWAITX."""
    DR7_READ = 15
    DR7_WRITE = 16
    LOAD = 17
    """MMIO is read: MOV, MOVZX, MOVSX, MOVSXD; as a string MOVS."""
    STORE = 18
    """MMIO is written: MOV; as a string STOS, MOVS."""
    TOO_LONG = 19
    """More than fifteen bytes."""


@unique
class Extension(IntEnum):
    """What a load does with the register above what was read."""

    KEEP = 0
    """As MOV does: nothing for 1 and 2 bytes, zeros for 4."""
    ZERO = 1
    SIGN = 2


@record
class Instruction:
    """What the bytes at RIP mean."""

    kind: Annotated[int, Bits(5)]
    """See `Kind`."""
    readable: bool
    """The bytes can be fetched with the rights of the interrupted code."""
    length: Annotated[int, Bits(4)]
    size: Bytes
    """Of the access to the port or to memory."""
    string: bool
    """Of port I/O and MMIO: INS, OUTS, STOS, MOVS."""
    repeated: bool
    """By the last of F2h and F3h."""
    any_repeat: bool
    """By either of them."""
    address_size: Bytes
    """2, 4 or 8."""
    segment: Annotated[int, Bits(3)]
    """ES, CS, SS, DS, FS, GS from 0: the last override that counts, else the default."""
    last_segment: Annotated[int, Bits(3)]
    """The same, by the last override of any kind."""
    port_in_dx: bool
    port: Annotated[int, Bits(8)]
    """The immediate port; unsigned."""
    destination: RegisterNumber
    """The general register that is written."""
    high_byte: bool
    """It is AH, CH, DH or BH."""
    extension: Annotated[int, Bits(2)]
    """See `Extension`."""
    result_size: Bytes
    """Of the register operand of a load."""
    source: RegisterNumber
    """The general register that is stored, or moved to DR7."""
    source_high_byte: bool
    """It is AH, CH, DH or BH."""
    memory_source: bool
    """A string that moves from memory to MMIO: MOVS."""
    immediate_source: bool
    immediate: Word
    """Sign-extended to the operand size."""
    device: Address
    """Linear address of the MMIO operand."""
    memory: Address
    """Linear address of a string's other side, in ordinary memory."""
    wide_port: bool
    """Port I/O with 66h and an effective REX.W."""
    prefixed: bool
    """66h, F2h or F3h stands in front of MONITOR or MWAIT."""


def place_of(field: GhcbField) -> Qword:
    """The place of a field."""
    return field // QWORD


RAX, RBX, RCX, RDX = (place_of(f) for f in (GhcbField.RAX, GhcbField.RBX, GhcbField.RCX, GhcbField.RDX))
RSI, RDI, RIP = (place_of(f) for f in (GhcbField.RSI, GhcbField.RDI, GhcbField.RIP))
DR7, XCR0, XSS, CPL = (place_of(f) for f in (GhcbField.DR7, GhcbField.XCR0, GhcbField.XSS, GhcbField.CPL))
RSP, RBP = place_of(GhcbField.RSP), place_of(GhcbField.RBP)
NUMBERED = (
    GhcbField.R8,
    GhcbField.R9,
    GhcbField.R10,
    GhcbField.R11,
    GhcbField.R12,
    GhcbField.R13,
    GhcbField.R14,
    GhcbField.R15,
)
GENERAL: tuple[Qword, ...] = (RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, *(place_of(field) for field in NUMBERED))
"""The place of each general register."""
LOW_32 = 0xFFFF_FFFF
LOW_64 = (1 << 64) - 1


def mask_of(size: Bytes) -> Word:
    """All ones of so many bytes; 64 bits for any size that is none."""
    return ite(size == 1, 0xFF, ite(size == 2, 0xFFFF, ite(size == 4, LOW_32, LOW_64)))


def is_string(instruction: Instruction) -> bool:
    """Whether an instruction is INS, OUTS, STOS or MOVS."""
    moves = is_one_of(instruction, Kind.IN, Kind.OUT, Kind.LOAD, Kind.STORE)
    return all_of(moves, instruction.string)


def repeats(instruction: Instruction, knobs: Knobs) -> bool:
    """Whether a string instruction is repeated."""
    by_any = all_of(none_of(knobs.vc_last_repeat_prefix), instruction.any_repeat)
    return all_of(is_string(instruction), any_of(instruction.repeated, by_any))


def segment_of(instruction: Instruction, knobs: Knobs) -> int:
    """The segment of the operand."""
    return ite(knobs.vc_last_fs_gs, instruction.segment, instruction.last_segment)


def is_one_of(instruction: Instruction, *kinds: Kind) -> bool:
    """Whether an instruction is of one of these kinds."""
    return any_of(*(instruction.kind == kind for kind in kinds))
