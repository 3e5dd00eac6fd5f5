"""The chain of a report's key: VCEK, ASK and ARK, or VLEK, ASVK and ARK (57230), chosen and looked at."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateRevocationList,
    ExtensionNotFound,
    KeyUsage,
    SignatureAlgorithmOID,
)

from impl.attestation.certificates import Bundle, Extensions, common_name, read_extensions
from impl.attestation.report import AttestationReport
from impl.attestation.tcb import packed
from spec.vocabulary import Product, SigningKey

AMD_ROOTS = {
    "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9": Product.MILAN,
    "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831": Product.GENOA,
    "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08": Product.TURIN,
}
"""SHA-256 of the public keys (SubjectPublicKeyInfo, DER) of AMD's ARKs."""
LEAF_NAMES = {"SEV-VCEK": SigningKey.VCEK, "SEV-VLEK": SigningKey.VLEK}
ROOT_NAMES = {"ARK-Milan": Product.MILAN, "ARK-Genoa": Product.GENOA, "ARK-Turin": Product.TURIN}
_VLEK_ISSUER = "SEV-VLEK-"


def fingerprint(certificate: Certificate) -> str:
    """SHA-256 of the public key, in hexadecimal."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(key).hexdigest()


def is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer is the one that the certificate names, and its key signed it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Chain:
    """Three certificates."""

    leaf: Certificate
    intermediate: Certificate
    root: Certificate
    lists: tuple[CertificateRevocationList, ...]
    extensions: Extensions | None
    """AMD's, of the leaf."""

    @property
    def kind(self) -> SigningKey:
        """Which key the leaf is of."""
        return LEAF_NAMES[common_name(self.leaf)]

    @property
    def root_product(self) -> Product | None:
        """The product that the root is for."""
        return ROOT_NAMES.get(common_name(self.root))

    @property
    def constraints_hold(self) -> bool:
        """The authorities are AMD's and may sign, the leaf is none, and all use the algorithms that AMD uses."""
        certificates = (self.leaf, self.intermediate, self.root)
        pss = all(c.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS for c in certificates)
        sha = all(isinstance(c.signature_hash_algorithm, SHA384) for c in certificates)
        authorities = all(_is_authority(c) for c in (self.intermediate, self.root))
        for_vlek = common_name(self.intermediate).startswith(_VLEK_ISSUER)
        named = self.root_product is not None and for_vlek == (self.kind == SigningKey.VLEK)
        return pss and sha and authorities and named and not _is_authority(self.leaf)

    def is_in_force(self, at: datetime) -> bool:
        """Whether `at` lies within the validity of all three."""
        certificates = (self.leaf, self.intermediate, self.root)
        return all(c.not_valid_before_utc <= at <= c.not_valid_after_utc for c in certificates)

    def list_at(self, at: datetime) -> CertificateRevocationList | None:
        """The newest revocation list that the root signed and that is in force."""
        mine = [one for one in self.lists if one.issuer == self.root.subject and _list_is_signed(one, self.root)]
        usable = [one for one in mine if one.next_update_utc and one.last_update_utc <= at <= one.next_update_utc]
        return max(usable, key=lambda one: one.last_update_utc, default=None)

    @property
    def leaf_key(self) -> EllipticCurvePublicKey | None:
        """The key that signs reports, if it is one of P-384."""
        key = self.leaf.public_key()
        return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP384R1) else None


def _is_authority(certificate: Certificate) -> bool:
    """Whether the certificate may sign others: an RSA key, CA, key usage."""
    try:
        constraints = certificate.extensions.get_extension_for_class(BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return False
    return isinstance(certificate.public_key(), RSAPublicKey) and constraints.ca and usage.key_cert_sign


def _list_is_signed(one: CertificateRevocationList, root: Certificate) -> bool:
    key = root.public_key()
    return isinstance(key, RSAPublicKey) and one.is_signature_valid(key)


def chain_for(report: AttestationReport, bundle: Bundle) -> Chain | None:
    """The chain that fits the report best; None if a certificate is missing.

    Files may hold the certificates of many chips. Choosing proves nothing: what is chosen is judged afterwards.
    """
    leaves = [c for c in bundle.certificates if common_name(c) in LEAF_NAMES]
    leaf = _best(leaves, lambda c: _likeness(report, c))
    intermediate = leaf and _issuer(leaf, bundle.certificates)
    root = intermediate and _issuer(intermediate, bundle.certificates)
    if not leaf or not intermediate or not root:
        return None
    vlek = LEAF_NAMES[common_name(leaf)] == SigningKey.VLEK
    return Chain(leaf, intermediate, root, bundle.lists, read_extensions(leaf, vlek))


def _likeness(report: AttestationReport, leaf: Certificate) -> tuple[bool, bool, bool]:
    """How well a leaf fits: kind, chip, TCB version."""
    kind = LEAF_NAMES[common_name(leaf)]
    found = read_extensions(leaf, kind == SigningKey.VLEK)
    if found is None:
        return kind == report.signing_key, False, False
    of_chip = kind == SigningKey.VLEK or found.hw_id == report.chip_id
    return kind == report.signing_key, of_chip, packed(found.tcb, found.product) == report.reported_tcb


def _issuer(certificate: Certificate, known: Iterable[Certificate]) -> Certificate | None:
    """Of the certificates with the issuer's name, one whose key signed, if there is one."""
    named = [c for c in known if c.subject == certificate.issuer]
    return _best(named, lambda c: is_signed_by(certificate, c))


def _best(known: list[Certificate], rank: Callable[[Certificate], object]) -> Certificate | None:
    return max(known, key=rank, default=None)  # type: ignore[arg-type]  # ranks of one call are of one type
