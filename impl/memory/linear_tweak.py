"""The tweak of the first generations: linear in the address bits, with one constant of 16 bytes for each.

Who knows T(a) ⊕ T(b) can move a block from a to b and foretell the plaintext (docs/open-questions.md, Q-63).
"""

from collections.abc import Callable
from hashlib import sha256

from impl.memory.tweak import BLOCK_BYTES, WINDOW_BYTES, WORD_BYTES, Words, words

FIRST_BIT, LAST_BIT = 4, 51
"""The address bits that have a constant; the lower ones lie within a block."""


def public_constants() -> list[bytes]:
    """For each address bit a pattern of 32 bits, four times: the form that the first EPYC's have, not their values."""
    return [sha256(b"t%d" % bit).digest()[:4] * 4 for bit in range(FIRST_BIT, LAST_BIT + 1)]


def secret_constants(random_bytes: Callable[[int], bytes]) -> list[bytes]:
    """16 random bytes for each address bit."""
    return [random_bytes(BLOCK_BYTES) for _ in range(FIRST_BIT, LAST_BIT + 1)]


class LinearTweak:
    """T(spa): the exclusive or of the constants of those address bits that are set."""

    def __init__(self, constants: list[bytes]) -> None:
        """`constants` stand in the order of the address bits 4 to 51."""
        values = [int.from_bytes(constant, "little") for constant in constants]
        # Twelve address bits at a time; the lowest twelve number the blocks of a window.
        of_block, self._of_16, self._of_28, self._of_40 = (
            _sums(values[first : first + 12]) for first in (0, 12, 24, 36)
        )
        self._of_block = words(b"".join(value.to_bytes(BLOCK_BYTES, "little") for value in of_block))

    def of(self, spa: int) -> bytes:
        """T of the block at `spa`."""
        return self.mask(spa, BLOCK_BYTES).tobytes()

    def mask(self, spa: int, length: int) -> Words:
        """T of each block of `length` bytes from `spa` on, which lie in one window."""
        of_window = self._of_16[spa >> 16 & 0xFFF] ^ self._of_28[spa >> 28 & 0xFFF] ^ self._of_40[spa >> 40]
        in_each_block = words(of_window.to_bytes(BLOCK_BYTES, "little") * (length // BLOCK_BYTES))
        first = spa % WINDOW_BYTES // WORD_BYTES
        return self._of_block[first : first + length // WORD_BYTES] ^ in_each_block


def _sums(values: list[int]) -> list[int]:
    """For each set of the values, numbered by its bits, their exclusive or."""
    sums = [0]
    for value in values:
        sums += [value ^ smaller for smaller in sums]
    return sums
