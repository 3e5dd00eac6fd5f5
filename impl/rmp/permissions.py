"""VMPL permission masks: what a level may do to a page. APM Vol. 2, "Virtual Machine Privilege Levels" (15.36.7)."""

from spec.knobs import FullMask
from spec.vocabulary import FULL_WITH_SSS, FULL_WITHOUT_SSS, AccessKind, Permission

USER_CPL = 3
_READ = Permission.READ
_READ_WRITE = Permission.READ | Permission.WRITE
_SHADOW_STACK = Permission.SUPERVISOR_SHADOW_STACK

# A page with Write and without Read is an illegal configuration: every data access to it fails. So all need Read.
_DATA_NEEDS = {
    AccessKind.READ: _READ,
    AccessKind.WRITE: _READ_WRITE,
    AccessKind.WALK_READ: _READ,
    AccessKind.WALK_WRITE: _READ_WRITE,
    AccessKind.SSS_READ: _READ,
    AccessKind.SSS_WRITE: _READ_WRITE,
}
SHADOW_STACK_KINDS = (AccessKind.SSS_READ, AccessKind.SSS_WRITE)


def permitted(mask: int, kind: AccessKind, cpl: int, *, sss: bool) -> bool:
    """Whether `mask` allows the access; `sss`: VmplSSS is enabled, so shadow-stack accesses need their own bit."""
    if kind == AccessKind.FETCH:
        needed = Permission.EXECUTE_USER if cpl == USER_CPL else Permission.EXECUTE_SUPERVISOR
    else:
        needed = _DATA_NEEDS[kind]
        if sss and kind in SHADOW_STACK_KINDS:
            needed |= _SHADOW_STACK
    return mask & needed == needed


def full_mask(choice: int, *, vmpl_sss: bool) -> int:
    """The VMPL0 mask that RMPUPDATE stores (knob K-SSSFULL); `vmpl_sss`: the processor has the feature."""
    if choice == FullMask.BY_FEATURE:
        return FULL_WITH_SSS if vmpl_sss else FULL_WITHOUT_SSS
    return FULL_WITH_SSS if choice == FullMask.WITH_SSS else FULL_WITHOUT_SSS
