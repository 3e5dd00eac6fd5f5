"""A tweak bound to the address by a key: from the tweaks of some addresses nothing follows for another."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from impl.memory.tweak import BLOCK_BYTES, WINDOW_BYTES, Words, words

_ZEROS = bytes(WINDOW_BYTES)


class SecretTweak:
    """T(spa) = AES_K2(spa / 16): the key stream of AES in counter mode, with the number of the block as counter."""

    def __init__(self, key: bytes) -> None:
        """`key` is K2."""
        self._stream = Cipher(AES(key), CTR(bytes(BLOCK_BYTES))).encryptor()

    def mask(self, spa: int, length: int) -> Words:
        """T of each block of `length` bytes from `spa` on."""
        self._stream.reset_nonce((spa // BLOCK_BYTES).to_bytes(BLOCK_BYTES, "big"))
        return words(self._stream.update(_ZEROS[:length]))
