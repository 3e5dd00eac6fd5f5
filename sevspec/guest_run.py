"""What `sevspec run` says: each exit with what it showed the hypervisor and what came back, and how the guest ended."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impl.guest.flat_image import ImageTooLarge
from impl.hypervisor.flat_run import Ended, FlatRun
from impl.hypervisor.generation import Generation
from impl.hypervisor.seen import Seen
from sevspec.refused import Refused
from sevspec.topic import Table

SCHEMA = "sevspec.run/1"
HEX_SUFFIX = ".hex"
COMMENT = "#"


@dataclass(frozen=True)
class GuestRun:
    """A guest that ran."""

    generation: Generation
    ended: Ended
    sent: bytes
    """What it sent over the serial port."""
    exits: list[Seen]

    @property
    def stray(self) -> int:
        """Bytes that the guest stored in the GHCB page beside what it marked valid, over all exits."""
        return sum(seen.stray for seen in self.exits)


def program_of(path: Path) -> bytes:
    """A flat binary, or hexadecimal text where the name ends in .hex; the ending may be left out."""
    if not path.is_file() and path.with_name(path.name + HEX_SUFFIX).is_file():
        path = path.with_name(path.name + HEX_SUFFIX)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from None
    if path.suffix != HEX_SUFFIX:
        return content
    lines = content.decode(errors="replace").splitlines()
    try:
        return bytes.fromhex(" ".join(line.split(COMMENT)[0] for line in lines))
    except ValueError:
        raise Refused(f"{path}: not bytes in hexadecimal") from None


def run_guest(program: bytes, generation: Generation, limit: int) -> GuestRun:
    """Launch the program and run it to its end."""
    try:
        run = FlatRun(generation, program)
    except ImageTooLarge as error:
        raise Refused(f"the program is too large: {error}") from None
    ended = run.run(limit=limit)
    return GuestRun(generation, ended, bytes(run.emulated.serial.sent), run.hypervisor.seen)


def values(named: Mapping[str, int], data: bytes) -> str:
    """Names with values; registers that are 0 are left out, and said to be."""
    shown = [f"{name}={value:#x}" for name, value in named.items() if value or name.isupper()]
    left_out = len(named) - len(shown)
    return " ".join(
        [*shown, *([f"({left_out} more are 0)"] if left_out else []), *([f"[{data.hex()}]"] if data else [])]
    )


def trace(run: GuestRun) -> Table:
    """One line an exit."""
    rows = [
        (
            str(number),
            seen.name,
            seen.event or values({"EXITINFO1": seen.info1, "EXITINFO2": seen.info2}, b""),
            values(seen.exposed, seen.data) or "nothing",
            values(seen.returned, seen.returned_data),
        )
        for number, seen in enumerate(run.exits, 1)
    ]
    return Table("exits", ("Nr", "Exit", "About", "The hypervisor saw", "and gave back"), rows)


def sentences(run: GuestRun) -> list[str]:
    """The end, and what was seen in all."""
    counts = Counter(f"{seen.name} {seen.event}".strip() for seen in run.exits)
    listed = ", ".join(f"{name} ×{times}" for name, times in counts.items())
    if run.generation is Generation.SEV:
        saw = "the hypervisor saw every register at every exit"
    else:
        saw = f"the hypervisor saw the fields that the guest marked valid, and {run.stray} bytes of the GHCB besides"
    fault = "" if run.ended.fault is None else f" (#{run.ended.fault.vector.name} at {run.ended.vcpu.rip:#x})"
    return [
        f"{run.generation.value}: {run.ended.why}{fault}, after {run.ended.instructions} instructions",
        f"{len(run.exits)} exits: {listed}",
        saw,
    ]


def document(run: GuestRun) -> dict[str, Any]:
    """Everything, for machines."""
    vcpu = run.ended.vcpu
    return {
        "schema": SCHEMA,
        "generation": run.generation.value,
        "end": run.ended.why,
        "fault": None if run.ended.fault is None else run.ended.fault.vector.name,
        "instructions": run.ended.instructions,
        "rip": hex(vcpu.rip),
        "regs": [hex(value) for value in vcpu.gpr],
        "serial": run.sent.decode("latin-1"),
        "exits": [exit_document(seen) for seen in run.exits],
    }


def exit_document(seen: Seen) -> dict[str, Any]:
    """One exit."""
    return {
        "exit": seen.name,
        "exitcode": hex(seen.exit_code),
        "exitinfo1": hex(seen.info1),
        "exitinfo2": hex(seen.info2),
        "event": seen.event,
        "exposed": {name: hex(value) for name, value in seen.exposed.items()},
        "exposed_data": seen.data.hex(),
        "stray_bytes": seen.stray,
        "returned": {name: hex(value) for name, value in seen.returned.items()},
        "returned_data": seen.returned_data.hex(),
    }
