"""The SEV metadata of an image: which guest pages the VMM must prepare before the first instruction runs.

Layout (edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm): signature `ASEV`, then size of the whole structure,
version and number of sections (u32 each); then per section guest-physical base, size in bytes and type (u32 each).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from itertools import pairwise

from impl.hypervisor.errors import ImageError
from impl.hypervisor.pages import PAGE_SIZE

SIGNATURE = b"ASEV"
VERSION = 1
HEADER = struct.Struct("<4sIII")
SECTION = struct.Struct("<III")
FOUR_GIB = 1 << 32

MAX_SECTIONS = 64
"""Known images have at most 7."""
MAX_SECTION_PAGES = 16384
"""All sections together, 64 MiB. Known images have at most 160 pages; the bound keeps a plan small."""


@unique
class SectionType(IntEnum):
    """What a section holds."""

    SEC_MEM = 0x1
    SECRETS = 0x2
    CPUID = 0x3
    SVSM_CAA = 0x4
    KERNEL_HASHES = 0x10


ONE_PAGE = (SectionType.SECRETS, SectionType.CPUID, SectionType.KERNEL_HASHES)
"""The VMM fills exactly one page of these, so a larger section would be launched in part."""


@dataclass(frozen=True)
class Section:
    """A range of guest-physical pages. Bytes."""

    gpa: int
    size: int
    type: SectionType

    @property
    def end(self) -> int:
        """First byte after the section."""
        return self.gpa + self.size

    def __str__(self) -> str:
        return f"{self.type.name} at {self.gpa:#x}..{self.end - 1:#x}"


def parse_metadata(image: bytes, offset_from_end: int, role: str) -> tuple[Section, ...]:
    """The sections in image order, which is launch order."""
    start = len(image) - offset_from_end
    if not 0 <= start <= len(image) - HEADER.size:
        raise ImageError(f"{role}: SEV metadata: {offset_from_end:#x} bytes before the end is not inside the image")
    where = f"{role}: SEV metadata at {start:#x}"
    signature, size, version, count = HEADER.unpack_from(image, start)
    if signature != SIGNATURE:
        raise ImageError(f"{where}: signature {signature.hex()} is not {SIGNATURE.hex()} ('ASEV')")
    if version != VERSION:
        raise ImageError(f"{where}: version {version} is not {VERSION}")
    if not 1 <= count <= MAX_SECTIONS:
        raise ImageError(f"{where}: {count} sections; 1 to {MAX_SECTIONS} are supported")
    expected = HEADER.size + count * SECTION.size
    if size != expected:
        raise ImageError(f"{where}: size {size} does not fit {count} sections, which take {expected} bytes")
    if start + size > len(image):
        raise ImageError(f"{where}: {size} bytes reach beyond the end of the image")
    table = SECTION.iter_unpack(image[start + HEADER.size : start + size])
    sections = tuple(
        _section(gpa, length, number, f"{where}: section {index}") for index, (gpa, length, number) in enumerate(table)
    )
    _check_together(sections, where)
    return sections


def _section(gpa: int, size: int, number: int, where: str) -> Section:
    if number not in {known.value for known in SectionType}:
        raise ImageError(f"{where}: type {number:#x} is unknown")
    section = Section(gpa, size, SectionType(number))
    if gpa % PAGE_SIZE or size % PAGE_SIZE:
        raise ImageError(f"{where} ({section.type.name}): base {gpa:#x} or size {size:#x} is not page-aligned")
    if size == 0:
        raise ImageError(f"{where} ({section.type.name}): size is 0")
    if section.end > FOUR_GIB:
        raise ImageError(f"{where} ({section.type.name}): base {gpa:#x} plus size {size:#x} is above 4 GiB")
    if section.type in ONE_PAGE and size != PAGE_SIZE:
        raise ImageError(f"{where} ({section.type.name}): size {size:#x} is not one page")
    return section


def _check_together(sections: Sequence[Section], where: str) -> None:
    pages = sum(section.size for section in sections) // PAGE_SIZE
    if pages > MAX_SECTION_PAGES:
        raise ImageError(f"{where}: the sections have {pages} pages; at most {MAX_SECTION_PAGES} are supported")
    ordered = sorted(sections, key=lambda section: section.gpa)
    for lower, upper in pairwise(ordered):
        if upper.gpa < lower.end:
            raise ImageError(f"{where}: {lower} overlaps {upper}")


def check_apart(sections: Sequence[Section], gpa: int, size: int, role: str, placed: str) -> None:
    """No section of `role` may cover the guest-physical range of the image `placed`: a page is launched once."""
    for section in sections:
        if section.gpa < gpa + size and gpa < section.end:
            raise ImageError(
                f"{role}: SEV metadata: {section} overlaps the {placed} image at {gpa:#x}..{gpa + size - 1:#x}"
            )
