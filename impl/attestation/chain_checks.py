"""Checks of who signed a report: the certificates, and what they and the report say of one another (57230)."""

from collections.abc import Iterator
from datetime import datetime

from impl.attestation import tcb
from impl.attestation.certificates import Bundle, Extensions, common_name
from impl.attestation.chain import Chain, chain_for, fingerprint, is_signed_by
from impl.attestation.checks import Checked
from impl.attestation.reference import Reference
from impl.attestation.report import AttestationReport, SignedReport
from impl.attestation.signing import is_signed
from spec.vocabulary import Product, SigningKey

_CPUID_SINCE = 3
_FAMILY_19H, _FAMILY_1AH = 0x19, 0x1A
MODELS = {
    Product.MILAN: (_FAMILY_19H, (range(0x10),)),
    Product.GENOA: (_FAMILY_19H, (range(0x10, 0x20), range(0xA0, 0xB0))),
    Product.TURIN: (_FAMILY_1AH, (range(0x12),)),
}
"""CPUID family, and ranges of models."""


def signer_checks(report: SignedReport, bundle: Bundle, reference: Reference, at: datetime) -> Iterator[Checked]:
    """The chain, what it binds, the signature, and what the signed TCB versions say of one another."""
    chain = chain_for(report.fields, bundle)
    yield Checked("certificates", chain is not None, f"{len(bundle.certificates)} certificates were given")
    if chain is None:
        return
    yield from _chain_checks(chain, reference, at)
    extensions, key = chain.extensions, chain.leaf_key
    if extensions is None or key is None:
        return
    yield from _match_checks(report.fields, chain, extensions)
    yield from _binding_checks(report.fields, chain, extensions, reference)
    yield Checked("signature", is_signed(report.signed, report.signature, key), "ECDSA P-384 over bytes 0 to 29Fh")
    yield from _tcb_checks(report.fields, extensions.product)


def _chain_checks(chain: Chain, reference: Reference, at: datetime) -> Iterator[Checked]:
    names = " <- ".join(common_name(c) for c in (chain.leaf, chain.intermediate, chain.root))
    yield Checked("certificate-constraints", chain.constraints_hold, names)
    yield Checked("root-trusted", fingerprint(chain.root) in reference.roots, f"key {fingerprint(chain.root)}")
    yield Checked("root-signature", is_signed_by(chain.root, chain.root), common_name(chain.root))
    yield Checked("intermediate-signature", is_signed_by(chain.intermediate, chain.root), common_name(chain.root))
    yield Checked("leaf-signature", is_signed_by(chain.leaf, chain.intermediate), common_name(chain.intermediate))
    yield Checked(
        "validity",
        chain.is_in_force(at),
        f"at {at:%Y-%m-%d}; the leaf from {chain.leaf.not_valid_before_utc:%Y-%m-%d} "
        f"to {chain.leaf.not_valid_after_utc:%Y-%m-%d}",
    )
    yield Checked("leaf-key", chain.leaf_key is not None, "P-384")
    yield Checked("leaf-extensions", chain.extensions is not None, "structVersion, productName, SPLs, hwID or cspID")
    found = chain.list_at(at)
    said = "no list in force" if found is None else f"list of {found.last_update_utc:%Y-%m-%d}"
    yield Checked("revocation-list", found is not None or not reference.list_required, said)
    serial = chain.intermediate.serial_number
    revoked = found is not None and found.get_revoked_certificate_by_serial_number(serial) is not None
    yield Checked("revoked", not revoked, f"serial number {serial:#x}; {said}")


def _match_checks(fields: AttestationReport, chain: Chain, extensions: Extensions) -> Iterator[Checked]:
    yield Checked("key-kind", chain.kind == fields.signing_key, f"{chain.kind.name}, SIGNING_KEY {fields.signing_key}")
    yield Checked(
        "root-product",
        extensions.product == chain.root_product,
        f"{extensions.product.name} under {common_name(chain.root)}",
    )
    family, models = MODELS[extensions.product]
    fits = fields.cpuid_fam_id == family and any(fields.cpuid_mod_id in each for each in models)
    yield Checked(
        "product",
        fields.version < _CPUID_SINCE or fits,
        f"{extensions.product.name}; family {fields.cpuid_fam_id:#x}, model {fields.cpuid_mod_id:#x}",
    )


def _binding_checks(
    fields: AttestationReport, chain: Chain, extensions: Extensions, reference: Reference
) -> Iterator[Checked]:
    masked = reference.masked_chip_accepted and not any(fields.chip_id)
    of_chip = chain.kind == SigningKey.VLEK or fields.chip_id == extensions.hw_id or masked
    said = "not bound: a VLEK" if chain.kind == SigningKey.VLEK else "masked" if not any(fields.chip_id) else "as hwID"
    yield Checked("chip-id", of_chip, said if of_chip else "no certificate that was given is of this chip")
    certified = tcb.packed(extensions.tcb, extensions.product)
    yield Checked(
        "certificate-tcb",
        certified == fields.reported_tcb,
        f"reported {tcb.shown(fields.reported_tcb, extensions.product)}",
    )


def _tcb_checks(fields: AttestationReport, product: Product) -> Iterator[Checked]:
    versions = (fields.current_tcb, fields.reported_tcb, fields.committed_tcb, fields.launch_tcb)
    reserved = any(tcb.has_reserved(each, product) for each in versions)
    yield Checked("tcb-reserved", not reserved, "not zero" if reserved else "zero")
    yield Checked(
        "tcb-committed",
        tcb.reaches(fields.current_tcb, fields.committed_tcb),
        f"current {tcb.shown(fields.current_tcb, product)}; committed {tcb.shown(fields.committed_tcb, product)}",
    )
    yield Checked(
        "tcb-reported",
        tcb.reaches(fields.committed_tcb, fields.reported_tcb),
        f"committed {tcb.shown(fields.committed_tcb, product)}; reported {tcb.shown(fields.reported_tcb, product)}",
    )
