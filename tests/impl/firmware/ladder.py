"""The order of a command's checks, shown: any check broken together with any later one still decides.

A rung breaks one check by changing things that are named "buffer.<field>", "poke.<hex offset>", "firmware.<attribute>",
"guest.<attribute>" or "entry.<hex SPA>.<field>". Two rungs that change the same thing are not combined.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from impl.firmware.guest_context import GuestContext
from impl.firmware.layout import Layout
from impl.firmware.processor import Answer
from impl.rmp.layout import RmpEntry
from spec.vocabulary import Status
from tests.impl.firmware.host import Host


@dataclass(frozen=True)
class Rung:
    check: str
    status: Status
    changes: dict[str, Any]


def climb(host: Host, command: int, buffer: Layout, rungs: list[Rung], guest: GuestContext | None = None) -> None:
    """Try every check alone and with every later one. Refused commands change nothing; then the sound one succeeds."""
    for index, rung in enumerate(rungs):
        for later in [rung, *rungs[index + 1 :]]:
            if later is not rung and rung.changes.keys() & later.changes.keys():
                continue
            with changed(host, guest, rung.changes | later.changes):
                before = rmp_bytes(host)
                answer = run(host, command, buffer, rung.changes | later.changes)
                assert answer == Answer(rung.status, rung.check), f"{rung.check} with {later.check}"
                assert rmp_bytes(host) == before, rung.check
    host.ok(command, buffer)


def run(host: Host, command: int, buffer: Layout, changes: dict[str, Any]) -> Answer:
    fields = {name.removeprefix("buffer."): value for name, value in changes.items() if name.startswith("buffer.")}
    poke = {int(name[5:], 16): value for name, value in changes.items() if name.startswith("poke.")}
    return host.run(command, replace(buffer, **fields), poke)


def rmp_bytes(host: Host) -> bytes:
    """The entries of the pages that tests use."""
    table = host.machine.rmp
    return b"".join(
        table.load(spa >> 12).pack()
        for start in (0x3000_0000, 0x4000_0000)
        for spa in range(start, start + 0x8000, 0x1000)
    )


@contextmanager
def changed(host: Host, guest: GuestContext | None, changes: dict[str, Any]) -> Iterator[None]:
    saved: list[tuple[Any, str, Any]] = []
    entries: dict[int, RmpEntry] = {}
    for name, value in changes.items():
        kind, _, rest = name.partition(".")
        if kind in ("firmware", "guest"):
            owner = host.firmware if kind == "firmware" else guest
            saved.append((owner, rest, getattr(owner, rest)))
            setattr(owner, rest, value)
        if kind == "entry":
            spa, field = rest.split(".")
            entries.setdefault(int(spa, 16), host.entry(int(spa, 16)))
            host.change_entry(int(spa, 16), **{field: value})
    try:
        yield
    finally:
        for owner, attribute, value in saved:
            setattr(owner, attribute, value)
        for address, entry in entries.items():
            host.machine.rmp.store(address >> 12, entry)
