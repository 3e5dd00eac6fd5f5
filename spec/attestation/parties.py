"""Everybody that has to do with attestation: chips, guests, one relying party, and an adversary who carries it all.

Keys are symbolic and signatures ideal: one holds exactly for the report and the key that it was made with.
"""

from typing import Annotated

from spec.attestation.reference import Floors, Reference, floor_of
from spec.attestation.report import (
    ChipId,
    FirmwareVersion,
    Identifier,
    Mitigations,
    Report,
    ReportData,
    ReportId,
    TcbNumber,
)
from spec.attestation.rules import Diligence
from spec.attestation.tcb import at_least
from spec.firmware.state import Digest
from spec.logic import all_of, any_of, none_of, select
from spec.maps import Map
from spec.record import record
from spec.vocabulary import Bits, GuestPolicy, Vmpl

ChipNumber = Annotated[int, Bits(16, "chip")]
GuestNumber = Annotated[int, Bits(32, "guest")]
"""A guest that was launched somewhere."""
RequestNumber = Annotated[int, Bits(48, "request")]
SignatureNumber = Annotated[int, Bits(48, "signature")]
Nonce = Annotated[int, Bits(64, "nonce")]
"""Nonces are drawn one after the other; report data from 2**64 on is no nonce."""
Holder = Annotated[int, Bits(512)]
"""Whose key: the chip of a VCEK (hwID), the service of a VLEK (cspID)."""
LAST_NONCE = (1 << 64) - 1
LAST_NUMBER = (1 << 48) - 1


@record
class Signer:
    """A VCEK or VLEK: what it was derived from."""

    is_vlek: bool
    holder: Holder
    product: Annotated[int, Bits(2)]
    tcb: TcbNumber


@record
class Chip:
    """A chip and its firmware, as a report has them."""

    product: Annotated[int, Bits(2)]
    report_version: Annotated[int, Bits(32)]
    cpuid_family: Annotated[int, Bits(8)]
    cpuid_model: Annotated[int, Bits(8)]
    cpuid_stepping: Annotated[int, Bits(8)]
    chip_id: ChipId
    service: Holder
    """The service of the VLEK that it has loaded."""
    platform_info: Annotated[int, Bits(64)]
    current_tcb: TcbNumber
    committed_tcb: TcbNumber
    reported_tcb: TcbNumber
    version: FirmwareVersion
    mitigations: Mitigations


@record
class Launched:
    """A guest, as firmware knows it since its launch."""

    chip: ChipNumber
    """Where it runs."""
    measurement: Digest
    policy: Annotated[int, Bits(64)]
    guest_svn: Annotated[int, Bits(32)]
    family_id: Identifier
    image_id: Identifier
    host_data: Annotated[int, Bits(256)]
    id_key_digest: Digest
    author_key_enabled: bool
    author_key_digest: Digest
    report_id: ReportId
    report_id_ma: ReportId
    launch_tcb: TcbNumber
    launch_mitigations: Mitigations


@record
class Request:
    """MSG_REPORT_REQ, sealed under a VMPCK of a guest; and, as ghost state, who sealed it and when."""

    made: bool
    guest: GuestNumber
    vmpck: Vmpl
    vmpl: Annotated[int, Bits(32)]
    data: ReportData
    by_guest: bool
    """The guest's software sealed it, not somebody who had come by the key."""
    level: Vmpl
    """The VMPL that the software ran at."""
    asked_at: Nonce
    """The next nonce, at that time: smaller ones had been made."""


@record
class Signature:
    """A signature: of what, by which key; and, as ghost state, how it came about."""

    made: bool
    signer: Signer
    report: Report
    stolen: bool
    """Somebody who had come by the key made it, not firmware."""
    by_host: bool
    """Firmware made it because the host asked."""
    request: RequestNumber
    """Otherwise, for this request."""


@record
class Losses:
    """Which keys are not where they should be."""

    milan: bool
    genoa: bool
    turin: bool
    """Software reads the keys of any chip of this product."""
    opened: Map[Holder, bool]
    """Chips that someone opened, and services that lost their keys."""
    floors: Floors
    """Keys of older TCB versions can be had."""
    ask: bool
    """The ASK signs anything."""


@record
class Care:
    """What software of the measured guests does with its VMPCKs (rules S12 and D10)."""

    never_reseals: bool = True
    """S12: never seal a second plaintext under a number that was used; wipe the key where an answer does not come."""
    strips_keys: bool = True
    """D10: software at a VMPL is given no VMPCK of a more privileged one."""


CAREFUL_OF_KEYS = Care()


@record
class Parties:
    """The state."""

    chips: Map[ChipNumber, Chip]
    guests: Map[GuestNumber, Launched]
    requests: Map[RequestNumber, Request]
    signatures: Map[SignatureNumber, Signature]
    next_request: RequestNumber
    next_signature: SignatureNumber
    next_nonce: Nonce
    losses: Losses
    care: Care
    rules: Diligence
    reference: Reference
    """Of the relying party; its `report_data` is the nonce that it waits for."""


def is_lost(losses: Losses, signer: Signer) -> bool:
    """Whether a key can be had by others."""
    old = none_of(at_least(signer.tcb, floor_of(losses.floors, signer.product)))
    product = select(signer.product, (losses.milan, losses.genoa, losses.turin, True))
    return any_of(product, losses.opened[signer.holder], old)


def is_measured(parties: Parties, guest: Launched) -> bool:
    """Whether the guest is what the relying party expects; others run what the adversary wants."""
    return parties.reference.measurements[guest.measurement]


def exposes_keys(parties: Parties, guest: Launched) -> bool:
    """Whether others can come by the VMPCKs of a guest: its policy lets them read or copy it, or its software does."""
    let_in = guest.policy & (GuestPolicy.DEBUG | GuestPolicy.MIGRATE_MA) != 0
    careless = none_of(all_of(is_measured(parties, guest), parties.care.never_reseals))
    return any_of(let_in, careless)
