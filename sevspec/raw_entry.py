"""A raw RMP entry as kernels log it: two quadwords, in the layout of Zen 3 and Zen 4 (`spec/rmp/raw.py`)."""

import re
from dataclasses import dataclass

from sevspec.refused import Refused
from sevspec.topic import Table
from spec.rmp import raw
from spec.rmp.entry import RmpEntry
from spec.vocabulary import VMPLS, PageSize, Permission

MASK_BITS = 32
"""The part of the second quadword that the masks fill; what is above is not interpreted."""
QUADWORDS = re.compile(r"(?:0x)?([0-9a-f]{1,16}):(?:0x)?([0-9a-f]{1,16})", re.IGNORECASE)
LETTERS = "rwusS"
"""Read, write, execute as user, execute as supervisor, supervisor shadow stack."""


@dataclass(frozen=True)
class RawEntry:
    """An entry, and what was logged of it."""

    entry: RmpEntry
    low: int
    high: int

    @property
    def in_use(self) -> bool:
        """VMRUN holds the page: Lock without Immutable. The ASID field is then not the owner's. Observed."""
        return self.entry.assigned and self.entry.lock and not self.entry.immutable

    @property
    def other_bits(self) -> int:
        """Bits of the second quadword that belong to no mask."""
        return self.high >> MASK_BITS << MASK_BITS


def decoded(low: int, high: int) -> RawEntry:
    """The entry that two quadwords encode."""
    return RawEntry(raw.decoded(low, high), low, high)


def parsed(text: str) -> RawEntry:
    """`0xQWORD1:0xQWORD2`, the low quadword first."""
    match = QUADWORDS.fullmatch(text.strip())
    if match is None:
        raise Refused(f"--rmp-entry: '{text}' is not 0xQWORD1:0xQWORD2, two quadwords in hexadecimal, low one first")
    return decoded(int(match[1], 16), int(match[2], 16))


def mask_text(mask: int) -> str:
    """A permission mask as letters, and its reserved bits if any."""
    letters = "".join(letter if mask >> bit & 1 else "-" for bit, letter in enumerate(LETTERS))
    reserved = mask >> len(tuple(Permission))
    return f"{letters} ({mask:#04x})" + (", reserved bits set" if reserved else "")


def size_text(entry: RmpEntry) -> str:
    """4 KiB or 2 MiB."""
    return "2 MiB" if entry.page_size == PageSize.SIZE_2M else "4 KiB"


def field_table(found: RawEntry) -> Table:
    """The fields of an entry, with the values as logged."""
    entry = found.entry
    masks = [entry.masks.of(vmpl) for vmpl in VMPLS]
    asid = f"{entry.asid} ({entry.asid:#x})"
    rows = [
        ("Assigned", str(int(entry.assigned))),
        ("Page_Size", size_text(entry)),
        ("Immutable", str(int(entry.immutable))),
        ("Sub-page count", str(entry.subpage_count)),
        ("Guest frame number", f"{entry.gfn:#x}"),
        ("ASID", "not shown while the page is in use" if found.in_use else asid),
        ("VMSA", str(int(entry.vmsa))),
        ("Validated", str(int(entry.validated))),
        ("Lock", str(int(entry.lock))),
        *((f"VMPL{vmpl}", mask_text(mask)) for vmpl, mask in enumerate(masks)),
    ]
    if found.other_bits:
        rows.append(("Other bits of QWORD 2", f"{found.other_bits:#x}"))
    return Table("entry", ("Field", "Value"), rows)
