"""The memory encryption engine: a key slot for each ASID and one for the host, and the cipher of the machine's mode.

AMD64 APM Vol. 2, "Memory Encryption" (7.10) and "Encrypted Memory" of SEV (15.34). The cipher has no freshness and
no authentication: the same plaintext at the same address under the same key is the same ciphertext, block by block of
16 bytes.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from impl.memory.ciphers import MaskedCipher, MemoryCipher, XtsCipher
from impl.memory.encryption_mode import XTS_128, EncryptionMode, TweakForm
from impl.memory.linear_tweak import LinearTweak, public_constants, secret_constants
from impl.memory.secret_tweak import SecretTweak
from impl.memory.tweak import BLOCK_BYTES, PAGE_BYTES, WINDOW_BYTES, PageMasks

__all__ = ["BLOCK_BYTES", "HOST_ASID", "HOST_ENCRYPTED", "PAGE_BYTES", "EncryptionEngine", "MissingKeyError"]

HOST_ASID = 0
"""The host through a mapping without C-bit: what DRAM holds. It has no key slot."""
HOST_ENCRYPTED = -1
"""The host through a mapping with C-bit (SME), in the place of an ASID."""


class MissingKeyError(LookupError):
    """An access names an ASID whose key slot is empty."""


@dataclass(frozen=True)
class KeySlot:
    """A key and the cipher under it."""

    key: bytes
    cipher: MemoryCipher


class EncryptionEngine:
    """Key slots and the cipher."""

    def __init__(self, mode: EncryptionMode = XTS_128, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        """An engine after reset: no guest has a key; the host's key, and constants that are secret, are new."""
        self.mode = mode
        self._cipher_under = cipher_maker(mode, random_bytes)
        self._slots = {HOST_ENCRYPTED: self._slot(random_bytes(mode.key_bytes))}

    def install_key(self, asid: int, key: bytes) -> None:
        """Fill the slot of `asid` (ACTIVATE). The length of keys is a matter of the mode."""
        if asid <= HOST_ASID:
            raise ValueError(f"ASID {asid} is the host, whose key is made at reset")
        if len(key) != self.mode.key_bytes:
            raise ValueError(f"a key of this machine has {self.mode.key_bytes} bytes, not {len(key)}")
        self._slots[asid] = self._slot(key)

    def drop_key(self, asid: int) -> None:
        """Empty the slot of `asid`; an empty slot stays empty."""
        self._slots.pop(asid, None)

    def has_key(self, asid: int) -> bool:
        """Whether memory can be accessed as `asid`."""
        return asid == HOST_ASID or asid in self._slots

    def key_of(self, asid: int) -> bytes | None:
        """The key in the slot of `asid`, None if it is empty."""
        slot = self._slots.get(asid)
        return None if slot is None else slot.key

    def encrypt(self, asid: int, spa: int, plaintext: bytes) -> bytes:
        """What DRAM holds. A span begins at a page, consists of blocks, and ends in the same window of 64 KiB."""
        if asid == HOST_ASID:
            return plaintext
        return self._cipher(asid, spa, len(plaintext)).encrypt(spa, plaintext)

    def decrypt(self, asid: int, spa: int, ciphertext: bytes) -> bytes:
        """What DRAM means to `asid`."""
        if asid == HOST_ASID:
            return ciphertext
        return self._cipher(asid, spa, len(ciphertext)).decrypt(spa, ciphertext)

    def _slot(self, key: bytes) -> KeySlot:
        return KeySlot(key, self._cipher_under(key))

    def _cipher(self, asid: int, spa: int, length: int) -> MemoryCipher:
        if spa % PAGE_BYTES or length % BLOCK_BYTES or spa % WINDOW_BYTES + length > WINDOW_BYTES:
            raise ValueError(
                f"{length} bytes at {spa:#x} are not whole blocks from the beginning of a page, in one window"
            )
        slot = self._slots.get(asid)
        if slot is None:
            raise MissingKeyError(f"no key is installed for ASID {asid}")
        return slot.cipher


def cipher_maker(mode: EncryptionMode, random_bytes: Callable[[int], bytes]) -> Callable[[bytes], MemoryCipher]:
    """What makes a key of the mode a cipher. The constants of a linear tweak are those of the machine."""
    form, half = mode.tweak, mode.key_bits // 8
    if form is TweakForm.XTS:
        return XtsCipher
    if form is TweakForm.ADDRESS_BOUND:
        return lambda key: MaskedCipher(key[:half], PageMasks(SecretTweak(key[half:])), also_after=True)
    constants = secret_constants(random_bytes) if mode.secret_constants else public_constants()
    masks = PageMasks(LinearTweak(constants))
    return lambda key: MaskedCipher(key, masks, also_after=form is TweakForm.XEX)
