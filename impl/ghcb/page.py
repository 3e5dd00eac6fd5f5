"""The GHCB page as the guest uses it: fields at their offsets in shared memory. GHCB (56421), "GHCB Layout"."""

from collections.abc import Iterable

from impl.ghcb.gate import Gate
from spec.ghcb.vocabulary.page import (
    CPL_SIZE,
    GHCB_USAGE_OFFSET,
    GHCB_USAGE_SIZE,
    PROTOCOL_VERSION_OFFSET,
    PROTOCOL_VERSION_SIZE,
    QWORD,
    SHARED_BUFFER_OFFSET,
    STANDARD_USAGE,
    VALID_BITMAP_OFFSET,
    GhcbField,
)

WORD_BITS = 64
WORD = (1 << WORD_BITS) - 1


def size_of(field: GhcbField) -> int:
    """Bytes of a field."""
    return CPL_SIZE if field is GhcbField.CPL else QWORD


def bit_of(field: GhcbField) -> int:
    """The bit of the valid bitmap that stands for a field."""
    return 1 << field // QWORD


class GhcbPage:
    """One page. Every method is one access, or says of how many it consists."""

    def __init__(self, gate: Gate, linear: int, gpa: int) -> None:
        """A page that is mapped at `linear` without C-bit."""
        self._gate = gate
        self._linear = linear
        self.gpa = gpa
        self.buffer_gpa = gpa + SHARED_BUFFER_OFFSET
        """Where the shared buffer lies, for SW_SCRATCH."""

    def read(self, field: GhcbField) -> int:
        """A field as it is now, valid or not."""
        return self._gate.load(self._linear + field, size_of(field))

    def write(self, field: GhcbField, value: int) -> None:
        """Replace a field; its bit is a matter of its own."""
        self._gate.store(self._linear + field, size_of(field), value)

    def read_buffer(self, offset: int, size: int) -> int:
        """Up to eight bytes of the shared buffer."""
        return self._gate.load(self._linear + SHARED_BUFFER_OFFSET + offset, size)

    def write_buffer(self, offset: int, size: int, value: int) -> None:
        """The same to write."""
        self._gate.store(self._linear + SHARED_BUFFER_OFFSET + offset, size, value)

    def read_bitmap(self) -> int:
        """The valid bitmap: two accesses."""
        low, high = (self._gate.load(self._linear + VALID_BITMAP_OFFSET + start, QWORD) for start in (0, QWORD))
        return high << WORD_BITS | low

    def write_bitmap(self, bits: int) -> None:
        """The same to write."""
        for start, word in ((0, bits & WORD), (QWORD, bits >> WORD_BITS)):
            self._gate.store(self._linear + VALID_BITMAP_OFFSET + start, QWORD, word)

    def write_header(self, version: int) -> None:
        """PROTOCOL_VERSION and GHCB_USAGE: two accesses."""
        self._gate.store(self._linear + PROTOCOL_VERSION_OFFSET, PROTOCOL_VERSION_SIZE, version)
        self._gate.store(self._linear + GHCB_USAGE_OFFSET, GHCB_USAGE_SIZE, STANDARD_USAGE)


def bits_of(fields: Iterable[GhcbField]) -> int:
    """The valid bitmap with these fields."""
    return sum({bit_of(field) for field in fields})
