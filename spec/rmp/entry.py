"""The RMP entry (APM Vol. 2, "Reverse Map Table", 15.36.3, Table 15-34)."""

from typing import Annotated

from spec.record import record
from spec.vmpl.permissions import NO_MASKS, VmplMasks
from spec.vocabulary import METADATA_TAG, TAG_SHIFT, Asid, Bits, Gfn, PageSize, SubpageCount

PageSizeBit = Annotated[int, Bits(1)]
"""A `PageSize`."""


@record
class RmpEntry:
    """One raw entry, as it stands in the table for one 4 KiB page.

    For the pages of a 2 MiB page only the head's entry counts: see `spec/rmp/authority.py`.
    """

    assigned: bool
    """0: the page is the hypervisor's. 1: a guest's or the firmware's."""
    page_size: PageSizeBit
    """Meaningful in the entry of a 2 MiB-aligned page only."""
    immutable: bool
    """1: no processor instruction changes the entry or writes the page; only firmware clears it."""
    subpage_count: SubpageCount
    """In the entry of a 2 MiB-aligned page: how many of the region's other 511 entries are assigned."""
    gfn: Gfn
    """Guest frame number at which the owner may use the page. Firmware keeps a tag in its upper bits."""
    asid: Asid
    """The owner; 0 for the hypervisor and the firmware."""
    vmsa: bool
    """The page may be a VMSA; with ASID 0 and Immutable, a guest context page."""
    validated: bool
    """The guest has accepted the page."""
    lock: bool
    """Non-architectural. Firmware and RMPUPDATE keep it equal to Immutable; a VMSA page in use shows it set."""
    masks: VmplMasks


UNASSIGNED = RmpEntry(
    assigned=False,
    page_size=PageSize.SIZE_4K,
    immutable=False,
    subpage_count=0,
    gfn=0,
    asid=0,
    vmsa=False,
    validated=False,
    lock=False,
    masks=NO_MASKS,
)
"""The all-zero entry: a hypervisor page."""

SUBENTRY = RmpEntry(
    assigned=True,
    page_size=PageSize.SIZE_4K,
    immutable=False,
    subpage_count=0,
    gfn=0,
    asid=0,
    vmsa=False,
    validated=False,
    lock=False,
    masks=NO_MASKS,
)
"""What RMPUPDATE leaves in the 511 other entries of a 2 MiB page."""


def metadata_gfn(context_page: int) -> int:
    """The gfn field of a METADATA page: the page of its guest context, with firmware's tag. Firmware behaviour."""
    return (context_page & ((1 << TAG_SHIFT) - 1)) | (METADATA_TAG << TAG_SHIFT)
