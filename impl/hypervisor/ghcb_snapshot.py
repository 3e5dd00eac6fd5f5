"""A GHCB page as a careful hypervisor reads it: once, and only what is marked valid. GHCB (56421), "VMGEXIT".

The page is the guest's to write at any time. Everything that is checked is checked in the copy.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from spec.ghcb.vocabulary.answers import Malformed
from spec.ghcb.vocabulary.page import (
    CPL_SIZE,
    GHCB_USAGE_OFFSET,
    GHCB_USAGE_SIZE,
    PROTOCOL_VERSION_OFFSET,
    PROTOCOL_VERSION_SIZE,
    QWORD,
    SHARED_BUFFER_END,
    SHARED_BUFFER_OFFSET,
    VALID_BITMAP_OFFSET,
    VALID_BITMAP_SIZE,
    GhcbField,
)


class Refused(Exception):
    """The request is malformed: SW_EXITINFO1 is 2, SW_EXITINFO2 the reason."""

    def __init__(self, reason: Malformed) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True)
class Snapshot:
    """The request, copied."""

    page: bytes
    gpa: int

    @property
    def usage(self) -> int:
        """GHCB_USAGE."""
        return self._number(GHCB_USAGE_OFFSET, GHCB_USAGE_SIZE)

    @property
    def version(self) -> int:
        """PROTOCOL_VERSION as the guest says."""
        return self._number(PROTOCOL_VERSION_OFFSET, PROTOCOL_VERSION_SIZE)

    def is_valid(self, field: GhcbField) -> bool:
        """Whether the field is part of the request."""
        bitmap = self._number(VALID_BITMAP_OFFSET, VALID_BITMAP_SIZE)
        return bool(bitmap >> field // QWORD & 1)

    def value(self, field: GhcbField) -> int:
        """A field that the event needs."""
        if not self.is_valid(field):
            raise Refused(Malformed.MISSING_INPUT)
        return self._number(field, CPL_SIZE if field is GhcbField.CPL else QWORD)

    def scratch(self, length: int) -> int:
        """Offset in the page of a scratch area, which must lie in the shared buffer (version 2)."""
        start = self.value(GhcbField.SW_SCRATCH) - self.gpa
        if not SHARED_BUFFER_OFFSET <= start <= SHARED_BUFFER_END - length:
            raise Refused(Malformed.BAD_SCRATCH)
        return start

    def valid_fields(self) -> dict[GhcbField, int]:
        """Everything that the guest marked valid."""
        return {field: self.value(field) for field in GhcbField if self.is_valid(field)}

    def stray_bytes(self, before: bytes, scratch: Iterable[tuple[int, int]]) -> int:
        """How much the guest has let slip: bytes, not 0, that are other than before and not part of the request.

        `before` is the page as the hypervisor left it, `scratch` the spans of the buffer that the event is about.
        """
        page = bytearray(self.page)
        spans = [(int(field), CPL_SIZE if field is GhcbField.CPL else QWORD) for field in self.valid_fields()]
        own = [(VALID_BITMAP_OFFSET, VALID_BITMAP_SIZE), (PROTOCOL_VERSION_OFFSET, PROTOCOL_VERSION_SIZE)]
        for start, length in (*spans, *own, (GHCB_USAGE_OFFSET, GHCB_USAGE_SIZE), *scratch):
            page[start : start + length] = bytes(length)
        return sum(1 for now, then in zip(page, before, strict=True) if now not in (0, then))

    def _number(self, offset: int, size: int) -> int:
        return int.from_bytes(self.page[offset : offset + size], "little")
