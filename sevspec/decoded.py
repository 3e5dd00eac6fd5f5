"""A decoded instruction as one JSON object."""

from typing import Any

from impl.decode.exits import VcClass, vc_class
from impl.decode.instruction import FarPointer, Immediate, Instruction, Memory, Operand, Relative, StringOperand
from impl.decode.registers import Register
from impl.decode.undecodable import Undecodable

ALL_ONES = (1 << 64) - 1
SIGNED_LOADS = frozenset("movsx movsxd".split())
UNLABELLED = frozenset("monitorx mwaitx".split())
"""Of the intercepts of MONITOR and MWAIT, but without a label of their own in the published corpus of instructions."""


def document(code: bytes, bits: int, instruction: Instruction) -> dict[str, Any]:
    """The object of an instruction; fields that it does not have are left out."""
    found: dict[str, Any] = {
        "mode": bits,
        "hex": code[: instruction.length].hex(),
        "len": instruction.length,
        "mnemonic": instruction.mnemonic,
        "ops": [operand_of(operand) for operand in instruction.operands],
    }
    if instruction.memory is not None:
        found["mem"] = memory_of(instruction, instruction.memory)
    for operand in instruction.operands:
        if isinstance(operand, Relative):
            found["rel"] = hex(operand.displacement & ALL_ONES)
    prefixes = {"lock": instruction.lock, "rep": instruction.repe, "repne": instruction.repne}
    if any(prefixes.values()):
        found["prefix"] = [name for name, there in prefixes.items() if there]
    if (vc := vc_class(instruction)) is not None and instruction.mnemonic not in UNLABELLED:
        found["vc"] = vc.name
        if vc.exit_code is not None:
            found["exitcode"] = hex(vc.exit_code)
    return found


def refusal(code: bytes, bits: int, undecodable: Undecodable) -> dict[str, Any]:
    """The object of bytes that are no instruction: the reason by name, and the event that a processor raises."""
    found = {"mode": bits, "hex": code.hex(), "error": undecodable.reason.name, "says": undecodable.reason.value}
    if undecodable.event is not None:
        found["event"] = undecodable.event.value
    return found


def operand_of(operand: Operand) -> dict[str, Any]:
    """One operand."""
    if isinstance(operand, Register):
        return {"kind": "register", "reg": operand.name}
    if isinstance(operand, Immediate):
        kind = f"immediate{8 * operand.encoded}"
        if operand.size != operand.encoded:
            kind += f"to{8 * operand.size}"
        return {"kind": kind + ("_2nd" if operand.second else ""), "imm": hex(operand.value & ALL_ONES)}
    if isinstance(operand, Memory):
        return {"kind": "memory"}
    if isinstance(operand, StringOperand):
        return {"kind": f"memory_{'es' if operand.register.endswith('di') else 'seg_'}{operand.register}"}
    if isinstance(operand, FarPointer):
        return {"kind": f"far_branch{8 * operand.size}"}
    return {"kind": f"near_branch{8 * operand.size}"}


def memory_of(instruction: Instruction, memory: Memory) -> dict[str, Any]:
    """The memory operand. A displacement is in two's complement of the address size."""
    address_size = instruction.form.address_size
    # A displacement of four bytes counts as eight where it is extended to eight.
    shown = 8 if memory.displacement_size == 4 and address_size == 8 else memory.displacement_size
    found: dict[str, Any] = {
        "base": memory.base or "none",
        "index": memory.index or "none",
        "scale": memory.scale,
        "disp_size": shown,
        "seg": memory.segment,
        "bytes": memory.size,
        "disp": hex(memory.displacement & ((1 << 8 * address_size) - 1)),
    }
    if vc_class(instruction) is not None:
        found["size"] = f"{'int' if instruction.mnemonic in SIGNED_LOADS else 'uint'}{8 * memory.size}"
    if memory.base in ("rip", "eip"):
        found["rip_relative"] = True
    return found


def sentence(instruction: Instruction) -> str:
    """The instruction for people: mnemonic, operands, and the #VC that it raises."""
    written = ", ".join(words_of(operand) for operand in instruction.operands)
    prefixes = {"lock": instruction.lock, "rep": instruction.repe, "repne": instruction.repne}
    before = "".join(f"{name} " for name, there in prefixes.items() if there)
    text = f"{before}{instruction.mnemonic} {written}".rstrip()
    vc = vc_class(instruction)
    if vc is None:
        return text
    code = "" if vc.exit_code is None else f" (exit code {vc.exit_code:#x})"
    condition = ", if the memory is MMIO" if vc in (VcClass.MMIO_MOV, VcClass.MMIO_STRING) else ""
    return f"{text:<46}#VC {vc.name}{code}{condition}"


def words_of(operand: Operand) -> str:
    """One operand for people."""
    if isinstance(operand, Register):
        return operand.name
    if isinstance(operand, Immediate):
        return hex(operand.value)
    if isinstance(operand, Relative):
        return f"{'-' if operand.displacement < 0 else '+'}{abs(operand.displacement):#x} from the next instruction"
    if isinstance(operand, FarPointer):
        return f"{operand.selector:#x}:{operand.offset:#x}"
    if isinstance(operand, StringOperand):
        return f"{8 * operand.size}-bit {operand.segment}:[{operand.register}]"
    parts = [operand.base, f"{operand.index}*{operand.scale}" if operand.index else None]
    if operand.displacement or not any(parts):
        parts.append(hex(operand.displacement))
    size = f"{8 * operand.size}-bit " if operand.size else ""
    return f"{size}{operand.segment}:[{' + '.join(part for part in parts if part)}]"
