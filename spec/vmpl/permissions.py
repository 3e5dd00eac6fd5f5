"""VMPL permission masks of a page (APM Vol. 2, "VMPL Permissions", 15.36.7)."""

from typing import Annotated

from spec.features import Platform
from spec.knobs import FullMask
from spec.logic import all_of, any_of, ite, select
from spec.record import record
from spec.vocabulary import FULL_WITH_SSS, FULL_WITHOUT_SSS, VMPLS, Bits, PermissionMask, Vmpl

TargetVmpl = Annotated[int, Bits(8)]
"""The VMPL that an instruction names in RDX[7:0]."""


@record
class VmplMasks:
    """The four masks of an RMP entry, from VMPL0 to VMPL3; bits as in `Permission`."""

    vmpl0: PermissionMask
    vmpl1: PermissionMask
    vmpl2: PermissionMask
    vmpl3: PermissionMask

    def of(self, vmpl: Vmpl) -> int:
        """The mask of one VMPL."""
        return select(vmpl, (self.vmpl0, self.vmpl1, self.vmpl2, self.vmpl3))

    def granting(self, vmpl: Vmpl, mask: PermissionMask) -> "VmplMasks":
        """These masks with that of one VMPL replaced."""
        return VmplMasks(
            ite(vmpl == 0, mask, self.vmpl0),
            ite(vmpl == 1, mask, self.vmpl1),
            ite(vmpl == 2, mask, self.vmpl2),
            ite(vmpl == 3, mask, self.vmpl3),
        )


NO_MASKS = VmplMasks(0, 0, 0, 0)


RESET_WITH_SSS = VmplMasks(FULL_WITH_SSS, 0, 0, 0)
RESET_WITHOUT_SSS = VmplMasks(FULL_WITHOUT_SSS, 0, 0, 0)


def has_shadow_stack_bit(platform: Platform) -> bool:
    """The full mask includes the shadow-stack bit: where VmplSSS exists. Observed on hardware; knob K-SSSFULL."""
    return any_of(
        platform.knobs.full_mask == FullMask.WITH_SSS,
        all_of(platform.knobs.full_mask == FullMask.BY_FEATURE, platform.features.vmpl_sss),
    )


def full_mask(platform: Platform) -> int:
    """The mask that grants everything: 1Fh or 0Fh."""
    return ite(has_shadow_stack_bit(platform), FULL_WITH_SSS, FULL_WITHOUT_SSS)


def reset_masks(platform: Platform) -> VmplMasks:
    """The masks of a newly assigned page: everything for VMPL0, nothing for the others (APM Vol. 2, 15.36.7)."""
    return ite(has_shadow_stack_bit(platform), RESET_WITH_SSS, RESET_WITHOUT_SSS)


def is_missing_vmpl(platform: Platform, target: TargetVmpl) -> bool:
    """No such VMPL exists on this platform; an entry has room for four."""
    return any_of(target >= platform.vmpl_count, target >= len(VMPLS))
