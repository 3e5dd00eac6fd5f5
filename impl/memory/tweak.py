"""Tweaks: the 16 bytes that each block's physical address adds to its encryption.

The tweaks of a run of blocks are its mask. The masks of the 1024 pages used last are kept, which is 4 MiB at most for
each tweak; those of longer runs are made anew, which is quicker than to fetch so many.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""Little-endian words of 64 bits, two to a block."""

BLOCK_BYTES = 16
WORD_BYTES = 8
PAGE_BYTES = 4096
WINDOW_BYTES = 1 << 16
"""Spans are worked on in aligned windows of 64 KiB: mask and data of one fit a processor's cache together."""
PAGES_KEPT = 1024

_WORD = np.dtype("<u8")


class Tweak(Protocol):
    """One function from addresses to tweaks."""

    def mask(self, spa: int, length: int) -> Words:
        """The tweaks of the blocks of `length` bytes from `spa` on, which lie in one window."""


class PageMasks:
    """A tweak that remembers the masks of pages."""

    def __init__(self, tweak: Tweak) -> None:
        """Nothing is remembered at first."""
        self._tweak = tweak
        self._of_page = lru_cache(maxsize=PAGES_KEPT)(lambda spa: tweak.mask(spa, PAGE_BYTES))

    def mask(self, spa: int, length: int) -> Words:
        """The tweaks of the blocks from the beginning of a page on, in one window."""
        if length > PAGE_BYTES:
            return self._tweak.mask(spa, length)
        mask = self._of_page(spa)
        return mask if length == PAGE_BYTES else mask[: length // WORD_BYTES]


def words(raw: bytes | bytearray | memoryview) -> Words:
    """Bytes as words, not copied."""
    return np.frombuffer(raw, _WORD)


def windows(spa: int, length: int) -> Iterator[tuple[int, int]]:
    """The parts of a span that lie in one window each: offsets of the first byte and of the one after the last."""
    start = 0
    while start < length:
        end = min(length, start + WINDOW_BYTES - (spa + start) % WINDOW_BYTES)
        yield start, end
        start = end
