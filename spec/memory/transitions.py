"""Every step on memory, caches and registers that is not a step of the machine already."""

from spec.memory.caching import TRANSITIONS as CACHING_TRANSITIONS
from spec.memory.guest import TRANSITIONS as GUEST_TRANSITIONS
from spec.memory.host import TRANSITIONS as HOST_TRANSITIONS
from spec.memory.legacy import TRANSITIONS as LEGACY_TRANSITIONS
from spec.memory.lines import TRANSITIONS as LINE_TRANSITIONS

TRANSITIONS = (
    *HOST_TRANSITIONS,
    *GUEST_TRANSITIONS,
    *CACHING_TRANSITIONS,
    *LINE_TRANSITIONS,
    *LEGACY_TRANSITIONS,
)
