"""ATTESTATION_REPORT: 4A0h bytes, of which the first 2A0h are signed (firmware ABI 56860, "Attestation")."""

from dataclasses import dataclass
from typing import ClassVar

from impl.firmware.id_block import SIGNATURE_BYTES, Signature
from impl.firmware.layout import Layout, bits, parse, raw, u8, u32, u64

SIGNED_BYTES = 0x2A0
REPORT_BYTES = SIGNED_BYTES + SIGNATURE_BYTES


class Malformed(Exception):
    """These bytes cannot be read as what they should be. The message is one line."""


@dataclass(frozen=True, kw_only=True)
class AttestationReport(Layout):
    """The signed part."""

    LENGTH: ClassVar[int] = SIGNED_BYTES
    version: int = u32(0x000)
    guest_svn: int = u32(0x004)
    policy: int = u64(0x008)
    family_id: bytes = raw(0x010, 16)
    image_id: bytes = raw(0x020, 16)
    vmpl: int = u32(0x030)
    signature_algo: int = u32(0x034)
    current_tcb: int = u64(0x038)
    platform_info: int = u64(0x040)
    author_key_en: int = bits(0x048, 0, 1)
    mask_chip_key: int = bits(0x048, 1, 1)
    signing_key: int = bits(0x048, 2, 3)
    report_data: bytes = raw(0x050, 64)
    measurement: bytes = raw(0x090, 48)
    host_data: bytes = raw(0x0C0, 32)
    id_key_digest: bytes = raw(0x0E0, 48)
    author_key_digest: bytes = raw(0x110, 48)
    report_id: bytes = raw(0x140, 32)
    report_id_ma: bytes = raw(0x160, 32)
    reported_tcb: int = u64(0x180)
    cpuid_fam_id: int = u8(0x188)
    cpuid_mod_id: int = u8(0x189)
    cpuid_step: int = u8(0x18A)
    chip_id: bytes = raw(0x1A0, 64)
    committed_tcb: int = u64(0x1E0)
    current_build: int = u8(0x1E8)
    current_minor: int = u8(0x1E9)
    current_major: int = u8(0x1EA)
    committed_build: int = u8(0x1EC)
    committed_minor: int = u8(0x1ED)
    committed_major: int = u8(0x1EE)
    launch_tcb: int = u64(0x1F0)
    launch_mit_vector: int = u64(0x1F8)
    current_mit_vector: int = u64(0x200)


@dataclass(frozen=True)
class SignedReport:
    """A whole report."""

    signed: bytes
    """What the signature is of."""
    fields: AttestationReport
    signature: Signature
    """Its `reserved_set` says whether the bytes behind R and S, which nothing signs, are zero."""


def read_report(content: bytes) -> SignedReport:
    """The report in a file's content."""
    if len(content) != REPORT_BYTES:
        raise Malformed(f"a report has {REPORT_BYTES} bytes, these are {len(content)}")
    signed = content[:SIGNED_BYTES]
    return SignedReport(signed, parse(AttestationReport, signed), parse(Signature, content[SIGNED_BYTES:]))
