"""For each check of the verifier something that only this check has against it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.x509 import Certificate, UnrecognizedExtension

from impl.attestation.authority import Authority, named
from impl.attestation.certificates import HW_ID, Bundle
from impl.attestation.chip import Endorsement
from impl.attestation.reference import Reference
from impl.attestation.report import SignedReport, read_report
from spec.vocabulary import HOST_REQUESTED, GuestPolicy, PlatformInfo, Product
from tests.impl.attestation.made import (
    CHIP,
    CSP,
    NOW,
    OTHER_CHIP,
    SINCE,
    TCB,
    VLEK,
    authority,
    bundle,
    forged,
    genuine,
    reference,
    scene,
    signed_by,
    vcek_bundle,
    vlek_bundle,
)

LATE = datetime(2040, 1, 1, tzinfo=UTC)
AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """What is presented, what is asked, and the check that must refuse it."""

    check: str
    report: Callable[[], SignedReport] = forged
    certificates: Callable[[], Bundle] = vcek_bundle
    asked: Callable[[], Reference] = reference
    at: datetime = NOW
    what: str = ""
    """Tells cases of one check apart."""


def saying(check: str, made_as: int = 3, what: str = "", **changed: Any) -> Case:
    """A report with some fields that firmware did not write, signed by the chip's key."""
    return Case(check, lambda: forged(made_as, **changed), what=what)


def asking(check: str, **asked: Any) -> Case:
    """A genuine report, and reference values that it does not meet."""
    return Case(check, asked=lambda: reference(**asked))


def certified(check: str, certificates: Callable[[], Bundle], what: str = "") -> Case:
    """A genuine report, and certificates that are not what they should be."""
    return Case(check, certificates=certificates, what=what)


@cache
def whole() -> bytes:
    """A genuine report."""
    return scene(report_version=3).ask().report


def changed_byte(offset: int) -> SignedReport:
    """A genuine report with a byte changed after it was signed."""
    content = bytearray(whole())
    content[offset] ^= 1
    return read_report(bytes(content))


def with_reserved() -> SignedReport:
    """A reserved bit that is set, and signed all the same."""
    made = signed_by(CHIP.vcek(TCB), genuine(3))
    return replace(made, fields=replace(made.fields, reserved_set=True))


def of_vlek() -> SignedReport:
    return scene(endorsement=Endorsement(CHIP, VLEK), report_version=3).report()


@cache
def genoa() -> Authority:
    return authority(Product.GENOA)


@cache
def impostor() -> Authority:
    """Someone else, who calls himself AMD's Genoa authority, too."""
    return Authority(Product.GENOA, since=SINCE, rsa_bits=2048)


def vcek(of: Authority, tcb: int = TCB) -> Certificate:
    return of.vcek(CHIP.vcek(tcb).public_key(), tcb, CHIP.hw_id)


def chain(leaf: Certificate | None = None, ask: Certificate | None = None, root: Certificate | None = None) -> Bundle:
    """The chip's chain with a certificate exchanged."""
    return bundle(leaf or vcek(genoa()), ask or genoa().ask, root or genoa().root)


def listing(*revoked: Certificate, by: Authority | None = None, since: datetime = SINCE) -> Bundle:
    """The chip's chain with a revocation list."""
    return Bundle(vcek_bundle().certificates, ((by or genoa()).revocation_list(*revoked, since=since),))


def turin_leaf() -> Certificate:
    """A leaf that says Turin, by the authority of Genoa."""
    says = [*authority(Product.TURIN).extensions(TCB), UnrecognizedExtension(HW_ID, CHIP.hw_id)]
    return genoa().certify("SEV-VCEK", CHIP.vcek(TCB).public_key(), says, genoa().ask, genoa().ask_key, 1)


def bare_leaf() -> Certificate:
    """A leaf without AMD's extensions."""
    return genoa().certify("SEV-VCEK", CHIP.vcek(TCB).public_key(), [], genoa().ask, genoa().ask_key, 1)


def weak_leaf() -> Certificate:
    """A leaf with a key of another curve."""
    return genoa().vcek(derive_private_key(7, SECP256R1()).public_key(), TCB, CHIP.hw_id)


def endorsed_issuer() -> Certificate:
    """A chip's key under the name of the ASK: no authority."""
    return genoa().certify("SEV-Genoa", CHIP.vcek(TCB).public_key(), [], genoa().root, genoa().root_key, 1)


def root_by_another() -> Certificate:
    """The right key and name, signed by somebody else."""
    return impostor().certify_authority(named("ARK-Genoa"), genoa().root_key.public_key(), 1)


FORM = (
    saying("version", version=1, what="older"),
    saying("version", version=6, what="newer"),
    saying("signature-algorithm", signature_algo=2),
    Case("reserved", with_reserved),
    saying("reserved-cpuid", 2, cpuid_step=1),
    saying("reserved-mitigations", launch_mit_vector=1),
    saying("policy-reserved-one", policy=GuestPolicy.SMT),
    saying("policy-reserved", policy=GuestPolicy.RESERVED_ONE | 1 << 26),
    saying("platform-reserved", platform_info=1 << 8),
    Case("unsigned-bytes", lambda: changed_byte(0x330), what="first"),
    Case("unsigned-bytes", lambda: changed_byte(0x49F), what="last"),
    saying("chip-key-masked", mask_chip_key=1),
    saying("unsigned", signing_key=7),
    saying("signing-key", signing_key=2),
    saying("host-requested", vmpl=HOST_REQUESTED, report_data=bytes(64)),
    saying("vmpl-range", vmpl=4),
)
SIGNER = (
    certified("certificates", lambda: bundle(), "none"),
    certified("certificates", lambda: bundle(vcek(genoa()), genoa().ask), "no root"),
    certified("certificates", lambda: bundle(genoa().ask, genoa().root), "no leaf"),
    certified("certificate-constraints", lambda: chain(ask=endorsed_issuer())),
    certified("root-trusted", lambda: bundle(vcek(impostor()), impostor().ask, impostor().root)),
    certified("root-signature", lambda: chain(root=root_by_another())),
    certified("intermediate-signature", lambda: chain(ask=impostor().ask)),
    certified("leaf-signature", lambda: chain(leaf=vcek(impostor()))),
    Case("validity", at=LATE),
    Case("validity", at=AGO, what="not yet"),
    certified("leaf-key", lambda: chain(leaf=weak_leaf())),
    certified("leaf-extensions", lambda: chain(leaf=bare_leaf())),
    asking("revocation-list", list_required=True),
    Case(
        "revocation-list",
        certificates=lambda: listing(since=AGO),
        asked=lambda: reference(list_required=True),
        what="old",
    ),
    Case(
        "revocation-list",
        certificates=lambda: listing(by=impostor()),
        asked=lambda: reference(list_required=True),
        what="by another",
    ),
    certified("revoked", lambda: listing(genoa().ask)),
    Case("key-kind", of_vlek),
    certified("root-product", lambda: chain(leaf=turin_leaf())),
    saying("product", cpuid_mod_id=0),
    saying("chip-id", chip_id=OTHER_CHIP.chip_id),
    certified("certificate-tcb", lambda: vcek_bundle(TCB - 1)),
    Case("signature", lambda: changed_byte(0x2A0), what="R"),
    Case("signature", lambda: changed_byte(0x2E8), what="S"),
    Case("signature", lambda: changed_byte(0x50), what="report data"),
    saying("tcb-reserved", current_tcb=TCB | 1 << 16),
    saying("tcb-committed", current_tcb=TCB - 1),
    Case(
        "tcb-reported",
        lambda: forged(reported_tcb=TCB + 1, current_tcb=TCB + 1),
        lambda: vcek_bundle(TCB + 1),
    ),
)
ASKED = (
    asking("product-accepted", products=frozenset({Product.MILAN, Product.TURIN})),
    Case("vlek-accepted", of_vlek, vlek_bundle, lambda: reference(vlek_accepted=False)),
    asking("chip-accepted", chips=frozenset({OTHER_CHIP.chip_id})),
    Case("service-accepted", of_vlek, vlek_bundle, lambda: reference(services=frozenset({CSP + ".org"}))),
    asking("tcb-floor", tcb_floors={Product.GENOA: TCB + 1}),
    Case(
        "launch-tcb-floor",
        lambda: forged(launch_tcb=TCB - 1),
        asked=lambda: reference(tcb_floors={Product.GENOA: TCB}),
    ),
    asking("firmware-version", firmware_floor=(1, 55, 26)),
    asking("launch-mitigations", mitigations=1),
    Case(
        "current-mitigations",
        lambda: forged(5, launch_mit_vector=1),
        asked=lambda: reference(mitigations=1),
    ),
    asking("platform-required", platform_required=PlatformInfo.ALIAS_CHECK_COMPLETE),
    asking("platform-forbidden", platform_forbidden=PlatformInfo.SMT),
    saying("policy-forbidden", policy=GuestPolicy.RESERVED_ONE | GuestPolicy.DEBUG, what="debug"),
    saying("policy-forbidden", policy=GuestPolicy.RESERVED_ONE | GuestPolicy.MIGRATE_MA, what="migration"),
    asking("policy-required", policy_required=GuestPolicy.SINGLE_SOCKET),
    asking("policy-abi", policy_abi_floor=(1, 31)),
    saying("migration-agent", report_id_ma=bytes(32)),
    asking("measurement", measurements=frozenset({b"other".ljust(48, b"\0")})),
    asking("id-key", id_keys=frozenset({b"owner".ljust(48, b"\0")})),
    asking("author-key", author_keys=frozenset({bytes(48)})),
    asking("family-id", family_id=b"family".ljust(16, b"\0")),
    asking("image-id", image_id=b"image".ljust(16, b"\0")),
    asking("guest-svn", guest_svn=1),
    asking("host-data", host_data=b"host".ljust(32, b"\0")),
    asking("vmpl", vmpl=1),
    asking("report-data", report_data=b"another nonce".ljust(64, b"\0")),
)
CASES = (*FORM, *SIGNER, *ASKED)


def name_of(case: Case) -> str:
    return f"{case.check} {case.what}".strip()
