"""The raw 16-byte entry of Zen 3 and Zen 4 (PPR Family 19h; not architectural), as two 64-bit numbers.

Other families are read with RMPREAD. While VMRUN holds a VMSA page, its raw entry shows Lock without Immutable and
something else in the ASID field; such an entry does not decode to what the page is.
"""

from typing import Annotated, NamedTuple

from spec.logic import as_bit
from spec.rmp.entry import RmpEntry
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import Bits

Quadword = Annotated[int, Bits(64)]


class RawField(NamedTuple):
    """Where a field stands in its quadword."""

    name: str
    low: int
    width: int


FIRST = (
    RawField("assigned", 0, 1),
    RawField("page_size", 1, 1),
    RawField("immutable", 2, 1),
    RawField("subpage_count", 3, 9),
    RawField("gfn", 12, 39),
    RawField("asid", 51, 10),
    RawField("vmsa", 61, 1),
    RawField("validated", 62, 1),
    RawField("lock", 63, 1),
)
"""QWORD 1, in the order of `RmpEntry`. Firmware calls bit 63 Lock, Linux calls it reserved."""

SECOND = (
    RawField("vmpl0", 0, 8),
    RawField("vmpl1", 8, 8),
    RawField("vmpl2", 16, 8),
    RawField("vmpl3", 24, 8),
)
"""QWORD 2, in the order of `VmplMasks`. Bits [63:32] are not modelled: keys by device, page migration."""


def extracted(quadword: Quadword, fields: tuple[RawField, ...]) -> tuple[int, ...]:
    """The values of the fields."""
    return tuple((quadword >> field.low) & ((1 << field.width) - 1) for field in fields)


def packed(values: tuple[int, ...], fields: tuple[RawField, ...]) -> int:
    """The quadword with these values in its fields, and 0 elsewhere."""
    quadword = 0
    for value, field in zip(values, fields, strict=True):
        quadword = quadword | (value << field.low)
    return quadword


def decoded(first: Quadword, second: Quadword) -> RmpEntry:
    """The entry that the two quadwords hold."""
    assigned, page_size, immutable, subpage_count, gfn, asid, vmsa, validated, lock = extracted(first, FIRST)
    return RmpEntry(
        assigned=assigned == 1,
        page_size=page_size,
        immutable=immutable == 1,
        subpage_count=subpage_count,
        gfn=gfn,
        asid=asid,
        vmsa=vmsa == 1,
        validated=validated == 1,
        lock=lock == 1,
        masks=VmplMasks(*extracted(second, SECOND)),
    )


def encoded(entry: RmpEntry) -> tuple[int, int]:
    """QWORD 1 and QWORD 2 of an entry."""
    values = (
        as_bit(entry.assigned),
        entry.page_size,
        as_bit(entry.immutable),
        entry.subpage_count,
        entry.gfn,
        entry.asid,
        as_bit(entry.vmsa),
        as_bit(entry.validated),
        as_bit(entry.lock),
    )
    masks = entry.masks
    return packed(values, FIRST), packed((masks.vmpl0, masks.vmpl1, masks.vmpl2, masks.vmpl3), SECOND)
