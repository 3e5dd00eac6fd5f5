"""What encrypted memory does not promise (statements that do not hold; each has a trace in `proofs/premises.py`)."""

from spec.logic import all_of, implies, none_of
from spec.memory.guest import GuestAccess
from spec.memory.host import HostRead
from spec.memory.integrity_invariants import private_reads_return_what_was_written
from spec.memory.observers import is_secret
from spec.memory.state import Scene
from spec.registry import Outcome, invariant
from spec.vocabulary import Guarantor

NOBODY = Guarantor.NOBODY
ENGINE = "APM Vol. 2, 15.34"


@invariant("RMP-I49", guarantor=NOBODY, manual=ENGINE, by=("guest_reads",))
def replay_at_the_bus_is_noticed(before: Scene, op: GuestAccess, outcome: Outcome) -> bool:
    """RMP-I35 against someone at the memory bus (X-phys). Nothing there is authenticated or counted."""
    return private_reads_return_what_was_written(before, op, outcome)


@invariant("RMP-I50", guarantor=NOBODY, manual=ENGINE, by=("host_reads",))
def equal_values_have_unlike_ciphertexts(before: Scene, op: HostRead, outcome: Outcome) -> bool:
    """A page that the guest has written again shows the host something new. Equal values in one place look the same."""
    kept, found = before.memory.notes[op.note], outcome.output
    seen = all_of(is_secret(before, kept.key), kept.key == found.key, kept.at == found.at)
    return implies(seen, none_of(kept.value == found.value))


STATEMENTS = (replay_at_the_bus_is_noticed, equal_values_have_unlike_ciphertexts)
