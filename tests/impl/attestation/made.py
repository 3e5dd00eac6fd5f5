"""A machine with keys of its own making, a guest on it, and reports: genuine ones, and whatever a test wants signed."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.x509 import Certificate, CertificateRevocationList

from impl.attestation.authority import Authority
from impl.attestation.certificates import Bundle
from impl.attestation.chain import fingerprint
from impl.attestation.chip import Chip, Endorsement
from impl.attestation.guest_channel import Channel
from impl.attestation.reference import Reference
from impl.attestation.report import AttestationReport, SignedReport, read_report
from impl.attestation.signing import signature_of
from impl.firmware.environment import Environment
from impl.firmware.guest_context import GuestContext
from impl.firmware.guest_message import MessageType
from impl.firmware.layout import parse
from impl.firmware.report_request import ReportRequest, ReportResponse
from impl.hypervisor.guest_messages import Carrier
from spec.vocabulary import Product
from tests.impl.firmware.host import BUFFER, GCTX, OUTPUT, TARGET, Host

SINCE, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
TCB = Environment().committed_tcb
CSP = "CN=cloud.example"
CHIP = Chip(Product.GENOA, b"chip" * 16, b"secret of one chip".ljust(32))
OTHER_CHIP = Chip(Product.GENOA, b"Chip" * 16, b"secret of another".ljust(32))
VLEK = derive_private_key(0x123456789, SECP384R1())
TURIN_TCB = 0x4800_0000_1204_0001


@cache
def authority(product: Product) -> Authority:
    """Smaller keys than AMD's, for speed."""
    return Authority(product, since=SINCE, rsa_bits=2048)


def bundle(*certificates: Certificate, lists: tuple[CertificateRevocationList, ...] = ()) -> Bundle:
    return Bundle(certificates, lists)


@cache
def vcek_bundle(tcb: int = TCB, chip: Chip = CHIP) -> Bundle:
    made = authority(chip.product)
    return bundle(made.vcek(chip.vcek(tcb).public_key(), tcb, chip.hw_id), made.ask, made.root)


@cache
def vlek_bundle(csp: str = CSP) -> Bundle:
    made = authority(Product.GENOA)
    return bundle(made.vlek(VLEK.public_key(), TCB, csp), made.asvk, made.root)


@cache
def roots() -> frozenset[str]:
    return frozenset(fingerprint(authority(product).root) for product in (Product.GENOA, Product.TURIN))


def reference(**asked: Any) -> Reference:
    """Reference values that believe the authorities made here."""
    return Reference(**({"roots": roots()} | asked))


@dataclass
class Scene:
    """A running guest, and its end of the channels."""

    host: Host
    guest: GuestContext
    carrier: Carrier

    def channel(self, vmpck: int = 0) -> Channel:
        return Channel(vmpck, self.guest.vmpcks[vmpck], self.guest.message_counts[vmpck])

    def ask(self, vmpck: int = 0, **request: Any) -> ReportResponse:
        payload = ReportRequest(**request).pack()
        answer, _ = self.channel(vmpck).request(MessageType.REPORT_REQ, payload, self.carrier.carry)
        return parse(ReportResponse, answer)

    def report(self, **request: Any) -> SignedReport:
        answer = self.ask(**request)
        assert (answer.status, answer.report_size) == (0, len(answer.report))
        return read_report(answer.report)


def scene(**environment: Any) -> Scene:
    """A machine with a running guest."""
    keys = environment.pop("endorsement", Endorsement(CHIP))
    host = Host(environment=Environment(endorsement=keys, **environment)).initialise()
    host.run_guest()
    host.donate(OUTPUT)
    carrier = Carrier(host.processor, GCTX, BUFFER, TARGET, OUTPUT)
    return Scene(host, host.firmware.contexts[GCTX >> 12], carrier)


@cache
def genuine(version: int = 3) -> AttestationReport:
    """The fields of a report that the machine made."""
    return scene(report_version=version).report(report_data=b"nonce".ljust(64, b"\0")).fields


def signed_by(key: EllipticCurvePrivateKey, fields: AttestationReport, **changed: Any) -> SignedReport:
    """A report with some fields changed, signed all the same."""
    content = replace(fields, **changed).pack()
    return read_report(content + signature_of(content, key).pack())


def forged(made_as: int = 3, **changed: Any) -> SignedReport:
    """A report by the chip's own key that the machine never made."""
    fields = replace(genuine(made_as), **changed)
    return signed_by(CHIP.vcek(fields.reported_tcb), fields)
