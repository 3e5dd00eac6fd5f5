"""Vectors of the cipher validation program of NIST, as the package `cryptography_vectors` carries them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from cryptography_vectors import open_vector_file

FOLDER = "ciphers/AES"


@dataclass(frozen=True)
class Vector:
    name: str
    fields: dict[str, str]

    def raw(self, field: str) -> bytes:
        return bytes.fromhex(self.fields[field])


def vectors(file: str) -> Iterator[Vector]:
    """A vector is what stands between blank lines and begins with COUNT."""
    with open_vector_file(f"{FOLDER}/{file}", "r") as lines:
        for section, fields in _groups(lines):
            yield Vector(f"{file} {section} {fields['COUNT']}", fields)


def _groups(lines: IO[str]) -> Iterator[tuple[str, dict[str, str]]]:
    section, fields = "", {}
    for line in [*lines, ""]:
        text = line.strip()
        if text.startswith("["):
            section = text.strip("[]")
        elif " = " in text:
            name, value = text.split(" = ")
            fields[name] = value
        elif not text and fields:
            yield section, fields
            fields = {}
