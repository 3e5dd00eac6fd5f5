"""One part of the main job: what it found, and how long it took."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from time import perf_counter


@unique
class Finding(Enum):
    """What became of a part."""

    HOLDS = "holds"
    FAILS = "FAILS"
    NOT_HERE = "not here"
    """It cannot be done in this installation; named, so that nobody takes it for done."""
    NOT_BUILT = "not yet built"


@dataclass(frozen=True)
class Part:
    """One part, done or named."""

    name: str
    finding: Finding
    detail: str
    seconds: float = 0.0


def timed(name: str, judge: Callable[[], tuple[Finding, str]]) -> Part:
    """Do one part and count its time."""
    begun = perf_counter()
    finding, detail = judge()
    return Part(name, finding, detail, perf_counter() - begun)
