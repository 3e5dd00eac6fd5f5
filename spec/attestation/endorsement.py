"""Who vouches for a report's key: the certificates of ARK, ASK and VCEK or VLEK (57230), as a relying party reads them.

Signatures are ideal: each was made with the key that it is checked with, or it was not. Their cryptography is the
machine's (`impl/attestation/`).
"""

from typing import Annotated

from spec.attestation.report import ChipId, Report
from spec.attestation.rules import Faults
from spec.attestation.tcb import TcbVersion, as_number, is_of_product
from spec.logic import all_of, none_of
from spec.record import record
from spec.vocabulary import Bits, SigningKey

ServiceId = Annotated[int, Bits(512)]
"""cspID of a VLEK: the name of the cloud service that firmware got it for, as a number."""


@record
class Endorsement:
    """What the certificates say, and which of their signatures hold."""

    complete: bool
    """There is a certificate of the signing key, and one for each of its issuers."""
    root_trusted: bool
    """The ARK's key is one that the relying party knows to be AMD's."""
    root_signed: bool
    """By the ARK itself."""
    intermediate_signed: bool
    """The ASK (for a VLEK: the ASVK), by the ARK."""
    leaf_signed: bool
    """By the ASK."""
    constraints_hold: bool
    """ARK and ASK may sign certificates, the leaf may not; each names the next as its issuer."""
    in_force: bool
    """The time of judgement is within the validity of all three."""
    list_in_force: bool
    """There is a revocation list that the ARK signed and that has not run out."""
    revoked: bool
    """The list names the ASK. AMD revokes no single leaf: a lost key is left behind with its TCB version."""
    key_known: bool
    """The leaf's key is one of the curve P-384."""
    extensions_known: bool
    """Product, TCB version and the owner's identity stand in the leaf, in AMD's form."""
    is_vlek: bool
    product: Annotated[int, Bits(2)]
    """A `Product`."""
    root_product: Annotated[int, Bits(2)]
    """The product that the ARK is for."""
    tcb: TcbVersion
    """The TCB version for which the key was derived."""
    hw_id: ChipId
    """hwID of a VCEK: the chip; 0 for a VLEK."""
    service: ServiceId
    """cspID of a VLEK; 0 for a VCEK."""


def chain_faults(endorsement: Endorsement) -> Faults:
    """Why the leaf's key need not be of AMD's making."""
    return (
        ("certificates", none_of(endorsement.complete)),
        ("certificate-constraints", none_of(endorsement.constraints_hold)),
        ("root-trusted", none_of(endorsement.root_trusted)),
        ("root-signature", none_of(endorsement.root_signed)),
        ("intermediate-signature", none_of(endorsement.intermediate_signed)),
        ("leaf-signature", none_of(endorsement.leaf_signed)),
        ("validity", none_of(endorsement.in_force)),
        ("leaf-key", none_of(endorsement.key_known)),
        ("leaf-extensions", none_of(endorsement.extensions_known)),
    )


def revocation_faults(endorsement: Endorsement, required: bool) -> Faults:
    """The ASK was revoked, or nobody can say that it was not."""
    return (
        ("revocation-list", all_of(required, none_of(endorsement.list_in_force))),
        ("revoked", endorsement.revoked),
    )


def match_faults(report: Report, endorsement: Endorsement) -> Faults:
    """The certificate is not that of the key that the report names."""
    says_vlek = report.signing_key == SigningKey.VLEK
    return (
        ("key-kind", none_of(all_of(says_vlek, endorsement.is_vlek), none_of(says_vlek, endorsement.is_vlek))),
        ("root-product", endorsement.product != endorsement.root_product),
        ("product", none_of(is_of_product(report, endorsement.product))),
    )


def binding_faults(report: Report, endorsement: Endorsement, masked_accepted: bool) -> Faults:
    """The report speaks of another chip than its key's certificate. A VLEK is not of one chip."""
    of_chip = report.chip_id == endorsement.hw_id
    masked = all_of(report.chip_id == 0, masked_accepted)
    return (("chip-id", none_of(endorsement.is_vlek, of_chip, masked)),)


def tcb_unendorsed(report: Report, endorsement: Endorsement) -> bool:
    """The report names another TCB version than the one for which its key was derived."""
    return report.reported_tcb != as_number(endorsement.tcb, endorsement.product)
