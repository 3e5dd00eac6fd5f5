"""What the launch digest binds of a page and the RMP shows of it as well: address and masks.

The digest binds contents, page type and order as well (firmware ABI 56860, "SNP_LAUNCH_UPDATE"); of the page type an
RMP entry has the VMSA attribute only, and that is kept apart.
"""

from typing import Annotated

from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import Bits, Gfn

Measured = Annotated[int, Bits(63)]
"""One measured 4 KiB as a number: from the top the masks of VMPL3, VMPL2 and VMPL1, then the frame.

The frame is lowest, so that the frames of a 2 MiB page are neighbours.
"""
VMPL1_MASK, VMPL2_MASK, VMPL3_MASK = 39, 47, 55


def as_measured(gfn: Gfn, masks: VmplMasks) -> int:
    """The number. The mask of VMPL0 is not measured: the launch does not set it."""
    return gfn | (masks.vmpl1 << VMPL1_MASK) | (masks.vmpl2 << VMPL2_MASK) | (masks.vmpl3 << VMPL3_MASK)
