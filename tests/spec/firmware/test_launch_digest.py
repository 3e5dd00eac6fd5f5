"""The launch digest against a published tool, and PAGE_INFO byte by byte."""

import hashlib

import pytest
from sevsnpmeasure.gctx import GCTX

from spec.firmware.launch_digest import PAGE_INFO_BYTES, MeasuredPage, extended, measured_contents, page_info
from spec.ideal import sha384
from spec.vocabulary import LaunchPageType

VMSA_GFN = 0xFFFFFFFFF


def number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def plain(page_type: LaunchPageType, gfn: int) -> MeasuredPage:
    return MeasuredPage(page_type, False, 0, 0, 0, gfn)


def test_page_info_fields_stand_at_the_manual_offsets():
    page = MeasuredPage(LaunchPageType.VMSA, True, 0x11, 0x22, 0x33, 0x123456)
    data = page_info(number(b"D" * 48), number(b"C" * 48), page, 7).to_bytes(PAGE_INFO_BYTES, "little")
    assert data == b"D" * 48 + b"C" * 48 + bytes.fromhex("7000 02 01 00 11 22 33") + (0x12345D << 12).to_bytes(
        8, "little"
    )


def test_sha384_is_the_standard_hash_of_the_little_endian_bytes():
    data = bytes(range(112))
    assert sha384(number(data), 112).to_bytes(48, "little") == hashlib.sha384(data).digest()


def test_launch_digest_of_every_page_type_agrees_with_sev_snp_measure():
    code, vmsa = b"\x90" * 4096, b"\x5a" * 4096
    oracle = GCTX()
    oracle.update_normal_pages(0x100000, code)
    oracle.update_zero_pages(0x101000, 0x2000)
    oracle.update_unmeasured_pages(0x103000, 0x1000)
    oracle.update_secrets_page(0x104000)
    oracle.update_cpuid_page(0x105000)
    oracle.update_vmsa_page(vmsa)
    pages = (
        (LaunchPageType.NORMAL, 0x100, code),
        (LaunchPageType.ZERO, 0x101, code),
        (LaunchPageType.ZERO, 0x102, code),
        (LaunchPageType.UNMEASURED, 0x103, code),
        (LaunchPageType.SECRETS, 0x104, code),
        (LaunchPageType.CPUID, 0x105, code),
        (LaunchPageType.VMSA, VMSA_GFN, vmsa),
    )
    digest = 0
    for page_type, gfn, content in pages:
        digest = extended(digest, number(hashlib.sha384(content).digest()), plain(page_type, gfn))
    assert digest.to_bytes(48, "little") == oracle.ld()


@pytest.mark.parametrize("page_type", LaunchPageType)
def test_contents_count_only_in_normal_and_vmsa_pages(page_type):
    counts = page_type in (LaunchPageType.NORMAL, LaunchPageType.VMSA)
    assert measured_contents(page_type, 5) == (5 if counts else 0)
