"""A memory access: who makes it, what it does, and the VMPL permissions that it needs (APM Vol. 2, 15.36.7)."""

from typing import Annotated

from spec.logic import all_of, any_of, ite
from spec.record import record
from spec.rmp.translation import Translation
from spec.system.state import System
from spec.vocabulary import AccessCode, Asid, Bits, Cpl, Permission, Vmpl


@record
class MemoryAccess:
    """One access by one agent through one mapping."""

    agent: Annotated[int, Bits(2)]
    """An `AgentCode`."""
    kind: Annotated[int, Bits(3)]
    """An `AccessCode`."""
    asid: Asid
    """Of the guest that runs; 0 for the host."""
    vmpl: Vmpl
    cpl: Cpl
    vmpl_sss: bool
    """The guest runs with SEV_FEATURES.VmplSSS."""
    reflect_vc: bool
    """The guest runs with SEV_FEATURES.ReflectVC."""
    translation: Translation


USER = 3
"""The CPL of user code."""


def is_write(op: MemoryAccess) -> bool:
    """The access writes; setting Accessed and Dirty bits does."""
    return any_of(op.kind == AccessCode.WRITE, op.kind == AccessCode.WALK_WRITE, op.kind == AccessCode.SSS_WRITE)


def is_walk(op: MemoryAccess) -> bool:
    """The access is the page-table walker's."""
    return any_of(op.kind == AccessCode.WALK_READ, op.kind == AccessCode.WALK_WRITE)


def is_shadow_stack(op: MemoryAccess) -> bool:
    """The access is to a shadow stack."""
    return any_of(op.kind == AccessCode.SSS_READ, op.kind == AccessCode.SSS_WRITE)


def sss_enabled(system: System, op: MemoryAccess) -> bool:
    """The guest's permission masks have the Supervisor-Shadow-Stack bit."""
    return all_of(system.platform.features.vmpl_sss, op.vmpl_sss)


def required(system: System, op: MemoryAccess) -> int:
    """The bits that the VMPL's mask must have. Every write needs Read too."""
    fetch = ite(op.cpl == USER, int(Permission.EXECUTE_USER), int(Permission.EXECUTE_SUPERVISOR))
    write = ite(is_write(op), int(Permission.WRITE), 0)
    shadow = ite(all_of(is_shadow_stack(op), sss_enabled(system, op)), int(Permission.SUPERVISOR_SHADOW_STACK), 0)
    return ite(op.kind == AccessCode.FETCH, fetch, int(Permission.READ) | write | shadow)
