"""All that is proved by induction: the suites, and the initial states in which their invariants hold."""

from proofs.attestation_suites import ATTESTATION_INITIAL, ATTESTATION_SUITES
from proofs.event_suites import EVENT_INITIAL, EVENT_SUITES
from proofs.initial import guest_reset, reset, scene_reset
from proofs.list_suite import list_suites
from proofs.memory_suite import MEMORY, STATES_OF_SCENES
from proofs.protocol_suites import PROTOCOLS, PROTOCOLS_INITIAL
from proofs.suite import Suite
from proofs.suites import GUEST, RMP, STATE_INVARIANTS, STATES_OF_GUESTS
from spec.guest.world import World
from spec.memory.state import Scene
from spec.system.state import System

LIST, LIST_INITIAL = list_suites(GUEST)

SUITES = (RMP, GUEST, MEMORY, *PROTOCOLS, LIST, *EVENT_SUITES)
"""From the machine alone to the machine with a guest and with memory; the protocols, and events."""

BESIDE_MEMORY = tuple(suite for suite in SUITES if suite is not MEMORY)
"""Those whose steps have cases: what is claimed of memory rests on what is claimed of the machine and the guest."""

INITIAL = (
    Suite("rmp-initial", System, (reset,), STATE_INVARIANTS, ()),
    Suite("guest-initial", World, (guest_reset,), STATES_OF_GUESTS, ()),
    Suite("memory-initial", Scene, (scene_reset,), STATES_OF_SCENES, ()),
    *PROTOCOLS_INITIAL,
    LIST_INITIAL,
    *EVENT_INITIAL,
    *ATTESTATION_INITIAL,
)
"""Initial states: the state invariants hold in them."""

EVERYTHING = (*SUITES, *ATTESTATION_SUITES, *INITIAL)
