"""`sevspec vc`: the #VC handler, one instruction a line, for comparison with other handlers."""

import json as json_text
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from sevspec.refused import Refused
from sevspec.vc_lines import answer

HELP = """Handle instructions as the #VC handler of an SEV-ES or SEV-SNP guest does, one a line of standard input.

A line is a JSON object: mode (16, 32, 64), code (bytes in hexadecimal), rip, regs (rax to r15), rflags, fs_base,
gs_base, reply and memory; numbers are hexadecimal strings, and what is left out is 0 (mode: 64). Every memory operand
is MMIO, but for both sides of MOVS and the memory of INS and OUTS; every device, port or other answer of the
hypervisor is the low bytes of `reply`, ordinary memory is the low bytes of `memory`. With exitcode the instruction
is handled for that exit, as if the hypervisor had said so; without, for the one that it raises.

The answer has result (ok; #UD, #GP, #SS; unfinished: a long repeat that goes on at the same RIP; or the name of a
refusal), rip, regs, rflags, accesses in order (kind, address, size, value), and says, in words.

Example: echo '{"code": "8b00", "regs": {"rax": "0x1000"}, "reply": "0x12345678"}' | sevspec vc --json -
"""


def vc(
    lines: Annotated[str, typer.Argument(metavar="-", help="Standard input.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line; the only form there is.")] = True,
) -> int:
    if lines != "-":
        raise Refused("- is the only input: the instructions are lines of standard input")
    assert json, "there is no other form"
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    encode = json_text.JSONEncoder(separators=(",", ":"), check_circular=False).encode
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            sys.stdout.write(encode(answer(line, f"line {number}")) + "\n")
    return 0


vc.__doc__ = HELP
