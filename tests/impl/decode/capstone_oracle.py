"""Capstone as an oracle: validity, length and memory operand. It names instructions and sizes in ways of its own."""

import capstone
from capstone import x86_const

from impl.decode.instruction import Instruction, Memory, StringOperand
from impl.decode.undecodable import Undecodable
from tests.impl.decode.difference import Difference, ours

MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
DISASSEMBLERS = {bits: capstone.Cs(capstone.CS_ARCH_X86, mode) for bits, mode in MODES.items()}
for _disassembler in DISASSEMBLERS.values():
    _disassembler.detail = True


def difference(code: bytes, bits: int) -> Difference | None:
    """The first disagreement, if there is one."""
    theirs = next(DISASSEMBLERS[bits].disasm(code[:15], 0, 1), None)
    found = ours(code, bits)
    if isinstance(found, Undecodable):
        return None if theirs is None else Difference("refused", theirs.mnemonic, found.reason.name)
    if theirs is None:
        return Difference("accepted", found.mnemonic)
    if theirs.size != found.length:
        return Difference("length", found.mnemonic, detail=f"{theirs.size} against {found.length}")
    return memory_difference(theirs, found)


def memory_difference(theirs: capstone.CsInsn, found: Instruction) -> Difference | None:
    """Whether there is a memory operand, and which."""
    memories = [operand.mem for operand in theirs.operands if operand.type == x86_const.X86_OP_MEM]
    mine = [operand for operand in found.operands if isinstance(operand, Memory | StringOperand)]
    if bool(memories) != bool(mine):
        return Difference("memory", found.mnemonic)
    if not mine or not isinstance(mine[0], Memory) or found.form.implicit in ("rDI", "rBX+al"):
        return None
    expected, memory = memories[0], mine[0]
    parts = (
        ("address", (register(theirs, expected.base), register(theirs, expected.index), expected.scale), memory[:3]),
        ("displacement", (expected.disp - memory.displacement) % (1 << 8 * found.form.address_size), 0),
        ("segment", register(theirs, expected.segment) or memory.segment, memory.segment),
    )
    for kind, their_part, my_part in parts:
        if their_part != my_part:
            return Difference(kind, found.mnemonic, detail=f"{their_part} against {my_part}")
    return None


def register(theirs: capstone.CsInsn, number: int) -> str | None:
    """The name of a register; RIZ and EIZ stand for no index."""
    name = theirs.reg_name(number) if number else None
    return None if name in ("riz", "eiz") else name
