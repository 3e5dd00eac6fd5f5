"""How many instructions a second are decoded, one at a time, operands read, beside other decoders in the same run."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any

from impl.decode.decoder import decode

REPEATS = 5
Encodings = list[tuple[bytes, int]]


@dataclass(frozen=True)
class DecodeRate:
    """Instructions a second of processor time, the best of several repeats; None: the decoder is not installed."""

    name: str
    per_second: float | None


def encodings() -> Encodings | None:
    """The corpus's unique encodings with their modes; None where SEVSPEC_DATA is not set."""
    if "SEVSPEC_DATA" not in os.environ:
        return None
    path = Path(os.environ["SEVSPEC_DATA"]) / "decoder" / "corpus.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(bytes.fromhex(line["hex"]), line["mode"]) for line in lines]


def decode_rates(instructions: Encodings) -> list[DecodeRate]:
    """Ours, Capstone's binding with operand detail, and that of iced-x86."""
    return [
        DecodeRate("sevspec", best(read_all, instructions)),
        DecodeRate("Capstone, detail on", best(capstone_reader(), instructions) if find_spec("capstone") else None),
        DecodeRate("iced-x86", best(iced_reader(), instructions) if find_spec("iced_x86") else None),
    ]


def best(reader: Callable[[Encodings], None], instructions: Encodings) -> float:
    """Instructions a second of the fastest repeat; the first, which makes the tables, counts no more."""
    durations = []
    for _ in range(REPEATS):
        begun = process_time()
        reader(instructions)
        durations.append(process_time() - begun)
    return len(instructions) / min(durations)


def read_all(instructions: Encodings) -> None:
    """Decode, and read length, mnemonic, every operand and the parts of the memory operand."""
    for code, bits in instructions:
        instruction = decode(code, bits)
        _ = instruction.length, instruction.mnemonic, instruction.operands
        if memory := instruction.memory:
            _ = memory.base, memory.index, memory.scale, memory.displacement, memory.segment, memory.size


def capstone_reader() -> Callable[[Encodings], None]:
    """The same with Capstone."""
    capstone: Any = import_module("capstone")
    modes = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
    disassemblers = {bits: capstone.Cs(capstone.CS_ARCH_X86, mode) for bits, mode in modes.items()}
    for disassembler in disassemblers.values():
        disassembler.detail = True
    register, immediate = capstone.x86.X86_OP_REG, capstone.x86.X86_OP_IMM

    def read(instructions: Encodings) -> None:
        for code, bits in instructions:
            for instruction in disassemblers[bits].disasm(code, 0, 1):
                _ = instruction.size, instruction.id
                for operand in instruction.operands:
                    if operand.type == register:
                        _ = operand.reg
                    elif operand.type == immediate:
                        _ = operand.imm
                    else:
                        memory = operand.mem
                        _ = memory.base, memory.index, memory.scale, memory.disp, memory.segment, operand.size

    return read


def iced_reader() -> Callable[[Encodings], None]:
    """The same with iced-x86."""
    iced: Any = import_module("iced_x86")
    register, memory = iced.OpKind.REGISTER, iced.OpKind.MEMORY

    def read(instructions: Encodings) -> None:
        for code, bits in instructions:
            instruction = iced.Decoder(bits, code).decode()
            _ = instruction.len, instruction.mnemonic
            for number in range(instruction.op_count):
                kind = instruction.op_kind(number)
                if kind == register:
                    _ = instruction.op_register(number)
                elif kind == memory:
                    _ = instruction.memory_base, instruction.memory_index, instruction.memory_index_scale
                    _ = instruction.memory_displacement, instruction.memory_segment, instruction.memory_size

    return read
