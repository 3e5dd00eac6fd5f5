"""What VMRUN has entered is launched no more: with it, what a guest counts as accepted is its own affair."""

from spec.guest.copies import context, is_running
from spec.guest.world import World
from spec.logic import all_of, implies, none_of
from spec.registry import invariant
from spec.vocabulary import Guarantor, GuestState


@invariant("RMP-I31-ENTERED", guarantor=Guarantor.FIRMWARE, manual='Firmware ABI (56860), "SNP_LAUNCH_FINISH"')
def entered_guests_are_launched(world: World) -> bool:
    """A guest that VMRUN has entered is not in INIT or LAUNCH again: SNP_LAUNCH_UPDATE gives it no more pages."""
    entered = all_of(world.ghost.entered, is_running(world))
    state = context(world).state
    return implies(entered, none_of(state == GuestState.INIT, state == GuestState.LAUNCH))


INVARIANTS = (entered_guests_are_launched,)
