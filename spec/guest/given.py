"""What the guest knows of its masks: the most that VMPL1 to VMPL3 can have of a page, by what VMPL0 gave them.

VMPL0 reads no mask back. A level hands down what it has, so taking something from VMPL1 leaves it with VMPL2 and VMPL3:
masks are to be set from VMPL1 downwards. Mask n here is what was given to VMPLn, by VMPL0 or by levels between them.
"""

from spec.logic import ite, select
from spec.record import record
from spec.vocabulary import PermissionMask, Vmpl

EVERY_BIT = 0xFF


@record
class Given:
    """The most that each level was given beyond what the levels between it and VMPL0 have."""

    vmpl1: PermissionMask
    vmpl2: PermissionMask
    vmpl3: PermissionMask

    def most(self, vmpl: Vmpl) -> int:
        """The most that a level other than 0 can have."""
        second = self.vmpl1 | self.vmpl2
        return select(vmpl, (EVERY_BIT, self.vmpl1, second, second | self.vmpl3))

    def after_giving(self, vmpl: Vmpl, mask: PermissionMask) -> "Given":
        """VMPL0 sets the mask of a level. What that level had, it may have handed to the next one before."""
        second = ite(vmpl == 1, self.vmpl1 | self.vmpl2, self.vmpl2)
        third = ite(vmpl == 2, self.vmpl2 | self.vmpl3, self.vmpl3)
        return Given(
            ite(vmpl == 1, mask, self.vmpl1),
            ite(vmpl == 2, mask, second),
            ite(vmpl == 3, mask, third),
        )


NOTHING = Given(0, 0, 0)
EVERYTHING = Given(EVERY_BIT, EVERY_BIT, EVERY_BIT)
"""A page that was just accepted: PVALIDATE leaves the masks that it finds, and the host may have skipped RMPUPDATE."""
