"""All that is proved by induction: the suites, and the initial states in which their invariants hold."""

from proofs.initial import guest_reset, reset, scene_reset
from proofs.memory_suite import MEMORY, STATES_OF_SCENES
from proofs.protocol_suites import PROTOCOLS, PROTOCOLS_INITIAL
from proofs.suite import Suite
from proofs.suites import GUEST, RMP, STATE_INVARIANTS, STATES_OF_GUESTS
from spec.guest.world import World
from spec.memory.state import Scene
from spec.system.state import System

SUITES = (RMP, GUEST, MEMORY, *PROTOCOLS)
"""From the machine alone to the machine with a guest and with memory; and the protocols."""

INITIAL = (
    Suite("rmp-initial", System, (reset,), STATE_INVARIANTS, ()),
    Suite("guest-initial", World, (guest_reset,), STATES_OF_GUESTS, ()),
    Suite("memory-initial", Scene, (scene_reset,), STATES_OF_SCENES, ()),
    *PROTOCOLS_INITIAL,
)
"""Initial states: the state invariants hold in them."""

EVERYTHING = (*SUITES, *INITIAL)
