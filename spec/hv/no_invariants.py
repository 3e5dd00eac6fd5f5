"""What one might expect of a #HV handler and nothing promises: a statement with a trace (`proofs/hv_premises.py`)."""

from spec.hv.entry import SOURCE
from spec.hv.world import HvWorld
from spec.registry import invariant
from spec.vocabulary import Guarantor

FEW_FRAMES = 4
"""More than one interrupt handler and its #HV need."""


@invariant("HV-H30", guarantor=Guarantor.NOBODY, manual=SOURCE)
def any_host_leaves_room(world: HvWorld) -> bool:
    """A host that injects #HV at every instruction leaves the stack as it is. It can fill it: that stops the guest."""
    return world.depth <= FEW_FRAMES


STATEMENTS = (any_host_leaves_room,)
