"""The registry: every transition and every invariant, joined from the packages' tuples."""

from spec.attestation.guest_messages import TRANSITIONS as MESSAGE_TRANSITIONS
from spec.attestation.invariants import INVARIANTS as REPORT_INVARIANTS
from spec.attestation.message_invariants import INVARIANTS as MESSAGE_INVARIANTS
from spec.attestation.message_invariants import OF_THE_MACHINE as MESSAGES_OF_THE_MACHINE
from spec.attestation.transitions import TRANSITIONS as REPORT_TRANSITIONS
from spec.firmware.invariants import INVARIANTS as FIRMWARE_INVARIANTS
from spec.firmware.page_invariants import INVARIANTS as PAGE_INVARIANTS
from spec.firmware.transitions import TRANSITIONS as FIRMWARE_TRANSITIONS
from spec.ghcb.hardware_invariants import INVARIANTS as PAGE_STATE_INVARIANTS
from spec.ghcb.host_invariants import INVARIANTS as HOST_INVARIANTS
from spec.ghcb.host_transitions import TRANSITIONS as HOST_TRANSITIONS
from spec.ghcb.list_invariants import INVARIANTS as LIST_INVARIANTS
from spec.ghcb.list_transitions import TRANSITIONS as LIST_TRANSITIONS
from spec.ghcb.msr_invariants import INVARIANTS as MSR_INVARIANTS
from spec.ghcb.msr_transitions import TRANSITIONS as MSR_TRANSITIONS
from spec.guest.copy_invariants import INVARIANTS as COPY_INVARIANTS
from spec.guest.entered_invariants import INVARIANTS as ENTERED_INVARIANTS
from spec.guest.invariants import INVARIANTS as CAREFUL_INVARIANTS
from spec.guest.launch_invariants import INVARIANTS as LAUNCH_INVARIANTS
from spec.guest.mask_invariants import INVARIANTS as MASK_INVARIANTS
from spec.guest.no_invariants import STATEMENTS as GUEST_STATEMENTS
from spec.guest.swapping_invariants import INVARIANTS as SWAPPING_INVARIANTS
from spec.guest.transitions import TRANSITIONS as GUEST_TRANSITIONS
from spec.hv.alternate import TRANSITIONS as ALTERNATE_TRANSITIONS
from spec.hv.entry_invariants import INVARIANTS as ENTRY_INVARIANTS
from spec.hv.event_invariants import INVARIANTS as EVENT_INVARIANTS
from spec.hv.exactness import INVARIANTS as EXACTNESS_INVARIANTS
from spec.hv.honest import INVARIANTS as HONEST_INVARIANTS
from spec.hv.injection import TRANSITIONS as INJECTION_TRANSITIONS
from spec.hv.no_invariants import STATEMENTS as HV_NO_INVARIANTS
from spec.hv.progress import INVARIANTS as PROGRESS_INVARIANTS
from spec.hv.registration import TRANSITIONS as REGISTRATION_TRANSITIONS
from spec.hv.registration_invariants import INVARIANTS as REGISTRATION_INVARIANTS
from spec.hv.safety import INVARIANTS as SAFETY_INVARIANTS
from spec.hv.transitions import TRANSITIONS as HV_TRANSITIONS
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
INVARIANTS = (
    *RMP_INVARIANTS,
    *STEP_INVARIANTS,
    *ACCESS_INVARIANTS,
    *PAGE_STATE_INVARIANTS,
    *FIRMWARE_INVARIANTS,
    *PAGE_INVARIANTS,
    *MESSAGES_OF_THE_MACHINE,
)
"""Every invariant of the machine."""
GUEST_INVARIANTS = (
    *SWAPPING_INVARIANTS,
    *COPY_INVARIANTS,
    *LAUNCH_INVARIANTS,
    *ENTERED_INVARIANTS,
    *CAREFUL_INVARIANTS,
    *MASK_INVARIANTS,
)
"""Every invariant of the machine with one guest followed: those of any guest, then those of a careful one."""
HV_INVARIANTS = (*SAFETY_INVARIANTS, *ENTRY_INVARIANTS, *EXACTNESS_INVARIANTS, *HONEST_INVARIANTS, *PROGRESS_INVARIANTS)
"""Every invariant of a virtual processor with restricted injection: against any host, then with an honest one."""
EVENT_TRANSITIONS = (*INJECTION_TRANSITIONS, *ALTERNATE_TRANSITIONS)
"""Every step that concerns the events of one VMSA."""
PROTOCOL_TRANSITIONS = (*MSR_TRANSITIONS, *VC_TRANSITIONS, *HOST_TRANSITIONS, *LIST_TRANSITIONS)
"""Every step of the GHCB protocol and of #VC."""
PROTOCOL_INVARIANTS = (*MSR_INVARIANTS, *VC_INVARIANTS, *HOST_INVARIANTS, *LIST_INVARIANTS)
"""Every claim about them."""
ATTESTATION_TRANSITIONS = (*REPORT_TRANSITIONS, *MESSAGE_TRANSITIONS)
"""Every step of reports, and of the guest's end of its messages to firmware."""
ATTESTATION_INVARIANTS = (*REPORT_INVARIANTS, *MESSAGE_INVARIANTS)
"""Every claim about them."""
NO_INVARIANTS = (*GUEST_STATEMENTS, *MEMORY_STATEMENTS)
"""What nobody guarantees, each with a trace."""

__all__ = [
    "ATTESTATION_INVARIANTS",
    "ATTESTATION_TRANSITIONS",
    "EVENT_INVARIANTS",
    "EVENT_TRANSITIONS",
    "GUEST_INVARIANTS",
    "GUEST_TRANSITIONS",
    "HOST_INVARIANTS",
    "HOST_TRANSITIONS",
    "HV_INVARIANTS",
    "HV_NO_INVARIANTS",
    "HV_TRANSITIONS",
    "INVARIANTS",
    "LIST_INVARIANTS",
    "LIST_TRANSITIONS",
    "MEMORY_INVARIANTS",
    "MEMORY_TRANSITIONS",
    "MSR_INVARIANTS",
    "MSR_TRANSITIONS",
    "NO_INVARIANTS",
    "PROTOCOL_INVARIANTS",
    "PROTOCOL_TRANSITIONS",
    "REGISTRATION_INVARIANTS",
    "REGISTRATION_TRANSITIONS",
    "TRANSITIONS",
    "VC_INVARIANTS",
    "VC_TRANSITIONS",
]
