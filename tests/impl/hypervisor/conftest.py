"""Images, a builder of synthetic ones, and a fold over PAGE_INFO that shares nothing with the machine's firmware."""

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from impl.hypervisor.pages import LaunchPage

ROOT = Path(__file__).parents[3]
MEASURE = ROOT / "tests" / "data" / "measure"

FOOTER = "96b582de-1fb2-45f7-baea-a366c55a082d"
RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc"
HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454"
SVSM = "a789a612-0597-4c4b-a49f-cbb1fe9d1ddd"

DEFAULT_SECTIONS = ((0x800000, 0x2000, 1), (0x802000, 0x1000, 2), (0x803000, 0x1000, 3), (0x804000, 0x1000, 0x10))
METADATA_OFFSET = 0x800
"""Bytes before the end at which synthetic images keep their metadata."""


def entry(guid: str, data: bytes) -> bytes:
    return data + struct.pack("<H", len(data) + 18) + UUID(guid).bytes_le


def default_entries() -> dict[str, bytes]:
    return {
        RESET: struct.pack("<I", 0x80B004),
        METADATA: struct.pack("<I", METADATA_OFFSET),
        HASHES: struct.pack("<II", 0x804C00, 0x400),
        SVSM: struct.pack("<I", 0x10),
    }


def build(
    sections: Sequence[tuple[int, int, int]] = DEFAULT_SECTIONS,
    size: int = 0x1000,
    change: Mapping[str, bytes | None] | None = None,
    header: bytes | None = None,
    extra: bytes = b"",
) -> bytes:
    """An image: `change` replaces or (None) removes footer entries, `extra` is put in front of them."""
    entries = {**default_entries(), **(change or {})}
    table = extra + b"".join(entry(guid, data) for guid, data in entries.items() if data is not None)
    table += struct.pack("<H", len(table) + 18) + UUID(FOOTER).bytes_le
    metadata = header or struct.pack("<4sIII", b"ASEV", 16 + 12 * len(sections), 1, len(sections))
    metadata += b"".join(struct.pack("<III", *section) for section in sections)
    image = bytearray(bytes(range(256)) * (size // 256))
    image[size - METADATA_OFFSET : size - METADATA_OFFSET + len(metadata)] = metadata
    image[size - 32 - len(table) : size - 32] = table
    return bytes(image[:size])


def fold(pages: Iterable[LaunchPage], digest: bytes) -> str:
    """The launch digest (firmware ABI 56860, "Launch Digest"): one PAGE_INFO a page; types 1 and 2 bind content."""
    for page in pages:
        contents = hashlib.sha384(page.content).digest() if page.page_type in (1, 2) else bytes(48)
        info = digest + contents + struct.pack("<HBBB", 0x70, page.page_type, 0, 0)
        info += bytes([page.vmpl1_perms, page.vmpl2_perms, page.vmpl3_perms]) + page.gpa.to_bytes(8, "little")
        assert len(info) == 0x70
        digest = hashlib.sha384(info).digest()
    return digest.hex()


@pytest.fixture(scope="session")
def measure() -> Path:
    return MEASURE


@pytest.fixture(scope="session")
def cases() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((MEASURE / "cases.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def find_image() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        folder = ROOT / "examples" / "firmware" if name.startswith("debian") else MEASURE
        return folder / name

    return find


@pytest.fixture(scope="session")
def build_image() -> Callable[..., bytes]:
    return build


@pytest.fixture(scope="session")
def launch_digest() -> Callable[[Iterable[LaunchPage], bytes], str]:
    return fold
