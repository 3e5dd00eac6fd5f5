"""Firmware makes reports, for guests and for the host; and whoever has come by a signing key makes what he likes."""

from spec.attestation.parties import (
    Chip,
    ChipNumber,
    GuestNumber,
    Launched,
    Parties,
    Request,
    RequestNumber,
    Signature,
    Signer,
    is_lost,
)
from spec.attestation.report import ECDSA_P384_SHA384, WITH_CPUID, WITH_MITIGATIONS, Report
from spec.firmware.guest_request import names_higher_level
from spec.logic import all_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import HOST_REQUESTED, Actor, Evidence, GuestAction, GuestPolicy, SigningKey, Status

HOST_REQUEST = Request(False, 0, 0, HOST_REQUESTED, 0, False, 0, 0)
"""What SNP_HV_REPORT_REQ stands for in a report."""


@record
class Reporting:
    """A request that reaches a chip's firmware."""

    request: RequestNumber
    chip: ChipNumber
    with_vlek: bool


@record
class HostReporting:
    """SNP_HV_REPORT_REQ."""

    guest: GuestNumber
    with_vlek: bool


@record
class Forging:
    """A report and the key that shall sign it."""

    signer: Signer
    report: Report


def report_of(chip: Chip, guest: Launched, request: Request, with_vlek: bool) -> Report:
    """What firmware of this chip says of the guest."""
    has_cpuid = chip.report_version >= WITH_CPUID
    has_mitigations = chip.report_version >= WITH_MITIGATIONS
    return Report(
        version=chip.report_version,
        guest_svn=guest.guest_svn,
        policy=guest.policy,
        family_id=guest.family_id,
        image_id=guest.image_id,
        vmpl=request.vmpl,
        signature_algorithm=ECDSA_P384_SHA384,
        current_tcb=chip.current_tcb,
        platform_info=chip.platform_info,
        author_key_enabled=guest.author_key_enabled,
        chip_key_masked=False,
        signing_key=ite(with_vlek, SigningKey.VLEK, SigningKey.VCEK),
        report_data=request.data,
        measurement=guest.measurement,
        host_data=guest.host_data,
        id_key_digest=guest.id_key_digest,
        author_key_digest=guest.author_key_digest,
        report_id=guest.report_id,
        report_id_ma=guest.report_id_ma,
        reported_tcb=chip.reported_tcb,
        cpuid_family=ite(has_cpuid, chip.cpuid_family, 0),
        cpuid_model=ite(has_cpuid, chip.cpuid_model, 0),
        cpuid_stepping=ite(has_cpuid, chip.cpuid_stepping, 0),
        chip_id=chip.chip_id,
        committed_tcb=chip.committed_tcb,
        current_version=chip.version,
        committed_version=chip.version,
        launch_tcb=guest.launch_tcb,
        launch_mitigations=ite(has_mitigations, guest.launch_mitigations, 0),
        current_mitigations=ite(has_mitigations, chip.mitigations, 0),
        reserved=False,
    )


def key_of(chip: Chip, with_vlek: bool) -> Signer:
    """The key that signs: the chip's own or the loaded one, for the TCB version that is reported."""
    return Signer(with_vlek, ite(with_vlek, chip.service, chip.chip_id), chip.product, chip.reported_tcb)


def signed(parties: Parties, signature: Signature) -> Parties:
    """There is one more signature, and everybody has it."""
    signatures = parties.signatures.set(parties.next_signature, signature)
    return replace(parties, signatures=signatures, next_signature=parties.next_signature + 1)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "MSG_REPORT_REQ"')
def firmware_reports(parties: Parties, op: Reporting) -> Outcome:
    """A request is answered, once or more often, sooner or later."""
    # 1. Somebody who had the guest's key sealed it.
    request = parties.requests[op.request]
    if none_of(request.made):
        return Outcome(Status.BAD_MEASUREMENT, "authentic", parties, Evidence.FIRMWARE)

    # 2. The guest is here, or a migration agent has brought it.
    guest = parties.guests[request.guest]
    if all_of(op.chip != guest.chip, guest.policy & GuestPolicy.MIGRATE_MA == 0):
        return Outcome(Status.INVALID_GUEST, "platform", parties, Evidence.FIRMWARE)

    # 3. No report for a more privileged level.
    if names_higher_level(request.vmpl, request.vmpck):
        return Outcome(Status.INVALID_PARAM, "vmpl", parties, Evidence.FIRMWARE)

    # 4. The report.
    chip = parties.chips[op.chip]
    report = report_of(chip, guest, request, op.with_vlek)
    made = Signature(True, key_of(chip, op.with_vlek), report, False, False, op.request)
    return Outcome(Status.SUCCESS, "reported", signed(parties, made), Evidence.FIRMWARE)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_HV_REPORT_REQ"')
def host_asks_for_report(parties: Parties, op: HostReporting) -> Outcome:
    """The host asks for a report of a guest; VMPL and report data say so."""
    guest = parties.guests[op.guest]
    chip = parties.chips[guest.chip]
    report = report_of(chip, guest, HOST_REQUEST, op.with_vlek)
    made = Signature(True, key_of(chip, op.with_vlek), report, False, True, 0)
    return Outcome(Status.SUCCESS, "reported", signed(parties, made), Evidence.MANUAL)


@transition(actor=Actor.ADVERSARY, manual="VCEK certificate specification (57230)")
def adversary_signs_report(parties: Parties, op: Forging) -> Outcome:
    """Any report, with a key that was lost."""
    # 1. The key can be had.
    if none_of(is_lost(parties.losses, op.signer)):
        return Outcome(GuestAction.REFRAINS, "key-secret", parties, Evidence.INFERRED)

    # 2. The signature.
    made = Signature(True, op.signer, op.report, True, False, 0)
    return Outcome(GuestAction.CONTINUES, "forged", signed(parties, made), Evidence.INFERRED)
