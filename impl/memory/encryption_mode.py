"""Which cipher the memory controllers of a machine use: how the address enters the ciphertext, and how long keys are.

AMD's manuals name the cipher (AES, 128 or 256 bits) and say that the address matters; the forms here are those that
reverse engineering and firmware show of one generation after another (docs/open-questions.md, Q-63).
"""

from dataclasses import dataclass
from enum import Enum, unique


@unique
class TweakForm(Enum):
    """How the physical address of a 16-byte block P enters its ciphertext C, under the key K."""

    XE = "C = AES_K(P ⊕ T)"
    """T is linear in the address. The first EPYC."""
    XEX = "C = AES_K(P ⊕ T) ⊕ T"
    """T is linear in the address."""
    ADDRESS_BOUND = "C = AES_K(P ⊕ T) ⊕ T, T = AES_K2(number of the block)"
    """T is secret, and the tweaks of two addresses tell nothing of each other."""
    XTS = "AES-XTS (NIST SP 800-38E), a page as data unit, its address as tweak"

    @property
    def is_linear(self) -> bool:
        """Whether T(a) ⊕ T(b) depends on a ⊕ b alone."""
        return self in (TweakForm.XE, TweakForm.XEX)


@dataclass(frozen=True)
class EncryptionMode:
    """One cipher. A linear tweak has one constant for each address bit, for the machine and not for the key."""

    tweak: TweakForm = TweakForm.XTS
    key_bits: int = 128
    """128 or 256: the length of the AES key K."""
    secret_constants: bool = False
    """The constants of a linear tweak are drawn at each reset; otherwise they are public patterns of 32 bits."""

    @property
    def key_bytes(self) -> int:
        """The key of an ASID: K, and the key of the tweak where it has one."""
        keys = 1 if self.tweak.is_linear else 2
        return keys * self.key_bits // 8


XTS_128 = EncryptionMode()
"""The default."""
XTS_256 = EncryptionMode(key_bits=256)
"""What a guest asks for with policy bit 22 (MEM_AES_256_XTS)."""
XE_PUBLIC = EncryptionMode(TweakForm.XE)
XEX_PUBLIC = EncryptionMode(TweakForm.XEX)
XEX_SECRET = EncryptionMode(TweakForm.XEX, secret_constants=True)
ADDRESS_BOUND = EncryptionMode(TweakForm.ADDRESS_BOUND)
