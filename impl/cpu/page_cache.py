"""Pages as Unicorn sees them: plaintext, in memory that both sides share, and only while the guest runs.

A line is one physical page under one key; the C-bit is part of the tag (APM Vol. 2, 15.34.5), so a page that is
accessed through two keys has two lines. At each stop what the guest changed goes to DRAM, through its key, and before
the guest goes on, what DRAM then holds comes back. Who looks in between, sees what hardware has in memory.
"""

import ctypes
import mmap
from dataclasses import dataclass

from impl.memory.engine import PAGE_BYTES
from impl.memory.physical import PhysicalMemory
from spec.vocabulary import PAGE_SHIFT

LINES = 4096
"""Pages that one processor holds at most."""


@dataclass
class Line:
    """One page."""

    spa: int
    asid: int
    """Whose key; 0 is none."""
    position: int
    """Of its plaintext in the arena. Bytes."""
    dram: bytes = b""
    """What DRAM held when the line was last the same."""
    plaintext: bytes = b""
    """What the line held then."""


class CacheFull(Exception):
    """There is no line left: all are written back, and the access is made again."""


class PageCache:
    """Lines over one machine's memory."""

    def __init__(self, memory: PhysicalMemory, lines: int = LINES) -> None:
        """No page is held."""
        self._memory = memory
        self.arena = mmap.mmap(-1, lines * PAGE_BYTES)
        """Plaintext of all lines, page-aligned."""
        self.size = lines * PAGE_BYTES
        self._lines: dict[tuple[int, int], Line] = {}

    def address(self) -> int:
        """Where the arena lies in this process."""
        return ctypes.addressof(ctypes.c_char.from_buffer(self.arena))

    def line(self, spa: int, asid: int) -> Line:
        """The line of a page, filled if it is new."""
        tag = spa >> PAGE_SHIFT << PAGE_SHIFT, asid
        found = self._lines.get(tag)
        if found is None:
            position = len(self._lines) * PAGE_BYTES
            if position == self.size:
                raise CacheFull
            found = Line(*tag, position)
            self._lines[tag] = found
            self._fill(found, self._memory.read_raw(found.spa, PAGE_BYTES))
        return found

    def write_back(self) -> None:
        """Lines that the guest changed go to DRAM."""
        for line in self._lines.values():
            held = self.arena[line.position : line.position + PAGE_BYTES]
            if held != line.plaintext:
                self._memory.write(line.spa, held, line.asid)
                line.plaintext, line.dram = held, self._memory.read_raw(line.spa, PAGE_BYTES)

    def refresh(self) -> set[int]:
        """Pages that somebody else changed are read again; the positions of their lines."""
        changed = set()
        for line in self._lines.values():
            dram = self._memory.read_raw(line.spa, PAGE_BYTES)
            if dram != line.dram:
                self._fill(line, dram)
                changed.add(line.position)
        return changed

    def drop(self) -> None:
        """Forget all lines; they must have been written back."""
        self._lines.clear()

    def _fill(self, line: Line, dram: bytes) -> None:
        line.dram = dram
        line.plaintext = self._memory.read(line.spa, PAGE_BYTES, line.asid)
        self.arena[line.position : line.position + PAGE_BYTES] = line.plaintext
