"""The chip's own secret, and the keys that firmware derives from it for a TCB version (57230; ABI, "Key Derivation").

How AMD derives a VCEK is not public. Here it is HKDF over the secret with the TCB version: different versions have
independent keys, and older ones can be derived from what the newest firmware has.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from impl.attestation.tcb import TCB_BYTES
from spec.vocabulary import Product

P384_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
CHIP_ID_BYTES = 64
TURIN_ID_BYTES = 8
"""hwID of Turin; CHIP_ID has zeros behind it."""
_SCALAR_BYTES = 64
"""More than the order has, so that no scalar is likelier than another."""
_ROOT_BYTES = 32


@dataclass(frozen=True)
class Chip:
    """One chip of a product."""

    product: Product
    chip_id: bytes
    secret: bytes

    def vcek(self, tcb: int) -> EllipticCurvePrivateKey:
        """The versioned chip endorsement key."""
        scalar = int.from_bytes(self._derived(b"VCEK", tcb, _SCALAR_BYTES), "big") % (P384_ORDER - 1) + 1
        return derive_private_key(scalar, SECP384R1())

    def root_key(self, tcb: int) -> bytes:
        """What keys of guests are derived from where they ask for the VCEK as root."""
        return self._derived(b"root", tcb, _ROOT_BYTES)

    @property
    def hw_id(self) -> bytes:
        """The identifier as certificates have it."""
        return self.chip_id[:TURIN_ID_BYTES] if self.product == Product.TURIN else self.chip_id

    def _derived(self, purpose: bytes, tcb: int, length: int) -> bytes:
        info = purpose + tcb.to_bytes(TCB_BYTES, "little")
        return HKDF(SHA384(), length, salt=None, info=info).derive(self.secret)


@dataclass(frozen=True)
class Endorsement:
    """The keys with which a machine's firmware can sign."""

    chip: Chip
    vlek: EllipticCurvePrivateKey | None = None
    """The versioned loaded endorsement key, if SNP_VLEK_LOAD brought one; made for the TCB version that is reported."""
