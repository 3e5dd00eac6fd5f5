"""Ideal cryptography: what the rules believe of it, and its real value where there is one to compute.

This is the only file of `spec/` that touches bytes: a launch digest is compared with published measurements, so on
plain numbers the hash must be the real one. On terms it is a function of which nothing is known but its widths; that
it has no collisions is an assumption, stated where a theorem uses it.
"""

import hashlib

from spec.logic import Term


def sha384(number: int, length: int) -> int:
    """SHA-384 (FIPS 180-4) of the `length`-byte little-endian number, as a little-endian number."""
    if isinstance(number, Term):
        digest: int = number.hashed(length)
        return digest
    return int.from_bytes(hashlib.sha384(number.to_bytes(length, "little")).digest(), "little")


def ideal(name: str, width: int, *numbers: int) -> int:
    """A function of numbers, `width` bits wide, of which nothing is known. On plain numbers a hash stands for it."""
    for number in numbers:
        if isinstance(number, Term):
            return number.idealised(name, width, numbers)
    told = repr((name, *numbers)).encode()
    return int.from_bytes(hashlib.sha384(told).digest(), "little") & ((1 << width) - 1)


def sha256(number: int, length: int) -> int:
    """SHA-256 in the same form. Of plain numbers alone: no claim is proved of the legacy digest."""
    return int.from_bytes(hashlib.sha256(number.to_bytes(length, "little")).digest(), "little")
