"""Suites of events: a virtual processor that takes #HV, what VMRUN injects, and the registration of a doorbell page."""

from proofs.hv_suite import (
    events_last,
    events_reset,
    hv_reset,
    level_on_top,
    of_careful_handlers,
    places_on_top,
    registration_reset,
)
from proofs.induction import is_state_invariant
from proofs.needed_knobs import needed_knobs_have_defaults
from proofs.suite import Suite
from spec.everything import (
    EVENT_INVARIANTS,
    EVENT_TRANSITIONS,
    HV_INVARIANTS,
    HV_TRANSITIONS,
    REGISTRATION_INVARIANTS,
    REGISTRATION_TRANSITIONS,
)
from spec.hv.events import EventWorld
from spec.hv.registration import Registration
from spec.hv.world import HvWorld

OF_HANDLERS = tuple(of_careful_handlers(i) for i in HV_INVARIANTS)
STATES_OF_HANDLERS = tuple(i for i in OF_HANDLERS if is_state_invariant(i))
HV = Suite(
    name="hv",
    state_type=HvWorld,
    transitions=HV_TRANSITIONS,
    invariants=OF_HANDLERS,
    hypotheses=STATES_OF_HANDLERS,
    assumptions=(needed_knobs_have_defaults, events_last),
    hints=(places_on_top,),
)

STATES_OF_EVENTS = tuple(i for i in EVENT_INVARIANTS if is_state_invariant(i))
EVENTS = Suite(
    name="events",
    state_type=EventWorld,
    transitions=EVENT_TRANSITIONS,
    invariants=EVENT_INVARIANTS,
    hypotheses=STATES_OF_EVENTS,
    assumptions=(needed_knobs_have_defaults,),
    hints=(level_on_top,),
)
STATES_OF_REGISTRATION = tuple(i for i in REGISTRATION_INVARIANTS if is_state_invariant(i))
REGISTRATION = Suite(
    "registration", Registration, REGISTRATION_TRANSITIONS, REGISTRATION_INVARIANTS, STATES_OF_REGISTRATION
)

EVENT_SUITES = (HV, EVENTS, REGISTRATION)
EVENT_INITIAL = (
    Suite("hv-initial", HvWorld, (hv_reset,), STATES_OF_HANDLERS, ()),
    Suite("events-initial", EventWorld, (events_reset,), STATES_OF_EVENTS, ()),
    Suite("registration-initial", Registration, (registration_reset,), STATES_OF_REGISTRATION, ()),
)
