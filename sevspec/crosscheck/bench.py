"""A specified state and a machine in the same state, side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from impl.firmware.processor import SecurityProcessor
from impl.machine import Cpu, Machine
from sevspec.crosscheck.translation import is_walkable, tables
from spec.firmware.sealing import Sealed
from spec.rmp.authority import head_of
from spec.rmp.translation import Translation
from spec.system.state import System

DRAWN_TOGETHER = {"launch_start": (0, 1, 1, 1, 1, 2, 3)}
"""Commands that draw several keys: which of the specification's identities each of the machine's keys is part of."""


class KeyLedger:
    """The machine's random source, which remembers the identity that the specification gives to each key."""

    def __init__(self, next_key: int = 1) -> None:
        self.next_key = next_key
        self.identities: dict[bytes, int] = {}
        self.sealed: dict[bytes, Sealed] = {}
        """Ciphertexts of swapped pages, by their digest."""
        self.tags: dict[bytes, int] = {}
        """Authentication tags, and the identity of the key that made them."""
        self._order: tuple[int, ...] = ()
        self._drawn = 0

    def make(self, identity: int, length: int = 32) -> bytes:
        """The key with an identity; no key at all for 0."""
        if identity == 0:
            return bytes(length)
        key = sha256(f"key {identity} {len(self.identities)}".encode()).digest() * 2
        self.identities[key[:length]] = identity
        return key[:length]

    def identity(self, key: bytes) -> int:
        """The identity of a key; 0 for no key."""
        return self.identities.get(key, 0)

    @contextmanager
    def drawing(self, transition: str, keys: int) -> Iterator[None]:
        """What is drawn inside are the next `keys` identities."""
        self._order = DRAWN_TOGETHER.get(transition, tuple(range(keys)))
        self._drawn = 0
        yield
        if self._drawn:
            self.next_key += keys
        self._order = ()

    def __call__(self, length: int) -> bytes:
        """Random bytes for the machine. What is not a key has no identity."""
        if self._drawn < len(self._order):
            self._drawn += 1
            return self.make(self.next_key + self._order[self._drawn - 1], length)
        return bytes(length)


@dataclass
class Bench:
    """Both, and what is needed to compare them."""

    system: System
    machine: Machine
    processor: SecurityProcessor
    keys: KeyLedger
    origin: int
    """SPA of the entry of page 0: entries of one bench lie in one row."""
    table_bytes: int
    counters: int
    """SPA of the per-ASID counters."""
    scratch: int
    """SPA of pages that no step names and the RMP does not cover: operands, command buffers, nested page tables."""
    spare: int
    """SPA of covered pages that no step names: guests' page tables."""
    c_bits: bool = False
    """Host instructions give their addresses with the C-bit."""
    seen: dict[int, tuple[bytes, dict[int, object]]] = field(default_factory=dict)
    """What `abstraction` decoded, by memory page."""

    @contextmanager
    def contention(self, page: int, contended: bool, overlap: bool) -> Iterator[None]:
        """For the time of a step another processor holds the entry, or is changing the region."""
        self.machine.locked = {page} if contended else set()
        self.machine.overlap_contended = {head_of(page)} if overlap else set()
        yield
        self.machine.locked, self.machine.overlap_contended = set(), set()

    def walkable(self, cpu: Cpu, translation: Translation) -> bool:
        """Whether page tables can translate like this."""
        return is_walkable(self.machine, cpu, translation, self.spare)

    @contextmanager
    def tables(self, cpu: Cpu, translation: Translation) -> Iterator[Cpu]:
        """A processor for which they do."""
        with tables(self.machine, cpu, translation, self.scratch + (1 << 20), self.spare) as ready:
            yield ready
