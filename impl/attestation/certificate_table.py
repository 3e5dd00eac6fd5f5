"""The certificate table of an extended guest request (GHCB 56421, "SNP Extended Guest Request").

Entries of GUID, offset and length, ended by an entry of zeros; then the certificates. The guest believes none of it: it
only passes it on to a relying party.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from impl.attestation.report import Malformed
from impl.firmware.layout import Layout, parse, raw, u32

GUIDS = {
    "ARK": UUID("c0b406a4-a803-4952-9743-3fb6014cd0ae"),
    "ASK": UUID("4ab7b379-bbac-4fe4-a02f-05aef327c782"),
    "VCEK": UUID("63da758d-e664-4564-adc5-f4b93be8accd"),
    "VLEK": UUID("a8074bc2-a25a-483e-aae6-39c045a0b8a1"),
    "CRL": UUID("92f81bc3-5811-4d3d-97ff-d19f88dc67ea"),
}


@dataclass(frozen=True, kw_only=True)
class TableEntry(Layout):
    """One certificate. Offset and length are in bytes, the offset from the table's first byte."""

    LENGTH: ClassVar[int] = 0x18
    guid: bytes = raw(0x00, 16)
    offset: int = u32(0x10)
    length: int = u32(0x14)


def is_table(content: bytes) -> bool:
    """Whether some bytes begin like a table with a known certificate in front."""
    return content[:16] in {guid.bytes_le for guid in GUIDS.values()}


def packed_table(certificates: Mapping[str, bytes]) -> bytes:
    """A table of certificates in DER, by the names of `GUIDS`."""
    offset = TableEntry.LENGTH * (len(certificates) + 1)
    entries = b""
    for name, content in certificates.items():
        entries += TableEntry(guid=GUIDS[name].bytes_le, offset=offset, length=len(content)).pack()
        offset += len(content)
    return entries + bytes(TableEntry.LENGTH) + b"".join(certificates.values())


def read_table(content: bytes) -> Iterator[tuple[str, bytes]]:
    """GUIDs and contents. Offsets and lengths are the host's to choose, so each is looked at."""
    names = {guid.bytes_le: name for name, guid in GUIDS.items()}
    for at in range(0, len(content), TableEntry.LENGTH):
        raw_entry = content[at : at + TableEntry.LENGTH]
        if not any(raw_entry):
            return
        entry = parse(TableEntry, raw_entry)
        if len(raw_entry) < TableEntry.LENGTH or entry.offset + entry.length > len(content):
            raise Malformed(f"entry {at // TableEntry.LENGTH} of the certificate table leaves the table")
        if entry.guid in names:
            yield names[entry.guid], content[entry.offset : entry.offset + entry.length]
    raise Malformed("the certificate table has no last entry")
