"""Events of one VMSA: what the hypervisor or a paravisor injects, and what VMRUN makes of it (APM Vol. 2, 15.36.16).

Under alternate injection the event fields of the VMSA count, which only VMPL0 and the processor write. The paravisor
keeps its guest's interrupt controller: what is requested, what is in service, what it has presented.
"""

from typing import Annotated

from spec.features import Platform
from spec.hv.doorbell import Vector, class_of
from spec.logic import all_of, any_of, none_of
from spec.maps import Map
from spec.record import record
from spec.vmpl.sev_features import HV_VECTOR, InjectionRequest, SevFeaturesWord, has
from spec.vocabulary import Bits, SevFeatures, Vmpl

Level = Annotated[int, Bits(5, "level")]
"""A place of the stack of interrupts in service, from 1."""
MOST_LEVELS = 16
INTERRUPT, NMI, EXCEPTION = 0, 2, 3
"""TYPE of EVENTINJ (APM Vol. 2, 15.20)."""
NO_EVENT = InjectionRequest(False, 0, 0, False)


@record
class VmsaEvents:
    """The event fields of the VMSA: EVENTINJ (3E0h), EXITINTINFO (3A0h), VINTR_CTRL (3B8h)."""

    event: InjectionRequest
    interrupted: InjectionRequest
    """The event whose delivery an exit interrupted."""
    requested: bool
    """V_IRQ; hardware clears it when the interrupt is taken."""
    vector: Vector
    """V_INTR_VECTOR."""
    gif: bool
    """VGIF: without it no V_IRQ is taken."""
    busy: bool


@record
class Controller:
    """The interrupt controller that the paravisor keeps for its guest."""

    allowed: Map[Vector, bool]
    """The vectors of the host's that the guest has asked for."""
    waiting: Map[Vector, bool]
    """IRR."""
    level_triggered: Map[Vector, bool]
    """TMR."""
    serving: Map[Level, Vector]
    """ISR, as a stack: the last one has the highest class."""
    levels: Level
    presented: bool
    """The interrupt on top was put into EVENTINJ or V_IRQ, and whether the guest has taken it is not known yet."""
    through_event: bool
    """It was put into EVENTINJ."""
    lazy_eoi: bool
    """The guest was told that the interrupt on top needs no EOI."""


@record
class EventWorld:
    """One VMSA with its events."""

    platform: Platform
    features: SevFeaturesWord
    """SEV_FEATURES of the VMSA."""
    vmpl: Vmpl
    vmsa: VmsaEvents
    controller: Controller
    delivered: Vector
    """The interrupt that was delivered since the guest was entered; 0 is none."""
    running: bool
    """The guest runs at this VMPL; the paravisor changes nothing meanwhile."""


@record
class NoChoice:
    """The step has no operands."""


def is_restricted(world: EventWorld) -> bool:
    """Restricted injection is on."""
    return has(world.features, SevFeatures.RESTRICTED_INJECTION)


def is_alternate(world: EventWorld) -> bool:
    """Alternate injection is on, and counts (K-RI-AI)."""
    both = all_of(is_restricted(world), none_of(world.platform.knobs.injection_modes_exclusive))
    return all_of(has(world.features, SevFeatures.ALTERNATE_INJECTION), none_of(both))


def is_hv(event: InjectionRequest) -> bool:
    """The event is #HV, with or without an error code."""
    return all_of(event.vector == HV_VECTOR, event.kind == EXCEPTION)


def on_top(world: EventWorld) -> Vector:
    """The vector that went into service last."""
    return world.controller.serving[world.controller.levels]


def is_interrupt(event: InjectionRequest) -> bool:
    """The event is an external interrupt."""
    return all_of(event.valid, event.kind == INTERRUPT)


def outranks(world: EventWorld, vector: Vector) -> bool:
    """A vector has a higher class than everything in service."""
    idle = world.controller.levels == 0
    return any_of(idle, class_of(vector) > class_of(on_top(world)))


NO_EVENTS_IN_VMSA = VmsaEvents(NO_EVENT, NO_EVENT, False, 0, True, False)


def quiet(platform: Platform) -> EventWorld:
    """A guest below a paravisor, with alternate injection, before its first entry."""
    controller = Controller(Map(False), Map(False), Map(False), Map(0), 0, False, False, False)
    features = int(SevFeatures.SNP_ACTIVE | SevFeatures.ALTERNATE_INJECTION)
    return EventWorld(platform, features, 2, NO_EVENTS_IN_VMSA, controller, 0, False)
