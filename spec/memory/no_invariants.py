"""What encrypted memory does not promise (statements that do not hold; each has a trace in `proofs/premises.py`)."""

from spec.logic import all_of, implies, none_of
from spec.memory.guest import GuestAccess, place_of
from spec.memory.integrity_invariants import private_reads_return_what_was_written
from spec.memory.state import Scene, content
from spec.memory.told import is_own_private
from spec.registry import Outcome, invariant
from spec.vocabulary import Event, Guarantor

NOBODY = Guarantor.NOBODY
ENGINE = "APM Vol. 2, 15.34"


@invariant("RMP-I49", guarantor=NOBODY, manual=ENGINE, by=("guest_reads",))
def replay_at_the_bus_is_noticed(before: Scene, op: GuestAccess, outcome: Outcome) -> bool:
    """RMP-I35 against someone at the memory bus (X-phys). Nothing there is authenticated or counted."""
    return private_reads_return_what_was_written(before, op, outcome)


@invariant("RMP-I50", guarantor=NOBODY, manual=ENGINE, by=("guest_writes",))
def every_store_changes_the_ciphertext(before: Scene, op: GuestAccess, after: Scene, outcome: Outcome) -> bool:
    """What the host sees of a page is new with each private store. Equal values in one place look the same."""
    page = place_of(before, op).page
    old, new = content(before, page), content(after, page)
    same = all_of(old.key == new.key, old.at == new.at, old.value == new.value)
    return implies(all_of(outcome.result == Event.COMPLETES, is_own_private(before, op)), none_of(same))


STATEMENTS = (replay_at_the_bus_is_noticed, every_store_changes_the_ciphertext)
