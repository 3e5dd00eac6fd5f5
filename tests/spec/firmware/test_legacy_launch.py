"""The legacy digest against hashlib, and what it does not bind; SNP's digest binds it."""

from hashlib import sha256, sha384

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.firmware.launch_digest import MeasuredPage, extended
from spec.firmware.legacy_launch import LEGACY_DIGEST_BYTES, legacy_digest
from spec.vocabulary import LaunchPageType

PAGES = [bytes([number]) * 4096 for number in (1, 2)]
PLACES = [[0x100, 0x101], [0x101, 0x100]]


def legacy(content: bytes) -> bytes:
    return legacy_digest(int.from_bytes(content, "little"), len(content)).to_bytes(LEGACY_DIGEST_BYTES, "little")


@given(content=st.binary(max_size=200).map(lambda raw: raw.ljust(-(-len(raw) // 16) * 16, b"\0")))
def test_legacy_digest_is_sha256_of_the_content(content):
    assert legacy(content) == sha256(content).digest()


def test_legacy_digest_of_another_order_differs():
    assert legacy(PAGES[0] + PAGES[1]) != legacy(PAGES[1] + PAGES[0])


@pytest.mark.parametrize("page_type", [LaunchPageType.NORMAL, LaunchPageType.VMSA])
def test_snp_digest_of_the_same_pages_in_the_same_order_at_exchanged_addresses_differs(page_type):
    digests = []
    for gfns in PLACES:
        digest = 0
        for gfn, content in zip(gfns, PAGES, strict=True):
            hashed = int.from_bytes(sha384(content).digest(), "little")
            digest = extended(digest, hashed, MeasuredPage(page_type, False, 0, 0, 0, gfn))
        digests.append(digest)
    assert digests[0] != digests[1]


def test_snp_digest_of_data_launched_as_vmsa_differs():
    hashed = int.from_bytes(sha384(PAGES[0]).digest(), "little")
    as_data, as_vmsa = (
        extended(0, hashed, MeasuredPage(page_type, False, 0, 0, 0, 0x100))
        for page_type in (LaunchPageType.NORMAL, LaunchPageType.VMSA)
    )
    assert as_data != as_vmsa
