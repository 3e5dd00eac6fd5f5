"""Every invariant of memory, cached translations and registers."""

from spec.memory.carrying_invariants import INVARIANTS as CARRYING_INVARIANTS
from spec.memory.integrity_invariants import INVARIANTS as INTEGRITY_INVARIANTS
from spec.memory.key_invariants import INVARIANTS as KEY_INVARIANTS
from spec.memory.recycling_invariants import INVARIANTS as RECYCLING_INVARIANTS
from spec.memory.translation_invariants import INVARIANTS as TRANSLATION_INVARIANTS
from spec.memory.vmsa_invariants import INVARIANTS as VMSA_INVARIANTS

INVARIANTS = (
    *TRANSLATION_INVARIANTS,
    *VMSA_INVARIANTS,
    *KEY_INVARIANTS,
    *INTEGRITY_INVARIANTS,
    *CARRYING_INVARIANTS,
    *RECYCLING_INVARIANTS,
)
