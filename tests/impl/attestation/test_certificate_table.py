"""Certificate tables of extended requests: what a host hands over is read with care."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from impl.attestation.certificate_table import GUIDS, TableEntry, packed_table, read_table
from impl.attestation.certificates import read_bundle
from impl.attestation.report import Malformed
from impl.attestation.verifier import verify
from tests.impl.attestation.made import NOW, bundle, forged, reference, vcek_bundle

NAMES = ("VCEK", "ASK", "ARK")


def table() -> bytes:
    certificates = vcek_bundle().certificates
    return packed_table({name: each.public_bytes(Encoding.DER) for name, each in zip(NAMES, certificates, strict=True)})


def test_table_is_read_as_it_was_packed() -> None:
    assert dict(read_table(packed_table({"ARK": b"root", "CRL": b""}))) == {"ARK": b"root", "CRL": b""}


def test_empty_table_has_nothing() -> None:
    assert list(read_table(packed_table({}))) == []
    assert list(read_table(bytes(4096))) == []


def test_unknown_certificates_are_passed_over() -> None:
    content = bytearray(packed_table({"ARK": b"root", "ASK": b"sign"}))
    content[0] ^= 1
    assert dict(read_table(bytes(content))) == {"ASK": b"sign"}


@pytest.mark.parametrize(
    "entry", [{"offset": 0x31}, {"length": 0x1000}, {"offset": 0xFFFF_FFFF, "length": 0xFFFF_FFFF}]
)
def test_entry_that_leaves_the_table_is_malformed(entry: dict[str, int]) -> None:
    made = TableEntry(**({"guid": GUIDS["ARK"].bytes_le, "offset": 0x30, "length": 1} | entry)).pack()
    with pytest.raises(Malformed, match="entry 0 of the certificate table leaves the table"):
        list(read_table(made + bytes(TableEntry.LENGTH) + b"c"))


def test_table_without_an_end_is_malformed() -> None:
    with pytest.raises(Malformed, match="no last entry"):
        list(read_table(TableEntry(guid=GUIDS["ARK"].bytes_le).pack()))


def test_table_serves_as_the_certificates_of_a_report() -> None:
    found = read_bundle([("table", table() + bytes(100))])
    assert found.certificates == vcek_bundle().certificates
    assert verify(forged(), found, reference(), NOW).decided == "accepted"


def test_pem_with_several_certificates_and_a_list_is_read_whole() -> None:
    from tests.impl.attestation.cases import listing

    made = listing()
    text = b"".join(each.public_bytes(Encoding.PEM) for each in (*made.certificates, *made.lists))
    assert read_bundle([("chain.pem", text)]) == made


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", b"\x30\x00"]
)
def test_what_is_no_certificate_is_named(content: bytes) -> None:
    with pytest.raises(Malformed, match=r"^x\.pem: neither certificates nor revocation lists"):
        read_bundle([("x.pem", content)])


def test_no_file_is_no_certificate() -> None:
    assert read_bundle([]) == bundle()
