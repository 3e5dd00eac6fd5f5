"""The recorded facts, and how a judge speaks of one."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sevspec.refused import Refused
from spec.features import GENOA, MILAN, TURIN, Platform

FILE = Path(__file__).parents[2] / "tests" / "data" / "hardware" / "observations.json"
FAMILIES = {"Milan": MILAN, "Genoa": GENOA, "Siena": GENOA, "Turin": TURIN, "Turin Dense": TURIN}


class Contradiction(Exception):
    """The model cannot give what was observed."""


@dataclass(frozen=True)
class Observation:
    """One fact; the fields are described in tests/data/hardware/README.md."""

    id: str
    kind: str
    cpu: str
    source: str
    date: str
    context: str
    raw: dict[str, Any]
    result: str | None
    decoded: dict[str, Any]
    open: bool

    @property
    def platform(self) -> Platform:
        """The named platform of its family; Milan where the family is not known."""
        return FAMILIES.get(self.cpu, MILAN)

    def number(self, name: str) -> int:
        """One of its raw values."""
        return int(self.raw[name], 16)


@cache
def recorded() -> tuple[Observation, ...]:
    """All of them, in the order of their numbers."""
    try:
        text = FILE.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused("observations are read from tests/data/hardware of the source tree, which is not here") from error
    lines = json.loads(text)["observations"]
    return tuple(Observation(**{"decoded": {}, "open": False} | line) for line in lines)


def expect(what: str, found: Any, wanted: Any) -> None:
    """The model gives what was observed, or `Contradiction`."""
    if found != wanted:
        shown = [f"{value:#x}" if type(value) is int else str(value) for value in (found, wanted)]
        raise Contradiction(f"{what}: the model says {shown[0]}, the machine {shown[1]}")
