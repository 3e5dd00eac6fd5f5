"""The memory encryption engine: AES-128-XTS, one key slot per ASID, the page's physical address as tweak.

AMD64 APM Vol. 2, "Memory Encryption" (7.10) and "Encrypted Memory" of SEV (15.34). The cipher has no freshness and
no authentication: the same plaintext at the same address under the same key is the same ciphertext.
"""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import XTS

PAGE_BYTES = 4096
KEY_BYTES = 32
"""AES-128-XTS takes two AES-128 keys."""
BLOCK_BYTES = 16
HOST_ASID = 0


class MissingKeyError(LookupError):
    """An access names an ASID whose key slot is empty."""


class EncryptionEngine:
    """Key slots and the cipher. ASID 0, the host, has no slot: its view is what DRAM holds."""

    def __init__(self) -> None:
        """All key slots start empty."""
        self._slots: dict[int, AES] = {}

    def install_key(self, asid: int, key: bytes) -> None:
        """Fill the slot of `asid` with a 32-byte key (ACTIVATE)."""
        if asid == HOST_ASID:
            raise ValueError("ASID 0 is the host and has no key slot")
        if len(key) != KEY_BYTES:
            raise ValueError(f"an AES-128-XTS key has {KEY_BYTES} bytes, not {len(key)}")
        self._slots[asid] = AES(key)

    def drop_key(self, asid: int) -> None:
        """Empty the slot of `asid`; an empty slot stays empty."""
        self._slots.pop(asid, None)

    def has_key(self, asid: int) -> bool:
        """Whether memory can be accessed as `asid`."""
        return asid == HOST_ASID or asid in self._slots

    def key_of(self, asid: int) -> bytes | None:
        """The key in the slot of `asid`, None if it is empty."""
        slot = self._slots.get(asid)
        return None if slot is None else bytes(slot.key)

    def encrypt_page(self, asid: int, spa: int, plaintext: bytes) -> bytes:
        """The ciphertext of the 4 KiB page at `spa`, or of its leading blocks."""
        if asid == HOST_ASID:
            return plaintext
        return self._cipher(asid, spa).encryptor().update(plaintext)

    def decrypt_page(self, asid: int, spa: int, ciphertext: bytes) -> bytes:
        """The plaintext of the 4 KiB page at `spa`, or of its leading blocks."""
        if asid == HOST_ASID:
            return ciphertext
        return self._cipher(asid, spa).decryptor().update(ciphertext)

    def _cipher(self, asid: int, spa: int) -> Cipher[XTS]:
        key = self._slots.get(asid)
        if key is None:
            raise MissingKeyError(f"no key is installed for ASID {asid}")
        return Cipher(key, XTS(spa.to_bytes(BLOCK_BYTES, "little")))
