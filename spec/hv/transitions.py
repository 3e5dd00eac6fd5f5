"""Every step of a virtual processor with restricted injection, of its host, and of the hardware between them."""

from spec.hv.code import TRANSITIONS as CODE_TRANSITIONS
from spec.hv.delivery import TRANSITIONS as DELIVERY_TRANSITIONS
from spec.hv.dispatch import TRANSITIONS as DISPATCH_TRANSITIONS
from spec.hv.entry import TRANSITIONS as ENTRY_TRANSITIONS
from spec.hv.halting import TRANSITIONS as HALTING_TRANSITIONS
from spec.hv.host import TRANSITIONS as HOST_TRANSITIONS
from spec.hv.loop import TRANSITIONS as LOOP_TRANSITIONS
from spec.hv.returning import TRANSITIONS as RETURNING_TRANSITIONS

HANDLER_TRANSITIONS = (*ENTRY_TRANSITIONS, *LOOP_TRANSITIONS, *DISPATCH_TRANSITIONS, *RETURNING_TRANSITIONS)
"""The #HV handler."""
GUEST_TRANSITIONS = (*HANDLER_TRANSITIONS, *CODE_TRANSITIONS, *HALTING_TRANSITIONS)
TRANSITIONS = (*GUEST_TRANSITIONS, *DELIVERY_TRANSITIONS, *HOST_TRANSITIONS)
