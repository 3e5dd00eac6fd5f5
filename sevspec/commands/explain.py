"""`sevspec explain`: look a rule up, decode a raw RMP entry, read a kernel log."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from sevspec import kernel_log
from sevspec.entry_topic import explained_entry
from sevspec.kernel_log import Line
from sevspec.raw_entry import parsed
from sevspec.refused import Refused
from sevspec.terminal import console, print_json, print_topics
from sevspec.topic import SCHEMA, Topic, document
from sevspec.topics import DEFAULT_PLATFORM, overview
from sevspec.topics import explain as topics_named
from spec.features import PLATFORMS, Platform

HELP = """Explain an instruction, firmware command, result code, page state, invariant, knob, check, rule or attack.

Examples:

    sevspec explain rmpadjust

    sevspec explain 0x1A

    sevspec explain R5

    sevspec explain --rmp-entry 0x6010fffffffff001:0x1f

    dmesg | sevspec explain --log -
"""


def explain(
    name: Annotated[str, typer.Argument(help="A name, or a code such as 0x1A; without one, all names.")] = "",
    rmp_entry: Annotated[str, typer.Option(help="A raw entry, 0xQWORD1:0xQWORD2, low quadword first.")] = "",
    pfn: Annotated[str, typer.Option(help="Page frame number of --rmp-entry, in hexadecimal.")] = "",
    log: Annotated[str, typer.Option(help="A kernel log to read, or - for standard input.")] = "",
    observations: Annotated[bool, typer.Option("--observations", help="Recorded hardware, with verdicts.")] = False,
    platform: Annotated[str, typer.Option(help="milan, genoa or turin.")] = DEFAULT_PLATFORM,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    if sum(map(bool, (name, rmp_entry, log, observations))) > 1:
        raise Refused("explain one thing at a time: NAME, --rmp-entry, --log or --observations")
    chosen = platform_named(platform)
    if pfn and not rmp_entry:
        raise Refused("--pfn goes with --rmp-entry")
    if log:
        return show_log(log, chosen, json)
    if observations:
        return show_observations(json)
    if rmp_entry:
        return show([explained_entry(parsed(rmp_entry), chosen, page_number(pfn))], json)
    return show(topics_named(name, platform.lower()) if name else [overview()], json)


explain.__doc__ = HELP


def platform_named(name: str) -> Platform:
    """A named platform."""
    if name.lower() not in PLATFORMS:
        raise Refused(f"--platform: '{name}' is none of {', '.join(PLATFORMS)}")
    return PLATFORMS[name.lower()]


def page_number(text: str) -> int | None:
    """A page frame number in hexadecimal."""
    if not text:
        return None
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 40:
        raise Refused(f"--pfn: '{text}' is not a page frame number of 40 bits in hexadecimal")
    return number


def show(topics: list[Topic], json: bool) -> int:
    """Print topics."""
    if json:
        print_json(document(topics))
    else:
        print_topics(topics)
    return 0


def lines_of(source: str) -> list[str]:
    """The lines of a file, or of standard input."""
    if source == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace").splitlines()
    try:
        return Path(source).read_bytes().decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise Refused(f"--log: {source}: {error.strerror}") from error


def show_log(source: str, platform: Platform, json: bool) -> int:
    """Print the explained lines of a log; exit code 1 if there are none."""
    found = kernel_log.explained(lines_of(source), platform)
    if json:
        lines = [{"line": f.number, "text": f.text, "topics": [t.data() for t in f.topics]} for f in found]
        print_json({"schema": SCHEMA, "lines": lines})
    elif not found:
        console().print("no line with an RMP entry, an RMP fault or a refused RMP instruction")
    else:
        for line in found:
            print_line(line)
    return 0 if found else 1


def print_line(line: Line) -> None:
    """One line of a log and what it says."""
    console().print(f"line {line.number}: {line.text}", style="bold", markup=False)
    print_topics(line.topics)


def show_observations(json: bool) -> int:
    """Print what the model says of recorded hardware; exit code 1 if it contradicts any."""
    from sevspec.observations import table, verdicts  # reads a file that an installation may lack

    judged = verdicts()
    if json:
        print_json({"schema": SCHEMA, "observations": [v.data() for v in judged]})
    else:
        print_topics([table(judged)])
    return 1 if any(v.contradicts for v in judged) else 0
