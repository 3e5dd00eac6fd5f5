"""Checks of a report by itself: its form, and what firmware says of its key (firmware ABI 56860, "Attestation")."""

from collections.abc import Iterator
from dataclasses import dataclass

from impl.attestation.report import SignedReport
from spec.vocabulary import HOST_REQUESTED, VMPLS, GuestPolicy, PlatformInfo, SigningKey

VERSIONS = range(2, 6)
_CPUID_SINCE, _MITIGATIONS_SINCE = 3, 5
_ECDSA_P384_SHA384 = 1
_ABI_BITS = 0xFFFF
_POLICY_BITS = sum(GuestPolicy) | _ABI_BITS


@dataclass(frozen=True)
class Checked:
    """One check that was made."""

    name: str
    holds: bool
    says: str
    """What was seen, for people."""


def form_checks(report: SignedReport) -> Iterator[Checked]:
    """Bytes that firmware never writes."""
    fields = report.fields
    cpuid = (fields.cpuid_fam_id, fields.cpuid_mod_id, fields.cpuid_step)
    mitigations = (fields.launch_mit_vector, fields.current_mit_vector)
    version = fields.version
    yield Checked("version", version in VERSIONS, f"version {version}")
    yield Checked(
        "signature-algorithm", fields.signature_algo == _ECDSA_P384_SHA384, f"algorithm {fields.signature_algo}"
    )
    yield Checked("reserved", not fields.reserved_set, "not zero" if fields.reserved_set else "zero")
    yield Checked(
        "reserved-cpuid", version >= _CPUID_SINCE or not any(cpuid), "CPUID bytes {:#x} {:#x} {:#x}".format(*cpuid)
    )
    yield Checked(
        "reserved-mitigations",
        version >= _MITIGATIONS_SINCE or not any(mitigations),
        "launched with {:#x}, now {:#x}".format(*mitigations),
    )
    yield Checked("policy-reserved-one", bool(fields.policy & GuestPolicy.RESERVED_ONE), f"policy {fields.policy:#x}")
    yield Checked("policy-reserved", not fields.policy & ~_POLICY_BITS, f"policy {fields.policy:#x}")
    yield Checked(
        "platform-reserved", not fields.platform_info & ~sum(PlatformInfo), f"platform info {fields.platform_info:#x}"
    )
    behind = report.signature.reserved_set
    yield Checked("unsigned-bytes", not behind, "not zero" if behind else "bytes 330h to 49Fh are zero")


def key_checks(report: SignedReport) -> Iterator[Checked]:
    """What the report says of its key, and of who asked for it."""
    fields = report.fields
    key = fields.signing_key
    yield Checked("chip-key-masked", not fields.mask_chip_key, f"MASK_CHIP_KEY {fields.mask_chip_key}")
    yield Checked("unsigned", key != SigningKey.NONE, f"SIGNING_KEY {key}")
    yield Checked("signing-key", key in (SigningKey.VCEK, SigningKey.VLEK), f"SIGNING_KEY {key}")
    yield Checked("host-requested", fields.vmpl != HOST_REQUESTED, f"VMPL {fields.vmpl:#x}")
    yield Checked("vmpl-range", fields.vmpl in VMPLS, f"VMPL {fields.vmpl:#x}")
