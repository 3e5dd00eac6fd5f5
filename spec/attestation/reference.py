"""What a relying party asks of a report besides that it is genuine: its reference values."""

from typing import Annotated

from spec.attestation.endorsement import Endorsement, ServiceId
from spec.attestation.report import (
    NO_AGENT,
    ChipId,
    FirmwareVersion,
    Identifier,
    Mitigations,
    Report,
    ReportData,
    TcbNumber,
)
from spec.attestation.rules import Diligence, Faults
from spec.attestation.tcb import at_least
from spec.firmware.policy import ABI_VERSION_MASK
from spec.firmware.state import Digest
from spec.logic import all_of, any_of, ite, none_of, select
from spec.maps import Map
from spec.record import record
from spec.vocabulary import Bits, Product


@record
class Floors:
    """The oldest TCB version that is accepted of each product."""

    milan: TcbNumber
    genoa: TcbNumber
    turin: TcbNumber


@record
class Reference:
    """Reference values. Lists are tables, so that they have no bound."""

    milan_accepted: bool
    genoa_accepted: bool
    turin_accepted: bool
    """Products whose keys are believed to be where they belong."""
    vlek_accepted: bool
    list_required: bool
    """A revocation list must be there."""
    any_chip: bool
    chips: Map[ChipId, bool]
    masked_chip_accepted: bool
    any_service: bool
    services: Map[ServiceId, bool]
    floors: Floors
    version_floor: FirmwareVersion
    required_mitigations: Mitigations
    required_platform: Annotated[int, Bits(64)]
    forbidden_platform: Annotated[int, Bits(64)]
    required_policy: Annotated[int, Bits(64)]
    forbidden_policy: Annotated[int, Bits(64)]
    policy_abi_floor: Annotated[int, Bits(16)]
    """The guest's policy must not accept an older ABI version."""
    agent_accepted: bool
    """The guest may be bound to a migration agent."""
    any_measurement: bool
    measurements: Map[Digest, bool]
    any_id_key: bool
    id_keys: Map[Digest, bool]
    any_author_key: bool
    author_keys: Map[Digest, bool]
    any_host_data: bool
    host_data: Annotated[int, Bits(256)]
    any_family_id: bool
    family_id: Identifier
    any_image_id: bool
    image_id: Identifier
    svn_floor: Annotated[int, Bits(32)]
    any_vmpl: bool
    vmpl: Annotated[int, Bits(32)]
    any_report_data: bool
    report_data: ReportData
    """The nonce, or whatever the relying party and the guest agreed on, such as a hash of both and of a key."""


def accepts(reference: Reference, product: Annotated[int, Bits(2)]) -> bool:
    """Whether keys of a product are taken for what they should be."""
    return select(product, (reference.milan_accepted, reference.genoa_accepted, reference.turin_accepted, False))


def signer_faults(rules: Diligence, reference: Reference, report: Report, endorsement: Endorsement) -> Faults:
    """Whose key this relying party takes no report from."""
    known_service = any_of(none_of(endorsement.is_vlek), reference.any_service, reference.services[endorsement.service])
    known_chip = any_of(reference.any_chip, reference.chips[report.chip_id])
    return (
        ("product-accepted", all_of(rules.asks_product, none_of(accepts(reference, endorsement.product)))),
        ("vlek-accepted", all_of(endorsement.is_vlek, none_of(reference.vlek_accepted))),
        ("chip-accepted", all_of(rules.asks_chip, none_of(known_chip))),
        ("service-accepted", all_of(rules.asks_chip, none_of(known_service))),
    )


def floor_of(floors: Floors, product: Annotated[int, Bits(2)]) -> int:
    """The oldest accepted TCB version of a product."""
    return ite(product == Product.MILAN, floors.milan, ite(product == Product.GENOA, floors.genoa, floors.turin))


def floor_faults(reference: Reference, report: Report, product: Annotated[int, Bits(2)]) -> Faults:
    """The key, or what launched the guest, is of a firmware that is too old. What runs is not older than the key's."""
    floor = floor_of(reference.floors, product)
    return (
        ("tcb-floor", none_of(at_least(report.reported_tcb, floor))),
        ("launch-tcb-floor", none_of(at_least(report.launch_tcb, floor))),
    )


def platform_faults(reference: Reference, report: Report) -> Faults:
    """What is wrong with the firmware and the machine."""
    mitigations, required = reference.required_mitigations, reference.required_platform
    return (
        ("firmware-version", report.committed_version < reference.version_floor),
        ("launch-mitigations", report.launch_mitigations & mitigations != mitigations),
        ("current-mitigations", report.current_mitigations & mitigations != mitigations),
        ("platform-required", report.platform_info & required != required),
        ("platform-forbidden", report.platform_info & reference.forbidden_platform != 0),
    )


def policy_faults(reference: Reference, report: Report) -> Faults:
    """What the guest's policy lets others do to it, and whether someone was let."""
    bound = report.report_id_ma != NO_AGENT
    return (
        ("policy-forbidden", report.policy & reference.forbidden_policy != 0),
        ("policy-required", report.policy & reference.required_policy != reference.required_policy),
        ("policy-abi", report.policy & ABI_VERSION_MASK < reference.policy_abi_floor),
        ("migration-agent", all_of(bound, none_of(reference.agent_accepted))),
    )


def measurement_faults(reference: Reference, report: Report) -> Faults:
    """What was launched is not what was expected."""
    return (("measurement", none_of(reference.any_measurement, reference.measurements[report.measurement])),)


def owner_faults(reference: Reference, report: Report) -> Faults:
    """What the guest's owner, or the host, says of the guest."""
    author = all_of(report.author_key_enabled, reference.author_keys[report.author_key_digest])
    return (
        ("id-key", none_of(reference.any_id_key, reference.id_keys[report.id_key_digest])),
        ("author-key", none_of(reference.any_author_key, author)),
        ("family-id", none_of(reference.any_family_id, report.family_id == reference.family_id)),
        ("image-id", none_of(reference.any_image_id, report.image_id == reference.image_id)),
        ("guest-svn", report.guest_svn < reference.svn_floor),
        ("host-data", none_of(reference.any_host_data, report.host_data == reference.host_data)),
    )


def request_faults(rules: Diligence, reference: Reference, report: Report) -> Faults:
    """Who asked for the report, and for what."""
    same_level = any_of(reference.any_vmpl, report.vmpl == reference.vmpl)
    same_data = any_of(reference.any_report_data, report.report_data == reference.report_data)
    return (
        ("vmpl", all_of(rules.asks_vmpl, none_of(same_level))),
        ("report-data", all_of(rules.asks_nonce, none_of(same_data))),
    )
