"""Signatures of reports: ECDSA on P-384 with SHA-384; R and S are little-endian (firmware ABI 56860, "Attestation")."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from impl.firmware.id_block import Signature

_NUMBER_BYTES = 72


def signature_of(message: bytes, key: EllipticCurvePrivateKey) -> Signature:
    """Sign."""
    r, s = decode_dss_signature(key.sign(message, ECDSA(SHA384())))
    return Signature(r=r.to_bytes(_NUMBER_BYTES, "little"), s=s.to_bytes(_NUMBER_BYTES, "little"))


def is_signed(message: bytes, signature: Signature, key: EllipticCurvePublicKey) -> bool:
    """Whether the owner of the key signed the message."""
    r, s = (int.from_bytes(number, "little") for number in (signature.r, signature.s))
    try:
        key.verify(encode_dss_signature(r, s), message, ECDSA(SHA384()))
    except InvalidSignature:
        return False
    return True
