"""Checks of what a genuine report says against reference values."""

from collections.abc import Collection, Iterator

from impl.attestation import tcb
from impl.attestation.chain import Chain
from impl.attestation.checks import Checked
from impl.attestation.reference import Reference
from impl.attestation.report import AttestationReport
from spec.vocabulary import Product, SigningKey

_NO_AGENT = b"\xff" * 32
_NOT_ASKED = "not asked for"


def reference_checks(fields: AttestationReport, chain: Chain, reference: Reference) -> Iterator[Checked]:
    """In the order: signer, firmware, guest, request."""
    assert chain.extensions is not None, "checked before"
    product, service = chain.extensions.product, chain.extensions.csp_id
    is_vlek = chain.kind == SigningKey.VLEK
    yield Checked("product-accepted", product in reference.products, product.name)
    yield Checked("vlek-accepted", reference.vlek_accepted or not is_vlek, chain.kind.name)
    yield _listed("chip-accepted", fields.chip_id, reference.chips)
    known = not is_vlek or reference.services is None or service in reference.services
    yield Checked("service-accepted", known, service or "no VLEK")
    yield from _firmware_checks(fields, product, reference)
    yield from _policy_checks(fields, reference)
    yield _listed("measurement", fields.measurement, reference.measurements)
    yield _listed("id-key", fields.id_key_digest, reference.id_keys)
    author = _listed("author-key", fields.author_key_digest, reference.author_keys)
    enabled = reference.author_keys is None or bool(fields.author_key_en)
    yield author if enabled else Checked("author-key", False, "AUTHOR_KEY_EN 0")
    yield _equal("family-id", fields.family_id, reference.family_id)
    yield _equal("image-id", fields.image_id, reference.image_id)
    yield Checked("guest-svn", fields.guest_svn >= reference.guest_svn, f"SVN {fields.guest_svn}")
    yield _equal("host-data", fields.host_data, reference.host_data)
    same_level = reference.vmpl is None or fields.vmpl == reference.vmpl
    yield Checked("vmpl", same_level, f"VMPL {fields.vmpl}" + ("; not asked for" if reference.vmpl is None else ""))
    yield _equal("report-data", fields.report_data, reference.report_data)


def _firmware_checks(fields: AttestationReport, product: Product, reference: Reference) -> Iterator[Checked]:
    floor = reference.tcb_floors.get(product, 0)
    lowest = f"floor {tcb.shown(floor, product)}" if floor else "no floor"
    reported, launched = (tcb.shown(each, product) for each in (fields.reported_tcb, fields.launch_tcb))
    yield Checked("tcb-floor", tcb.reaches(fields.reported_tcb, floor), f"reported {reported}; {lowest}")
    yield Checked("launch-tcb-floor", tcb.reaches(fields.launch_tcb, floor), f"launched under {launched}; {lowest}")
    version = (fields.committed_major, fields.committed_minor, fields.committed_build)
    said = "committed version {}.{}.{}".format(*version)
    yield Checked("firmware-version", version >= reference.firmware_floor, said)
    for name, vector in (
        ("launch-mitigations", fields.launch_mit_vector),
        ("current-mitigations", fields.current_mit_vector),
    ):
        yield _bits(name, vector, required=reference.mitigations)
    yield _bits("platform-required", fields.platform_info, required=reference.platform_required)
    yield _bits("platform-forbidden", fields.platform_info, forbidden=reference.platform_forbidden)


def _policy_checks(fields: AttestationReport, reference: Reference) -> Iterator[Checked]:
    policy = fields.policy
    yield _bits("policy-forbidden", policy, forbidden=reference.policy_forbidden)
    yield _bits("policy-required", policy, required=reference.policy_required)
    lowest = (policy >> 8 & 0xFF, policy & 0xFF)
    yield Checked("policy-abi", lowest >= reference.policy_abi_floor, "lowest ABI version {}.{}".format(*lowest))
    bound = fields.report_id_ma != _NO_AGENT
    yield Checked("migration-agent", reference.agent_accepted or not bound, "an agent" if bound else "no agent")


def _bits(name: str, value: int, required: int = 0, forbidden: int = 0) -> Checked:
    asked = "; ".join(f"{word} {mask:#x}" for word, mask in (("required", required), ("forbidden", forbidden)) if mask)
    return Checked(name, not ~value & required and not value & forbidden, f"{value:#x}; {asked or _NOT_ASKED}")


def _listed(name: str, value: bytes, known: Collection[bytes] | None) -> Checked:
    said = _NOT_ASKED if known is None else "listed" if value in known else "not listed"
    return Checked(name, known is None or value in known, f"{value.hex()}; {said}")


def _equal(name: str, value: bytes, wanted: bytes | None) -> Checked:
    said = _NOT_ASKED if wanted is None else f"wanted {wanted.hex()}" if value != wanted else "as wanted"
    return Checked(name, wanted is None or value == wanted, f"{value.hex()}; {said}")
