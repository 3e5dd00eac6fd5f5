"""How fast memory is encrypted, beside AES-XTS of the same library called on the same pages directly.

Ratios of processor time: work of others on the machine does not count, and both are measured in turn.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import XTS

from impl.memory.encryption_mode import ADDRESS_BOUND, XE_PUBLIC, XEX_SECRET, XTS_128, XTS_256, EncryptionMode
from impl.memory.engine import EncryptionEngine
from impl.memory.tweak import PAGE_BYTES, PAGES_KEPT, windows

MODES = (XTS_128, XTS_256, XE_PUBLIC, XEX_SECRET, ADDRESS_BOUND)
ASID, SPA = 1, 0x1234_5000
SPAN_PAGES = 64
ROUNDS, REPEATS = 4096, 7
MIB = 1 << 20


@dataclass(frozen=True)
class Ratio:
    """The rate of one mode over that of the direct call: 2 is twice as fast."""

    mode: EncryptionMode
    page: float
    """One page, encrypted again and again."""
    new_page: float
    """One page, each time another: no mask is remembered."""
    span: float
    """64 pages, window by window as memory is written; against as many direct calls."""


@dataclass(frozen=True)
class Encrypting:
    """What was measured."""

    direct: float
    """MiB/s of the direct call with a key of 2 × 128 bits, on one page."""
    ratios: list[Ratio]


def encrypting() -> Encrypting:
    """Every mode, and the direct call with a key as long."""
    page = os.urandom(PAGE_BYTES)
    of_one = seconds_of(Direct(XTS_128).page, page, one_address)
    return Encrypting(ROUNDS * PAGE_BYTES / MIB / of_one, [ratio_of(mode) for mode in MODES])


class Direct:
    """The library as one would call it without the engine."""

    def __init__(self, mode: EncryptionMode) -> None:
        self.key = os.urandom(2 * mode.key_bits // 8)

    def page(self, spa: int, plaintext: bytes) -> bytes:
        """One page."""
        return Cipher(AES(self.key), XTS(spa.to_bytes(16, "little"))).encryptor().update(plaintext)

    def pages(self, spa: int, plaintext: bytes) -> list[bytes]:
        """One page after the other."""
        starts = range(0, len(plaintext), PAGE_BYTES)
        return [self.page(spa + start, plaintext[start : start + PAGE_BYTES]) for start in starts]


def ratio_of(mode: EncryptionMode) -> Ratio:
    """One mode."""
    engine, direct = EncryptionEngine(mode), Direct(mode)
    engine.install_key(ASID, os.urandom(mode.key_bytes))

    def encrypt(spa: int, plaintext: bytes) -> bytes:
        return engine.encrypt(ASID, spa, plaintext)

    def encrypt_all(spa: int, plaintext: bytes) -> list[bytes]:
        """As memory is written: window by window."""
        parts = windows(spa, len(plaintext))
        return [engine.encrypt(ASID, spa + start, plaintext[start:end]) for start, end in parts]

    page, span = os.urandom(PAGE_BYTES), os.urandom(SPAN_PAGES * PAGE_BYTES)
    return Ratio(
        mode,
        seconds_of(direct.page, page, one_address) / seconds_of(encrypt, page, one_address),
        seconds_of(direct.page, page, new_address) / seconds_of(encrypt, page, new_address),
        seconds_of(direct.pages, span, one_address) / seconds_of(encrypt_all, span, one_address),
    )


def one_address(_: int) -> int:
    """The same page again."""
    return SPA


def new_address(number: int) -> int:
    """A page that comes again only when its mask is forgotten."""
    return SPA + number % (2 * PAGES_KEPT) * PAGE_BYTES


def seconds_of(encrypt: Callable[[int, bytes], object], plaintext: bytes, address: Callable[[int], int]) -> float:
    """Processor time for as many bytes as all rounds of one page have; the fastest of several repeats."""
    addresses = [address(number) for number in range(max(1, ROUNDS * PAGE_BYTES // len(plaintext)))]
    return min(duration(encrypt, plaintext, addresses) for _ in range(REPEATS))


def duration(encrypt: Callable[[int, bytes], object], plaintext: bytes, addresses: list[int]) -> float:
    """Processor time for one repeat."""
    begun = process_time()
    for spa in addresses:
        encrypt(spa, plaintext)
    return process_time() - begun
