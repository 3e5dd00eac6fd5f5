"""iced-x86 as an oracle: validity, length, mnemonic, every operand, the memory operand, its access, the prefixes."""

import iced_x86 as iced

from impl.decode.instruction import FarPointer, Immediate, Instruction, Operand, Relative, StringOperand
from impl.decode.memory_direction import Direction
from impl.decode.registers import Register
from impl.decode.semantics import semantics
from impl.decode.undecodable import Undecodable
from tests.impl.decode.difference import Difference, ours


def names_of(enumeration: object) -> dict[int, str]:
    """The names of one of its enumerations, in small letters."""
    return {value: name.lower() for name, value in vars(enumeration).items() if name.isupper()}


MNEMONICS, REGISTERS = names_of(iced.Mnemonic), names_of(iced.Register)
KINDS, ACCESSES = names_of(iced.OpKind), names_of(iced.OpAccess)
INFORMATION = iced.InstructionInfoFactory()
DIRECTIONS = {
    ("none",): Direction.NONE,
    ("no_mem_access",): Direction.NONE,
    ("read",): Direction.READ,
    ("cond_read",): Direction.READ,
    ("write",): Direction.WRITE,
    ("cond_write",): Direction.WRITE,
    ("read_write",): Direction.READ_WRITE,
    ("read_cond_write",): Direction.READ_WRITE,
    ("write", "read"): Direction.READ_WRITE,
    ("cond_write", "cond_read"): Direction.READ_WRITE,
    ("read", "read"): Direction.READ,
    ("cond_read", "cond_read"): Direction.READ,
}
"""By the access of each memory operand; `cond` because a repeated string instruction may do nothing."""


def difference(code: bytes, bits: int) -> Difference | None:
    """The first disagreement, if there is one."""
    theirs = iced.Decoder(bits, code[:15], options=iced.DecoderOptions.AMD).decode()
    found = ours(code, bits)
    if isinstance(found, Undecodable):
        return None if theirs.is_invalid else Difference("refused", MNEMONICS[theirs.mnemonic], found.reason.name)
    if theirs.is_invalid:
        return Difference("accepted", found.mnemonic)
    checks = (
        ("length", theirs.len, found.length),
        ("mnemonic", MNEMONICS[theirs.mnemonic], found.mnemonic),
        ("operands", their_operands(theirs), [operand_of(operand, found.length) for operand in found.operands]),
        ("memory", their_memory(theirs), memory_of(found)),
        ("prefixes", their_prefixes(theirs), (found.lock, found.repe, found.repne)),
    )
    for kind, expected, mine in checks:
        if expected != mine:
            return Difference(kind, found.mnemonic, detail=f"{expected} against {mine}")
    return direction_difference(theirs, found)


def their_kinds(theirs: iced.Instruction) -> list[str]:
    """The kinds of the operands."""
    return [KINDS[theirs.op_kind(number)] for number in range(theirs.op_count)]


def their_operands(theirs: iced.Instruction) -> list[object]:
    """The operands as plain values."""
    found: list[object] = []
    for number, kind in enumerate(their_kinds(theirs)):
        if kind == "register":
            found.append(REGISTERS[theirs.op_register(number)])
        elif kind.startswith("immediate"):
            found.append((kind, theirs.immediate(number)))
        elif kind.startswith("near"):
            found.append((kind, theirs.near_branch_target))
        elif kind == "far_branch16":
            found.append((kind, theirs.far_branch_selector, theirs.far_branch16))
        elif kind == "far_branch32":
            found.append((kind, theirs.far_branch_selector, theirs.far_branch32))
        else:
            found.append("memory" if kind in ("memory", "memory_seg_rdi", "memory_seg_edi", "memory_seg_di") else kind)
    return found


def operand_of(operand: Operand, length: int) -> object:
    """One of ours in the same form."""
    if isinstance(operand, Register):
        return operand.name
    if isinstance(operand, Immediate):
        wider = f"to{8 * operand.size}" if operand.size != operand.encoded else ""
        kind = f"immediate{8 * operand.encoded}{wider}{'_2nd' if operand.second else ''}"
        return kind, operand.value & ((1 << 64) - 1)
    if isinstance(operand, Relative):
        return f"near_branch{8 * operand.size}", (operand.displacement + length) & ((1 << 8 * operand.size) - 1)
    if isinstance(operand, FarPointer):
        return f"far_branch{8 * operand.size}", operand.selector, operand.offset
    if isinstance(operand, StringOperand):
        return f"memory_{'es' if operand.register.endswith('di') else 'seg_'}{operand.register}"
    return "memory"


def their_memory(theirs: iced.Instruction) -> object:
    """Base, index, scale, displacement, segment and bytes; of strings the last two."""
    kinds = [kind for kind in their_kinds(theirs) if kind.startswith("memory")]
    if not kinds:
        return None
    segment, size = REGISTERS[theirs.memory_segment], iced.MemorySizeInfo(theirs.memory_size).size
    if kinds[0] != "memory":
        return segment, size
    base, index = REGISTERS[theirs.memory_base], REGISTERS[theirs.memory_index]
    return base, index, theirs.memory_index_scale, theirs.memory_displacement, segment, size


def memory_of(found: Instruction) -> object:
    """Ours in the same form; a displacement from the next instruction includes the length."""
    memory = found.memory
    if memory is None:
        return None
    if found.form.implicit not in (None, "O", "rBX+al"):
        return memory.segment, memory.size
    relative = found.length if memory.base in ("rip", "eip") else 0
    displacement = (memory.displacement + relative) & ((1 << 8 * found.form.address_size) - 1)
    return memory.base or "none", memory.index or "none", memory.scale, displacement, memory.segment, memory.size


def their_prefixes(theirs: iced.Instruction) -> tuple[bool, bool, bool]:
    """LOCK, REP or REPE, REPNE."""
    return theirs.has_lock_prefix, theirs.has_rep_prefix or theirs.has_repe_prefix, theirs.has_repne_prefix


def direction_difference(theirs: iced.Instruction, found: Instruction) -> Difference | None:
    """Whether the memory operand is read, written or both."""
    work = semantics(found)
    kinds = their_kinds(theirs)
    accesses = INFORMATION.info(theirs)
    key = tuple(ACCESSES[accesses.op_access(n)] for n, kind in enumerate(kinds) if kind.startswith("memory"))
    if not key or work is None or DIRECTIONS[key] is work.direction:
        return None
    return Difference("access", found.mnemonic, detail=f"{key} against {work.direction.value}")
