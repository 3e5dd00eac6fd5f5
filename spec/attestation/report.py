"""The attestation report, field by field (firmware ABI 56860, "Attestation"; 4A0h bytes)."""

from typing import Annotated

from spec.attestation.rules import Faults
from spec.firmware.state import Digest
from spec.logic import all_of, any_of, none_of
from spec.record import record
from spec.vocabulary import HOST_REQUESTED, VMPLS, Bits, GuestPolicy, PlatformInfo, SigningKey

Identifier = Annotated[int, Bits(128)]
"""FAMILY_ID and IMAGE_ID, which the guest's owner chooses."""
TcbNumber = Annotated[int, Bits(64)]
"""A TCB_VERSION as it stands in a report; see `spec/attestation/tcb.py`."""
FirmwareVersion = Annotated[int, Bits(24)]
"""Major, minor and build number of a firmware, a byte each from the top."""
ReportId = Annotated[int, Bits(256)]
ChipId = Annotated[int, Bits(512)]
ReportData = Annotated[int, Bits(512)]
Mitigations = Annotated[int, Bits(64)]
"""A bit for each vulnerability that the firmware has a mitigation for."""

FIRST_VERSION = 2
LAST_VERSION = 5
WITH_CPUID = 3
"""From this version on the report has CPUID_FAM_ID, CPUID_MOD_ID and CPUID_STEP."""
WITH_MITIGATIONS = 5
"""From this version on it has LAUNCH_MIT_VECTOR and CURRENT_MIT_VECTOR."""
ECDSA_P384_SHA384 = 1
NO_AGENT = (1 << 256) - 1
"""REPORT_ID_MA of a guest without a migration agent."""
POLICY_BITS = sum(GuestPolicy) | 0xFFFF
"""The bits of POLICY that have a meaning; the low 16 are the lowest ABI version."""
PLATFORM_BITS = sum(PlatformInfo)


@record
class Report:
    """What is signed: bytes 0 to 29Fh. Numbers are little-endian, byte strings are taken as such numbers, too."""

    version: Annotated[int, Bits(32)]
    guest_svn: Annotated[int, Bits(32)]
    """Security version number of the guest's image, from its ID block."""
    policy: Annotated[int, Bits(64)]
    family_id: Identifier
    image_id: Identifier
    vmpl: Annotated[int, Bits(32)]
    """The level that the guest named in its request, or `HOST_REQUESTED`."""
    signature_algorithm: Annotated[int, Bits(32)]
    current_tcb: TcbNumber
    """Of the firmware that runs."""
    platform_info: Annotated[int, Bits(64)]
    author_key_enabled: bool
    """KEY_INFO[0]"""
    chip_key_masked: bool
    """KEY_INFO[1]"""
    signing_key: Annotated[int, Bits(3)]
    """KEY_INFO[4:2], a `SigningKey`."""
    report_data: ReportData
    """Whatever the guest put into its request."""
    measurement: Digest
    """The launch digest."""
    host_data: Annotated[int, Bits(256)]
    """Whatever the host put into SNP_LAUNCH_FINISH."""
    id_key_digest: Digest
    author_key_digest: Digest
    report_id: ReportId
    report_id_ma: ReportId
    """Of the migration agent."""
    reported_tcb: TcbNumber
    """The TCB version for which the signing key was derived; the host may report an older one than it has."""
    cpuid_family: Annotated[int, Bits(8)]
    cpuid_model: Annotated[int, Bits(8)]
    cpuid_stepping: Annotated[int, Bits(8)]
    chip_id: ChipId
    """0 if the host masks it (MASK_CHIP_ID of SNP_CONFIG)."""
    committed_tcb: TcbNumber
    """What the firmware cannot be rolled back from."""
    current_version: FirmwareVersion
    committed_version: FirmwareVersion
    launch_tcb: TcbNumber
    """The current TCB version when the guest was launched or arrived."""
    launch_mitigations: Mitigations
    current_mitigations: Mitigations
    reserved: bool
    """Some reserved bit is set that is reserved in every version."""


def form_faults(report: Report) -> Faults:
    """What is wrong with the form: no report of firmware has it."""
    no_cpuid = all_of(report.cpuid_family == 0, report.cpuid_model == 0, report.cpuid_stepping == 0)
    no_mitigations = all_of(report.launch_mitigations == 0, report.current_mitigations == 0)
    return (
        ("version", any_of(report.version < FIRST_VERSION, report.version > LAST_VERSION)),
        ("signature-algorithm", report.signature_algorithm != ECDSA_P384_SHA384),
        ("reserved", report.reserved),
        ("reserved-cpuid", none_of(report.version >= WITH_CPUID, no_cpuid)),
        ("reserved-mitigations", none_of(report.version >= WITH_MITIGATIONS, no_mitigations)),
        ("policy-reserved-one", report.policy & GuestPolicy.RESERVED_ONE == 0),
        ("policy-reserved", report.policy & POLICY_BITS != report.policy),
        ("platform-reserved", report.platform_info & PLATFORM_BITS != report.platform_info),
    )


def key_faults(report: Report) -> Faults:
    """Firmware had no key to sign with, or says that it used one that does not exist."""
    return (
        ("chip-key-masked", report.chip_key_masked),
        ("unsigned", report.signing_key == SigningKey.NONE),
        ("signing-key", none_of(report.signing_key == SigningKey.VCEK, report.signing_key == SigningKey.VLEK)),
    )


def requester_faults(report: Report) -> Faults:
    """The host asked for the report, or a guest for a level that does not exist; early firmware let it."""
    return (("host-requested", report.vmpl == HOST_REQUESTED), ("vmpl-range", report.vmpl > VMPLS[-1]))
