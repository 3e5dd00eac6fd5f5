"""`sevspec decode`: instructions of 16-, 32- and 64-bit mode, and the #VC that they raise."""

import json as json_text
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from impl.decode.decoder import decode as decoded
from impl.decode.undecodable import Undecodable
from sevspec.decoded import document, refusal, sentence
from sevspec.refused import Refused

HELP = """Decode instructions: length, operands, memory operand, and what #VC they raise in an SEV-ES guest.

Each HEX is the bytes of one instruction; bytes behind it are not looked at. With - the instructions are lines of
standard input, each of them HEX or a JSON object with `hex` and perhaps `mode`, and the answers are JSON, one object
a line.

An object has mode, hex, len, mnemonic, ops (kind; reg or imm) and, where there is one, mem (base, index, scale, disp
in two's complement, disp_size, seg, bytes), rel, prefix, vc and exitcode.

Exit code 1 if some bytes are no instruction: the object then has `error`, the reason by name, and `event`.

Example: sevspec decode --bits 64 488b4308 0fa2
"""


class Bits(Enum):
    """The mode."""

    REAL_OR_16 = "16"
    PROTECTED_32 = "32"
    LONG_64 = "64"


def decode(
    code: Annotated[list[str], typer.Argument(metavar="HEX… | -", help="Bytes in hexadecimal, or - for lines.")],
    bits: Annotated[Bits, typer.Option(help="The mode; an input object's `mode` goes before it.")] = Bits.LONG_64,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> int:
    if "-" in code and code != ["-"]:
        raise Refused("- stands alone: the instructions are lines of standard input")
    mode = int(bits.value)
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # what is no text is no hexadecimal either
    inputs = lines_of(sys.stdin, mode) if code == ["-"] else ((hexadecimal(text, text), mode) for text in code)
    all_decoded = True
    for instruction_bytes, instruction_mode in inputs:
        found, text = answer(instruction_bytes, instruction_mode)
        all_decoded = all_decoded and "error" not in found
        line = json_text.dumps(found, separators=(",", ":")) if json or code == ["-"] else text
        sys.stdout.write(line + "\n")
    return 0 if all_decoded else 1


decode.__doc__ = HELP


def answer(code: bytes, bits: int) -> tuple[dict[str, Any], str]:
    """The JSON object of some bytes, and the same as a sentence."""
    try:
        instruction = decoded(code, bits)
    except Undecodable as undecodable:
        found = refusal(code, bits, undecodable)
        return found, f"{code.hex():<22}{found['error']}: {found['says']}"
    return document(code, bits, instruction), f"{code[: instruction.length].hex():<22}{sentence(instruction)}"


def hexadecimal(text: str, where: str) -> bytes:
    """Bytes of an input."""
    try:
        code = bytes.fromhex(text)
    except ValueError:
        raise Refused(f"{where}: not bytes in hexadecimal") from None
    if not code:
        raise Refused(f"{where}: no bytes")
    return code


def lines_of(lines: Iterable[str], bits: int) -> Iterator[tuple[bytes, int]]:
    """The inputs of standard input with their modes; empty lines say nothing."""
    for number, line in enumerate(lines, 1):
        where = f"line {number}"
        if line.startswith("{"):
            yield object_of(line, bits, where)
        elif line.strip():
            yield hexadecimal(line.strip(), where), bits


def object_of(line: str, bits: int, where: str) -> tuple[bytes, int]:
    """An input that is a JSON object."""
    try:
        given = json_text.loads(line)
    except ValueError as error:
        raise Refused(f"{where}: not JSON: {error}") from None
    if not isinstance(given.get("hex"), str):
        raise Refused(f"{where}: no hex")
    mode = given.get("mode", bits)
    if mode not in (16, 32, 64):
        raise Refused(f"{where}: mode {mode!r} is none of 16, 32, 64")
    return hexadecimal(given["hex"], where), mode
