"""`sevspec run`: guest machine code on the concrete machine, and what each exit shows the hypervisor."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from impl.hypervisor.generation import Generation
from sevspec.refused import Refused
from sevspec.terminal import console, grid, print_json

HELP = """Run a flat guest program under SEV, SEV-ES or SNP, with a hypervisor that emulates a few devices.

FILE is a binary, or hexadecimal text if its name ends in .hex. It is launched by the firmware's commands, starts at
100000h in 64-bit mode at CPL 0, and ends with HLT. examples/guests/README.md has the memory map and the devices.

What the program sends over the serial port is printed, then how it ended and what left the guest. With --trace each
exit is a line: what the hypervisor saw, and what it gave back.

Exit code 1 if the program ended otherwise than with HLT, or let slip anything beside what it marked valid.

Example: sevspec run examples/guests/hello --generation SEV-ES --trace
"""
LIMIT = 10_000_000


def run(
    file: Annotated[Path, typer.Argument(help="The program; the ending .hex may be left out.")],
    generation: Annotated[Generation, typer.Option(help="What the guest runs under.")] = Generation.SNP,
    trace: Annotated[bool, typer.Option("--trace", help="Print every exit.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Instructions after which the guest is stopped.")] = LIMIT,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document, exits included.")] = False,
) -> int:
    if find_spec("unicorn") is None:
        raise Refused("guest code needs Unicorn: install sevspec with the extra cpu, or use `make setup`")
    from sevspec import guest_run

    ran = guest_run.run_guest(guest_run.program_of(file), generation, limit)
    if json:
        print_json(guest_run.document(ran))
    else:
        sys.stdout.write(ran.sent.decode("latin-1"))
        if ran.sent and not ran.sent.endswith(b"\n"):
            sys.stdout.write("\n")
        if trace:
            console().print(grid(guest_run.trace(ran)))
        sys.stdout.write("".join(sentence + "\n" for sentence in guest_run.sentences(ran)))
    return 0 if ran.ended.why == "HLT" and not ran.stray else 1


run.__doc__ = HELP
