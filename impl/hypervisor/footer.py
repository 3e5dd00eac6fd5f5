"""The GUIDed table at the end of an OVMF (or SVSM) image, read from its footer downwards.

Layout (edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm): the last 32 bytes of the image are the reset vector;
below them stands the footer, whose size covers the whole table; below that the entries. Each, and the footer too,
ends with its total size (u16) and its GUID, so the table is walked from high to low addresses. Little-endian.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from impl.hypervisor.errors import ImageError

FOOTER_GUID = UUID("96b582de-1fb2-45f7-baea-a366c55a082d")
RESET_BLOCK_GUID = UUID("00f771de-1a7e-4fcb-890e-68c77e2fb44e")
"""SEV-ES reset block: where application processors start (u32)."""
METADATA_GUID = UUID("dc886566-984a-4798-a75e-5585a7bf67cc")
"""SEV metadata: distance of its descriptor from the end of the image (u32)."""
HASH_TABLE_GUID = UUID("7255371f-3a3b-4b04-927b-1da6efa8d454")
"""SEV hash table: guest-physical base and size of the area for kernel hashes (u32, u32)."""
SVSM_INFO_GUID = UUID("a789a612-0597-4c4b-a49f-cbb1fe9d1ddd")
"""SVSM launch info: offset of the entry point from the start of the image (u32)."""

RESET_VECTOR_SIZE = 32
TAIL = struct.Struct("<H16s")
"""How every entry ends: its total size, then its GUID."""


@dataclass(frozen=True)
class HashTableArea:
    """Where the image expects the kernel hashes. Bytes; a base of 0 means that it expects none."""

    gpa: int
    size: int


@dataclass(frozen=True)
class Footer:
    """The entries of the table by GUID, without their tails."""

    role: str
    entries: Mapping[UUID, bytes]

    def _fields(self, guid: UUID, name: str, layout: str) -> tuple[int, ...]:
        if guid not in self.entries:
            raise ImageError(f"{self.role}: footer table: no {name} entry ({guid})")
        data = self.entries[guid]
        expected = struct.calcsize(layout)
        if len(data) != expected:
            raise ImageError(f"{self.role}: footer table: {name} entry has {len(data)} bytes of data, not {expected}")
        return struct.unpack(layout, data)

    def ap_reset_eip(self) -> int:
        """Linear address at which application processors start."""
        return self._fields(RESET_BLOCK_GUID, "SEV-ES reset block", "<I")[0]

    def metadata_offset(self) -> int:
        """Bytes from the end of the image back to the SEV metadata descriptor."""
        return self._fields(METADATA_GUID, "SEV metadata", "<I")[0]

    def hash_table(self) -> HashTableArea:
        """The area for kernel hashes."""
        gpa, size = self._fields(HASH_TABLE_GUID, "SEV hash table", "<II")
        return HashTableArea(gpa, size)

    def svsm_entry_offset(self) -> int:
        """Bytes from the start of the image to the entry point of an SVSM."""
        return self._fields(SVSM_INFO_GUID, "SVSM info", "<I")[0]


def has_footer(image: bytes) -> bool:
    """Whether there is a table at all; images from before SEV-ES have none."""
    end = len(image) - RESET_VECTOR_SIZE
    return end >= TAIL.size and image[end - len(FOOTER_GUID.bytes_le) : end] == FOOTER_GUID.bytes_le


def parse_footer(image: bytes, role: str) -> Footer:
    """Walk the whole table. An entry that a lenient reader would skip is refused: readers might differ on it."""
    end = len(image) - RESET_VECTOR_SIZE
    if end < TAIL.size:
        raise ImageError(f"{role}: the image has {len(image)} bytes, too few for a footer table")
    size, guid = TAIL.unpack_from(image, end - TAIL.size)
    if guid != FOOTER_GUID.bytes_le:
        raise ImageError(f"{role}: no OVMF footer at {end - 16:#x}: GUID {UUID(bytes_le=guid)} is not {FOOTER_GUID}")
    if not TAIL.size <= size <= end:
        raise ImageError(f"{role}: footer table: size {size} at {end - TAIL.size:#x} is not in {TAIL.size}..{end}")
    return Footer(role, _entries(image, end - size, end - TAIL.size, role))


def _entries(image: bytes, start: int, end: int, role: str) -> dict[UUID, bytes]:
    entries: dict[UUID, bytes] = {}
    while end > start:
        if end - start < TAIL.size:
            raise ImageError(f"{role}: footer table: {end - start} bytes at {start:#x} are too few for an entry")
        tail = end - TAIL.size
        size, guid_bytes = TAIL.unpack_from(image, tail)
        guid = UUID(bytes_le=guid_bytes)
        if not TAIL.size <= size <= end - start:
            raise ImageError(
                f"{role}: footer table: entry {guid}: size {size} at {tail:#x} is not in {TAIL.size}..{end - start}"
            )
        if guid in entries:
            raise ImageError(f"{role}: footer table: second entry {guid} at {tail:#x}")
        entries[guid] = image[end - size : tail]
        end -= size
    return entries
