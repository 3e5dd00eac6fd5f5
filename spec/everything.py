"""The registry: every transition and every invariant, joined from the packages' tuples."""

from spec.firmware.invariants import INVARIANTS as FIRMWARE_INVARIANTS
from spec.firmware.page_invariants import INVARIANTS as PAGE_INVARIANTS
from spec.firmware.transitions import TRANSITIONS as FIRMWARE_TRANSITIONS
from spec.ghcb.host_invariants import INVARIANTS as HOST_INVARIANTS
from spec.ghcb.host_transitions import TRANSITIONS as HOST_TRANSITIONS
from spec.ghcb.msr_invariants import INVARIANTS as MSR_INVARIANTS
from spec.ghcb.msr_transitions import TRANSITIONS as MSR_TRANSITIONS
from spec.guest.copy_invariants import INVARIANTS as COPY_INVARIANTS
from spec.guest.invariants import INVARIANTS as CAREFUL_INVARIANTS
from spec.guest.launch_invariants import INVARIANTS as LAUNCH_INVARIANTS
from spec.guest.mask_invariants import INVARIANTS as MASK_INVARIANTS
from spec.guest.no_invariants import STATEMENTS as GUEST_STATEMENTS
from spec.guest.swapping_invariants import INVARIANTS as SWAPPING_INVARIANTS
from spec.guest.transitions import TRANSITIONS as GUEST_TRANSITIONS
from spec.memory.invariants import INVARIANTS as MEMORY_INVARIANTS
from spec.memory.no_invariants import STATEMENTS as MEMORY_STATEMENTS
from spec.memory.transitions import TRANSITIONS as MEMORY_TRANSITIONS
from spec.rmp.access_invariants import INVARIANTS as ACCESS_INVARIANTS
from spec.rmp.invariants import INVARIANTS as RMP_INVARIANTS
from spec.rmp.step_invariants import INVARIANTS as STEP_INVARIANTS
from spec.rmp.transitions import TRANSITIONS as RMP_TRANSITIONS
from spec.vc.invariants import INVARIANTS as VC_INVARIANTS
from spec.vc.transitions import TRANSITIONS as VC_TRANSITIONS

TRANSITIONS = (*RMP_TRANSITIONS, *FIRMWARE_TRANSITIONS)
"""Every step of the machine. Those of a careful guest and those on memory are tuples of their own: other state."""
INVARIANTS = (*RMP_INVARIANTS, *STEP_INVARIANTS, *ACCESS_INVARIANTS, *FIRMWARE_INVARIANTS, *PAGE_INVARIANTS)
"""Every invariant of the machine."""
GUEST_INVARIANTS = (*SWAPPING_INVARIANTS, *COPY_INVARIANTS, *LAUNCH_INVARIANTS, *CAREFUL_INVARIANTS, *MASK_INVARIANTS)
"""Every invariant of the machine with one guest followed: those of any guest, then those of a careful one."""
PROTOCOL_TRANSITIONS = (*MSR_TRANSITIONS, *VC_TRANSITIONS, *HOST_TRANSITIONS)
"""Every step of the GHCB protocol and of #VC."""
PROTOCOL_INVARIANTS = (*MSR_INVARIANTS, *VC_INVARIANTS, *HOST_INVARIANTS)
"""Every claim about them."""
NO_INVARIANTS = (*GUEST_STATEMENTS, *MEMORY_STATEMENTS)
"""What nobody guarantees, each with a trace."""

__all__ = [
    "GUEST_INVARIANTS",
    "GUEST_TRANSITIONS",
    "HOST_INVARIANTS",
    "HOST_TRANSITIONS",
    "INVARIANTS",
    "MEMORY_INVARIANTS",
    "MEMORY_TRANSITIONS",
    "MSR_INVARIANTS",
    "MSR_TRANSITIONS",
    "NO_INVARIANTS",
    "PROTOCOL_INVARIANTS",
    "PROTOCOL_TRANSITIONS",
    "TRANSITIONS",
    "VC_INVARIANTS",
    "VC_TRANSITIONS",
]
