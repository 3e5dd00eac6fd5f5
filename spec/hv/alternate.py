"""Alternate injection: a paravisor is the sender, and works between two entries of its guest (APM Vol. 2, 15.36.16)."""

from spec.hv.doorbell import Vector
from spec.hv.events import (
    INTERRUPT,
    MOST_LEVELS,
    NO_EVENT,
    Controller,
    EventWorld,
    NoChoice,
    VmsaEvents,
    is_alternate,
    is_interrupt,
    on_top,
    outranks,
)
from spec.hv.injection import SOURCE
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vmpl.sev_features import InjectionRequest
from spec.vocabulary import Actor, Evidence, GuestAction


@record
class EventRequest:
    """A vector."""

    vector: Vector


@record
class Presentation:
    """A vector, and how it is presented."""

    vector: Vector
    now: bool
    """The guest can take it at once: by EVENTINJ, and not by V_IRQ."""
    nothing_else: bool
    """Nothing else waits."""


def busy_elsewhere(world: EventWorld) -> bool:
    """The guest runs, or its events are none of the paravisor's."""
    return any_of(world.running, none_of(is_alternate(world)))


def refrains(world: EventWorld, check: str) -> Outcome:
    """The paravisor does not take the step."""
    return Outcome(GuestAction.REFRAINS, check, world, Evidence.AGREED)


def done(world: EventWorld, check: str, vmsa: VmsaEvents, controller: Controller) -> Outcome:
    """The step is taken."""
    return Outcome(GuestAction.CONTINUES, check, replace(world, vmsa=vmsa, controller=controller), Evidence.AGREED)


@transition(actor=Actor.PARAVISOR, manual=SOURCE)
def paravisor_requeues(world: EventWorld, op: NoChoice) -> Outcome:
    """The event whose delivery was interrupted is injected again; only then the VMSA is not busy any more."""
    # 1. The guest does not run, and its event waits for nobody else.
    if any_of(busy_elsewhere(world), all_of(world.vmsa.interrupted.valid, world.vmsa.event.valid)):
        return refrains(world, "not-now")
    again = world.vmsa.interrupted
    event = ite(again.valid, again, world.vmsa.event)
    vmsa = replace(world.vmsa, event=event, interrupted=NO_EVENT, busy=False)
    return done(world, "requeued", vmsa, world.controller)


@transition(actor=Actor.PARAVISOR, manual=SOURCE)
def paravisor_allows(world: EventWorld, op: EventRequest) -> Outcome:
    """The guest asks for a vector of the host's."""
    # 1. The guest does not run.
    if busy_elsewhere(world):
        return refrains(world, "not-now")
    allowed = world.controller.allowed.set(op.vector, True)
    return done(world, "allowed", world.vmsa, replace(world.controller, allowed=allowed))


@transition(actor=Actor.PARAVISOR, manual=SOURCE)
def paravisor_accepts(world: EventWorld, op: EventRequest) -> Outcome:
    """A vector from the host's descriptor: it is requested if the guest has asked for it, and dropped otherwise."""
    # 1. The guest does not run.
    if busy_elsewhere(world):
        return refrains(world, "not-now")

    # 2. The guest has not asked for it.
    if none_of(world.controller.allowed[op.vector]):
        return refrains(world, "not-allowed")
    waiting = world.controller.waiting.set(op.vector, True)
    return done(world, "requested", world.vmsa, replace(world.controller, waiting=waiting))


@transition(actor=Actor.PARAVISOR, manual=SOURCE)
def paravisor_presents(world: EventWorld, op: Presentation) -> Outcome:
    """A waiting interrupt goes into service, by EVENTINJ if the guest can take it now, else by V_IRQ."""
    controller, vmsa = world.controller, world.vmsa

    # 1. The guest does not run, and what was presented before is settled.
    unsettled = any_of(controller.presented, vmsa.busy, vmsa.interrupted.valid)
    if any_of(busy_elsewhere(world), unsettled, controller.levels >= MOST_LEVELS):
        return refrains(world, "not-now")

    # 2. It waits, and outranks what is in service.
    if none_of(all_of(controller.waiting[op.vector], outranks(world, op.vector))):
        return refrains(world, "not-due")

    # 3. Another event stands in EVENTINJ or V_IRQ.
    if any_of(vmsa.event.valid, vmsa.requested):
        return refrains(world, "event-pending")
    levels = controller.levels + 1
    lazy = all_of(none_of(controller.level_triggered[op.vector]), op.nothing_else, any_of(op.now, levels == 1))
    after = replace(
        controller,
        waiting=controller.waiting.set(op.vector, False),
        serving=controller.serving.set(levels, op.vector),
        levels=levels,
        presented=True,
        through_event=op.now,
        lazy_eoi=lazy,
    )
    event = InjectionRequest(op.now, ite(op.now, op.vector, 0), INTERRUPT, False)
    vector = ite(op.now, vmsa.vector, op.vector)
    return done(world, "presented", replace(vmsa, event=event, requested=none_of(op.now), vector=vector), after)


@transition(actor=Actor.PARAVISOR, manual=SOURCE)
def paravisor_settles(world: EventWorld, op: NoChoice) -> Outcome:
    """What the guest has not taken is taken back, and waits again."""
    controller, vmsa = world.controller, world.vmsa

    # 1. The guest does not run, an interrupted delivery was dealt with, and something was presented.
    if any_of(busy_elsewhere(world), vmsa.interrupted.valid, none_of(controller.presented)):
        return refrains(world, "not-now")
    pending = all_of(is_interrupt(vmsa.event), controller.through_event)

    # 2. The guest has taken it.
    if none_of(any_of(pending, vmsa.requested)):
        return done(world, "taken", vmsa, replace(controller, presented=False))
    after = replace(
        controller,
        waiting=controller.waiting.set(on_top(world), True),
        levels=(controller.levels + 31) & 31,
        presented=False,
        lazy_eoi=False,
    )
    event = ite(pending, NO_EVENT, vmsa.event)
    return done(world, "taken-back", replace(vmsa, event=event, requested=False), after)


@transition(actor=Actor.PARAVISOR, manual=SOURCE)
def paravisor_ends(world: EventWorld, op: NoChoice) -> Outcome:
    """EOI of the guest's: the interrupt on top is out of service."""
    controller = world.controller

    # 1. The guest does not run, and an interrupt that it has taken is in service.
    if any_of(busy_elsewhere(world), controller.presented, controller.levels == 0):
        return refrains(world, "not-now")
    after = replace(controller, levels=(controller.levels + 31) & 31, lazy_eoi=False)
    return done(world, "ended", world.vmsa, after)


TRANSITIONS = (
    paravisor_requeues,
    paravisor_allows,
    paravisor_accepts,
    paravisor_presents,
    paravisor_settles,
    paravisor_ends,
)
