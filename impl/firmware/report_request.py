"""MSG_REPORT_REQ: a guest asks for an attestation report (firmware ABI 56860, "Attestation")."""

from dataclasses import dataclass
from typing import ClassVar

from impl.attestation.report import REPORT_BYTES, AttestationReport
from impl.attestation.signing import signature_of
from impl.firmware.endorsement_key import KeySelection, key_selected
from impl.firmware.guest_context import GuestContext
from impl.firmware.id_block import SIGNATURE_BYTES
from impl.firmware.layout import Layout, bits, parse, raw, u32
from impl.firmware.refusal import Refused, require
from impl.firmware.state import Firmware
from spec.vocabulary import PlatformInfo, SigningKey, Status

_ECDSA_P384_SHA384 = 1
_CHIP_ID_BYTES = 64
_CPUID_SINCE, _MITIGATIONS_SINCE = 3, 5


@dataclass(frozen=True, kw_only=True)
class ReportRequest(Layout):
    """MSG_REPORT_REQ."""

    LENGTH: ClassVar[int] = 0x60
    report_data: bytes = raw(0x00, 64)
    vmpl: int = u32(0x40)
    key_sel: int = bits(0x44, 0, 2)
    """A `KeySelection`."""


@dataclass(frozen=True, kw_only=True)
class ReportResponse(Layout):
    """MSG_REPORT_RSP."""

    LENGTH: ClassVar[int] = 0x20 + REPORT_BYTES
    status: int = u32(0x00)
    report_size: int = u32(0x04)
    report: bytes = raw(0x20, REPORT_BYTES)


def report(firmware: Firmware, guest: GuestContext, payload: bytes, vmpck: int) -> ReportResponse:
    """The answer to a request that was sent under communication key `vmpck`."""
    request = parse(ReportRequest, payload)

    # 1. Reserved bits.
    require(not request.reserved_set, Status.INVALID_PARAM, "report-reserved-bits")

    # 2. The key selection exists.
    require(request.key_sel in tuple(KeySelection), Status.INVALID_KEY, "report-key-selection")

    # 3. No report for a more privileged level.
    require(request.vmpl >= vmpck, Status.INVALID_PARAM, "report-vmpl")

    # 4. The key is there.
    key = key_selected(firmware, guest, request.key_sel)
    if key is None:
        raise Refused(Status.INVALID_KEY, "report-key-available")

    # A masked chip key signs nothing; the guest is told so in the report.
    if key == SigningKey.VCEK and firmware.mask_chip_key:
        key = SigningKey.NONE
    unsigned = made_report(firmware, guest, request.report_data, request.vmpl, key)
    return ReportResponse(report_size=REPORT_BYTES, report=signed(firmware, unsigned))


def made_report(
    firmware: Firmware, guest: GuestContext, report_data: bytes, vmpl: int, key: SigningKey
) -> AttestationReport:
    """What the firmware knows of the guest and of itself."""
    environment, version = firmware.environment, firmware.environment.version
    block, endorsement = guest.id_block, firmware.environment.endorsement
    tcb = environment.committed_tcb
    smt = PlatformInfo.SMT if environment.topology.smt_enabled else 0
    family, model, stepping = _cpuid(environment.family_model_stepping)
    with_cpuid = environment.report_version >= _CPUID_SINCE
    with_mitigations = environment.report_version >= _MITIGATIONS_SINCE
    return AttestationReport(
        version=environment.report_version,
        guest_svn=block.guest_svn,
        policy=guest.policy,
        family_id=block.family_id,
        image_id=block.image_id,
        vmpl=vmpl,
        signature_algo=_ECDSA_P384_SHA384,
        current_tcb=tcb,
        platform_info=environment.platform_info | smt,
        author_key_en=guest.author_key_en,
        mask_chip_key=firmware.mask_chip_key,
        signing_key=key,
        report_data=report_data,
        measurement=guest.launch_digest,
        host_data=guest.host_data,
        id_key_digest=guest.id_key_digest,
        author_key_digest=guest.author_key_digest,
        report_id=guest.report_id,
        report_id_ma=guest.report_id_ma,
        reported_tcb=firmware.reported_tcb,
        cpuid_fam_id=family if with_cpuid else 0,
        cpuid_mod_id=model if with_cpuid else 0,
        cpuid_step=stepping if with_cpuid else 0,
        chip_id=bytes(_CHIP_ID_BYTES) if firmware.mask_chip_id or endorsement is None else endorsement.chip.chip_id,
        committed_tcb=tcb,
        current_build=version.build,
        current_minor=version.minor,
        current_major=version.major,
        committed_build=version.build,
        committed_minor=version.minor,
        committed_major=version.major,
        launch_tcb=guest.launch_tcb,
        launch_mit_vector=guest.launch_mitigations if with_mitigations else 0,
        current_mit_vector=environment.mitigations if with_mitigations else 0,
    )


def signed(firmware: Firmware, unsigned: AttestationReport) -> bytes:
    """The whole report, with a signature of zeros if there is no key."""
    content, endorsement = unsigned.pack(), firmware.environment.endorsement
    if endorsement is None or unsigned.signing_key == SigningKey.NONE:
        return content + bytes(SIGNATURE_BYTES)
    vlek = endorsement.vlek if unsigned.signing_key == SigningKey.VLEK else None
    key = vlek or endorsement.chip.vcek(unsigned.reported_tcb)
    return content + signature_of(content, key).pack()


def _cpuid(signature: int) -> tuple[int, int, int]:
    """Family, model and stepping of CPUID 1 EAX, each with its extension (APM Vol. 3, "CPUID Fn0000_0001_EAX")."""
    stepping, model, family = signature & 0xF, signature >> 4 & 0xF, signature >> 8 & 0xF
    extended_model, extended_family = signature >> 16 & 0xF, signature >> 20 & 0xFF
    return family + extended_family, extended_model << 4 | model, stepping
