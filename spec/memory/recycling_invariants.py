"""What VMPL0 left in a page that it accepts again is not read below VMPL0 (RMP-I41): it writes the page first (S3)."""

from spec.guest.copies import is_running
from spec.guest.given import EVERY_BIT, Given
from spec.logic import all_of, any_of, implies, none_of
from spec.memory.guest import GuestAccess, place_of
from spec.memory.premises import MASKS
from spec.memory.state import Scene
from spec.memory.told import is_own_private
from spec.memory.translation_invariants import GIVEN, has_snp
from spec.registry import Outcome, invariant
from spec.vocabulary import Event, Gfn, Guarantor

GUEST = Guarantor.GUEST
LEVELS = "APM Vol. 2, 15.36.7"


def is_given_to_nobody(given: Given) -> bool:
    """Each level has been given nothing, or what it has is not known yet."""
    masks = (given.vmpl1, given.vmpl2, given.vmpl3)
    return all_of(*(any_of(mask == 0, mask == EVERY_BIT) for mask in masks))


@invariant("RMP-I41-GIVEN", guarantor=GUEST, manual=LEVELS, premises=(*MASKS, "S3"))
def unwritten_pages_are_given_to_nobody(scene: Scene, gfn: Gfn) -> bool:
    """An accepted page that the guest has not written yet was not given to any level below VMPL0."""
    guest = scene.world.guest
    unwritten = all_of(guest.uses[gfn], guest.accepted[gfn], none_of(scene.written.since_accepted[gfn]))
    return implies(all_of(unwritten, is_running(scene.world)), is_given_to_nobody(guest.given[gfn]))


@invariant(
    "RMP-I41",
    guarantor=GUEST,
    manual=LEVELS,
    needs=("K-S-UNASSIGNED",),
    by=("guest_reads",),
    premises=(*GIVEN, "R9", "S3"),
)
def lower_levels_read_what_was_written(before: Scene, op: GuestAccess, outcome: Outcome) -> bool:
    """What a level below VMPL0 reads was written since the page was accepted.

    Until VMPL0 has closed a page that it accepts (rule D6) it may be open as it was left: the host may skip RMPUPDATE.
    """
    place, access = place_of(before, op), op.access
    gfn = place.gfn
    own = all_of(is_own_private(before, op), has_snp(before), is_running(before.world), before.world.guest.uses[gfn])
    read = all_of(own, access.vmpl != 0, outcome.result == Event.COMPLETES)
    closed = before.world.guest.given[gfn].most(access.vmpl) != EVERY_BIT
    return implies(all_of(read, before.world.guest.accepted[gfn], closed), before.written.since_accepted[gfn])


INVARIANTS = (unwritten_pages_are_given_to_nobody, lower_levels_read_what_was_written)
