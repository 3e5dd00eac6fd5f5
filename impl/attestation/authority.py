"""ARK, ASK and ASVK of a product, made here: they certify machines as AMD certifies its chips (57230)."""

from datetime import UTC, datetime, timedelta

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    CertificateRevocationList,
    CertificateRevocationListBuilder,
    ExtensionType,
    KeyUsage,
    Name,
    NameAttribute,
    NameOID,
    ObjectIdentifier,
    RevokedCertificateBuilder,
    UnrecognizedExtension,
)

from impl.attestation.certificates import CSP_ID, FMC, HW_ID, PRODUCT_NAME, STRUCT_VERSION, SVNS
from impl.attestation.tcb import unpacked
from spec.vocabulary import Product

_RSA_BITS, _RSA_EXPONENT = 4096, 65537
_PSS = PSS(MGF1(SHA384()), 48)
_FIRST_SERIAL = 0x1_0000
_AUTHORITY_YEARS, _VCEK_YEARS, _VLEK_YEARS, _LIST_YEARS = 25, 7, 1, 1
_YEAR = timedelta(days=365)


def named(common_name: str) -> Name:
    """A name as AMD's are, but for the organisation."""
    return Name(
        [
            NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Engineering"),
            NameAttribute(NameOID.ORGANIZATION_NAME, "sevspec, not AMD"),
            NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


class Authority:
    """The keys and certificates of one product."""

    def __init__(self, product: Product, since: datetime | None = None, rsa_bits: int = _RSA_BITS) -> None:
        """Draw the keys. `since` is when the certificates begin."""
        self.product = product
        self.since = since or datetime.now(UTC)
        line = product.name.capitalize()
        self.root_key, self.ask_key, self.asvk_key = (
            rsa.generate_private_key(_RSA_EXPONENT, rsa_bits) for _ in range(3)
        )
        ark = named(f"ARK-{line}")
        self.root = self.certify_authority(ark, self.root_key.public_key(), _FIRST_SERIAL)
        self.ask = self.certify_authority(named(f"SEV-{line}"), self.ask_key.public_key(), _FIRST_SERIAL + 1)
        self.asvk = self.certify_authority(named(f"SEV-VLEK-{line}"), self.asvk_key.public_key(), _FIRST_SERIAL + 2)

    def certify_authority(self, name: Name, key: RSAPublicKey, serial: int) -> Certificate:
        """The certificate of another authority, by the ARK."""
        root = named(f"ARK-{self.product.name.capitalize()}")
        builder = self._builder(name, root, _AUTHORITY_YEARS).public_key(key).serial_number(serial)
        builder = builder.add_extension(BasicConstraints(ca=True, path_length=None if name == root else 0), True)
        usage = KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=name == root,
            encipher_only=False,
            decipher_only=False,
        )
        return builder.add_extension(usage, True).sign(self.root_key, SHA384(), rsa_padding=_PSS)

    def certify(
        self,
        name: str,
        key: EllipticCurvePublicKey,
        extensions: list[ExtensionType],
        issuer: Certificate,
        issuer_key: RSAPrivateKey,
        years: int,
    ) -> Certificate:
        """The certificate of an endorsement key, with any extensions."""
        # AMD numbers every VCEK 0; the library refuses to make such a certificate.
        builder = self._builder(named(name), issuer.subject, years).public_key(key).serial_number(1)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(issuer_key, SHA384(), rsa_padding=_PSS)

    def vcek(self, key: EllipticCurvePublicKey, tcb: int, hw_id: bytes) -> Certificate:
        """The certificate of a chip's key."""
        extensions = [*self.extensions(tcb), UnrecognizedExtension(HW_ID, hw_id)]
        return self.certify("SEV-VCEK", key, extensions, self.ask, self.ask_key, _VCEK_YEARS)

    def vlek(self, key: EllipticCurvePublicKey, tcb: int, csp_id: str) -> Certificate:
        """The certificate of a cloud service's key."""
        extensions = [*self.extensions(tcb), _text(CSP_ID, csp_id)]
        return self.certify("SEV-VLEK", key, extensions, self.asvk, self.asvk_key, _VLEK_YEARS)

    def revocation_list(self, *revoked: Certificate, since: datetime | None = None) -> CertificateRevocationList:
        """A list by the ARK."""
        begins = since or self.since
        builder = CertificateRevocationListBuilder().issuer_name(self.root.subject)
        builder = builder.last_update(begins).next_update(begins + _LIST_YEARS * _YEAR)
        for certificate in revoked:
            entry = RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(begins)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.root_key, SHA384(), rsa_padding=_PSS)

    def extensions(self, tcb: int) -> list[ExtensionType]:
        """What AMD says of any endorsement key of this product: version of the structure, product, SVNs."""
        svns = unpacked(tcb, self.product)
        places = SVNS | {"fmc": FMC}
        version = UnrecognizedExtension(STRUCT_VERSION, asn1.encode_der(int(self.product == Product.TURIN)))
        parts = [UnrecognizedExtension(places[name], asn1.encode_der(svn)) for name, svn in svns.items()]
        return [version, _text(PRODUCT_NAME, self.product.name.capitalize()), *parts]

    def _builder(self, subject: Name, issuer: Name, years: int) -> CertificateBuilder:
        builder = CertificateBuilder().subject_name(subject).issuer_name(issuer)
        return builder.not_valid_before(self.since).not_valid_after(self.since + years * _YEAR)


def _text(oid: ObjectIdentifier, text: str) -> ExtensionType:
    return UnrecognizedExtension(oid, asn1.encode_der(asn1.IA5String(text)))
