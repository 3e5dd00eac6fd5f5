"""Certificates and revocation lists as files hold them, and AMD's extensions in those of VCEK and VLEK (57230)."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import (
    Certificate,
    CertificateRevocationList,
    DuplicateExtension,
    InvalidVersion,
    NameOID,
    ObjectIdentifier,
    UnrecognizedExtension,
    load_der_x509_certificate,
    load_der_x509_crl,
    load_pem_x509_certificates,
    load_pem_x509_crl,
)

from impl.attestation.certificate_table import is_table, read_table
from impl.attestation.report import Malformed
from spec.vocabulary import Product

_PEM, _PEM_CERTIFICATE, _PEM_LIST = b"-----BEGIN ", b"-----BEGIN CERTIFICATE-----", b"-----BEGIN X509 CRL-----"
_AMD = "1.3.6.1.4.1.3704.1."
STRUCT_VERSION, PRODUCT_NAME, HW_ID, CSP_ID = (ObjectIdentifier(f"{_AMD}{n}") for n in (1, 2, 4, 5))
SVNS = {
    "boot_loader": ObjectIdentifier(f"{_AMD}3.1"),
    "tee": ObjectIdentifier(f"{_AMD}3.2"),
    "snp": ObjectIdentifier(f"{_AMD}3.3"),
    "microcode": ObjectIdentifier(f"{_AMD}3.8"),
}
FMC = ObjectIdentifier(f"{_AMD}3.9")
"""From structVersion 1 on."""
PRODUCT_NAMES = {
    "Milan": Product.MILAN,
    "Genoa": Product.GENOA,
    "Bergamo": Product.GENOA,
    "Siena": Product.GENOA,
    "Turin": Product.TURIN,
}
"""productName up to a hyphen, behind which a stepping stands."""
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InvalidVersion, DuplicateExtension)
"""What the library says of bytes that are no certificate, or one of a kind that AMD does not make."""
_SVN_VALUES = range(1 << 8)
LONGEST_HW_ID = 64


@dataclass(frozen=True)
class Extensions:
    """What AMD says of a VCEK or VLEK."""

    product: Product
    tcb: dict[str, int]
    """SVNs by name."""
    hw_id: bytes
    """Of the chip, padded to the 64 bytes of CHIP_ID; zeros for a VLEK."""
    csp_id: str
    """The cloud service that a VLEK is for; empty for a VCEK."""


@dataclass(frozen=True)
class Bundle:
    """Everything that some files hold."""

    certificates: tuple[Certificate, ...]
    lists: tuple[CertificateRevocationList, ...]


def read_bundle(contents: Iterable[tuple[str, bytes]]) -> Bundle:
    """Certificates and lists from named contents, each PEM (several in one), DER, or a certificate table."""
    certificates: list[Certificate] = []
    lists: list[CertificateRevocationList] = []
    with warnings.catch_warnings():
        # AMD numbers each VCEK 0, which RFC 5280 does not allow; the library reads them, and says so.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for name, content in contents:
            for item in _items(name, content):
                if isinstance(item, Certificate):
                    certificates.append(item)
                else:
                    lists.append(item)
    return Bundle(tuple(certificates), tuple(lists))


def _items(name: str, content: bytes) -> Iterator[Certificate | CertificateRevocationList]:
    """The items of one content, each read whole: the library puts off what is not asked for, its complaints too."""
    try:
        for item in _encoded(content):
            _parts(item)
            yield item
    except UNREADABLE as wrong:
        said = " ".join(str(wrong).split()) or type(wrong).__name__
        raise Malformed(f"{name}: neither certificates nor revocation lists, in PEM or DER: {said}") from None


def _parts(item: Certificate | CertificateRevocationList) -> tuple[object, ...]:
    """Every part that is looked at later. What matters is that each is read here."""
    both = (item.issuer, item.signature_algorithm_oid, item.signature_hash_algorithm, item.extensions)
    if isinstance(item, CertificateRevocationList):
        return (*both, item.last_update_utc, item.next_update_utc, *item)
    return (*both, item.subject, item.public_key(), item.not_valid_before_utc, item.signature_algorithm_parameters)


def _encoded(content: bytes) -> Iterator[Certificate | CertificateRevocationList]:
    if is_table(content):
        yield from (_from_der(item) for _, item in read_table(content))
    elif _PEM not in content:
        yield _from_der(content)
    if _PEM_CERTIFICATE in content:
        yield from load_pem_x509_certificates(content)
    if _PEM_LIST in content:
        yield load_pem_x509_crl(content)


def _from_der(content: bytes) -> Certificate | CertificateRevocationList:
    try:
        return load_der_x509_certificate(content)
    except ValueError:
        return load_der_x509_crl(content)


def common_name(certificate: Certificate) -> str:
    """CN of the subject: ARK-Milan, SEV-Milan, SEV-VCEK and the like."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def read_extensions(certificate: Certificate, vlek: bool) -> Extensions | None:
    """AMD's extensions, or None where one is missing or is not of its form."""
    found = {e.oid: e.value.value for e in certificate.extensions if isinstance(e.value, UnrecognizedExtension)}
    try:
        version = asn1.decode_der(int, found[STRUCT_VERSION])
        svns = SVNS | {"fmc": FMC} if version else SVNS
        product = asn1.decode_der(asn1.IA5String, found[PRODUCT_NAME]).as_str()
        tcb = {name: asn1.decode_der(int, found[oid]) for name, oid in svns.items()}
        owner = asn1.decode_der(asn1.IA5String, found[CSP_ID]).as_str() if vlek else ""
        hw_id = b"" if vlek else found[HW_ID]
        known = PRODUCT_NAMES[product.partition("-")[0]]
    except (KeyError, ValueError):
        return None
    if any(svn not in _SVN_VALUES for svn in tcb.values()) or len(hw_id) > LONGEST_HW_ID:
        return None
    return Extensions(known, tcb, hw_id.ljust(LONGEST_HW_ID, b"\0"), owner)
