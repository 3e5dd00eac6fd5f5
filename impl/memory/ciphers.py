"""Ciphers of memory: AES-XTS by page, and AES between masks that depend on the address (XE, XEX).

Masks are combined with numpy, in a fraction of a microsecond for a page; Python's integers take longer for that than
AES-XTS for everything.
"""

from typing import Protocol

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB, XTS

from impl.memory.tweak import BLOCK_BYTES, PAGE_BYTES, PageMasks, words


class MemoryCipher(Protocol):
    """A cipher under one key. A span begins at a page, ends in the same window of 64 KiB, and has whole blocks."""

    def encrypt(self, spa: int, plaintext: bytes) -> bytes:
        """What DRAM holds at `spa`."""

    def decrypt(self, spa: int, ciphertext: bytes) -> bytes:
        """What was written at `spa`."""


class XtsCipher:
    """AES-XTS (NIST SP 800-38E). Each page is a data unit, and its physical address the tweak."""

    def __init__(self, key: bytes) -> None:
        """`key` is both AES keys, one after the other."""
        self._key = AES(key)

    def encrypt(self, spa: int, plaintext: bytes) -> bytes:
        """What DRAM holds at `spa`."""
        if len(plaintext) <= PAGE_BYTES:
            return self._page(spa).encryptor().update(plaintext)
        starts = range(0, len(plaintext), PAGE_BYTES)
        return b"".join([self.encrypt(spa + start, plaintext[start : start + PAGE_BYTES]) for start in starts])

    def decrypt(self, spa: int, ciphertext: bytes) -> bytes:
        """What was written at `spa`."""
        if len(ciphertext) <= PAGE_BYTES:
            return self._page(spa).decryptor().update(ciphertext)
        starts = range(0, len(ciphertext), PAGE_BYTES)
        return b"".join([self.decrypt(spa + start, ciphertext[start : start + PAGE_BYTES]) for start in starts])

    def _page(self, spa: int) -> Cipher[XTS]:
        # The library gives no context a second tweak, so each page has its own.
        return Cipher(self._key, XTS(spa.to_bytes(BLOCK_BYTES, "little")))


class Room:
    """Where spans of one length are worked on."""

    def __init__(self, length: int) -> None:
        """The library wants room for one block less a byte behind what it writes."""
        self.masked, self.out = bytearray(length), bytearray(length + BLOCK_BYTES - 1)
        self.masked_words, self.out_words = words(self.masked), words(memoryview(self.out)[:length])


class MaskedCipher:
    """AES of each block, its mask added before (XE), or before and after (XEX)."""

    def __init__(self, key: bytes, masks: PageMasks, *, also_after: bool) -> None:
        """`key` is the AES key of the blocks."""
        cipher = Cipher(AES(key), ECB())  # noqa: S305 - the masks make the mode
        self._encryptor, self._decryptor = cipher.encryptor(), cipher.decryptor()
        self._masks = masks
        self._also_after = also_after
        self._page_room = Room(PAGE_BYTES)

    def encrypt(self, spa: int, plaintext: bytes) -> bytes:
        """What DRAM holds at `spa`."""
        return self._through(self._encryptor, spa, plaintext, before=True, after=self._also_after)

    def decrypt(self, spa: int, ciphertext: bytes) -> bytes:
        """What was written at `spa`."""
        return self._through(self._decryptor, spa, ciphertext, before=self._also_after, after=True)

    def _through(self, context: CipherContext, spa: int, data: bytes, *, before: bool, after: bool) -> bytes:
        mask = self._masks.mask(spa, len(data))
        room = self._page_room if len(data) == PAGE_BYTES else Room(len(data))
        source: bytes | bytearray = data
        if before:
            np.bitwise_xor(words(data), mask, out=room.masked_words)
            source = room.masked
        if not after:
            return context.update(source)
        context.update_into(source, room.out)
        np.bitwise_xor(room.out_words, mask, out=room.out_words)
        return room.out_words.tobytes()
