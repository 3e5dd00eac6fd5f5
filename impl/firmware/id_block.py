"""The ID block and the ID authentication page, and their ECDSA P-384 signatures (firmware ABI 56860, LAUNCH_FINISH)."""

from dataclasses import dataclass
from hashlib import sha384
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from impl.firmware.layout import Layout, parse, raw, u32, u64

P384 = 2
"""The curve number of a key."""
ECDSA_P384_SHA384 = 1
"""The algorithm number of a signature."""
PUBLIC_KEY_BYTES = 0x404
SIGNATURE_BYTES = 0x200


@dataclass(frozen=True, kw_only=True)
class IdBlock(Layout):
    """Who the guest is, as its owner says."""

    LENGTH: ClassVar[int] = 0x60
    launch_digest: bytes = raw(0x00, 48)
    family_id: bytes = raw(0x30, 16)
    image_id: bytes = raw(0x40, 16)
    version: int = u32(0x50)
    """1. Firmware 1.55 does not look at it."""
    guest_svn: int = u32(0x54)
    policy: int = u64(0x58)


@dataclass(frozen=True, kw_only=True)
class IdAuth(Layout):
    """The ID authentication page: two public keys and two signatures."""

    LENGTH: ClassVar[int] = 0x1000
    id_key_algo: int = u32(0x00)
    auth_key_algo: int = u32(0x04)
    id_block_sig: bytes = raw(0x40, SIGNATURE_BYTES)
    id_key: bytes = raw(0x240, PUBLIC_KEY_BYTES)
    id_key_sig: bytes = raw(0x680, SIGNATURE_BYTES)
    author_key: bytes = raw(0x880, PUBLIC_KEY_BYTES)


@dataclass(frozen=True, kw_only=True)
class PublicKey(Layout):
    """A point on the curve; coordinates are little-endian."""

    LENGTH: ClassVar[int] = PUBLIC_KEY_BYTES
    curve: int = u32(0x00)
    qx: bytes = raw(0x04, 72)
    qy: bytes = raw(0x4C, 72)


@dataclass(frozen=True, kw_only=True)
class Signature(Layout):
    """ECDSA R and S, little-endian."""

    LENGTH: ClassVar[int] = SIGNATURE_BYTES
    r: bytes = raw(0x00, 72)
    s: bytes = raw(0x48, 72)


def key_digest(public_key: bytes) -> bytes:
    """The digest by which reports name a key."""
    return sha384(public_key).digest()


def signature_holds(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether the key is a point on P-384 and its owner signed the message."""
    key, signed = parse(PublicKey, public_key), parse(Signature, signature)
    if key.curve != P384:
        return False
    numbers = EllipticCurvePublicNumbers(_number(key.qx), _number(key.qy), SECP384R1())
    try:
        point = numbers.public_key()
    except ValueError:
        return False
    encoded = encode_dss_signature(_number(signed.r), _number(signed.s))
    try:
        point.verify(encoded, message, ECDSA(SHA384()))
    except InvalidSignature:
        return False
    return True


def _number(little_endian: bytes) -> int:
    return int.from_bytes(little_endian, "little")
