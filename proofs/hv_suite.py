"""What the proofs about #HV assume, and where they use hypotheses; its initial state as the outcome of a step."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from spec.hv.events import NO_EVENTS_IN_VMSA, EventWorld, Level, NoChoice
from spec.hv.initial import beginning
from spec.hv.registration import Registration
from spec.hv.rules import is_careful
from spec.hv.world import DEPTH_MASK, LAST_EVENT, HvWorld, NoOperands, Place
from spec.logic import implies
from spec.record import replace
from spec.registry import Outcome, invariant_info, transition
from spec.vocabulary import Actor, Event, Evidence, Guarantor


def of_careful_handlers(invariant: Callable[..., bool]) -> Callable[..., bool]:
    """What the guest guarantees, as a claim about all guests: those whose handler keeps every rule."""
    if invariant_info(invariant).guarantor not in (Guarantor.GUEST, Guarantor.HOST):
        return invariant

    @wraps(invariant)
    def holds(*world: Any, **named: Any) -> bool:
        first: HvWorld = world[0] if world else named["world"] if "world" in named else named["before"]
        return implies(is_careful(first.rules), invariant(*world, **named))

    return holds


def events_last(world: HvWorld, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """Fewer than 2**48 vectors are ever written to a page: their ghost numbers do not run out."""
    return world.events.posted < LAST_EVENT


def places_on_top(
    world: HvWorld,
    op: Any,  # noqa: ARG001 - every hint has operands
    values: dict[str, Any],  # noqa: ARG001 - and a claim's values
) -> Iterator[tuple[Any, Any]]:
    """The place on top of the stack, and the one under it."""
    yield Place, world.depth
    yield Place, (world.depth + DEPTH_MASK) & DEPTH_MASK


def level_on_top(
    world: EventWorld,
    op: Any,  # noqa: ARG001 - every hint has operands
    values: dict[str, Any],  # noqa: ARG001 - and a claim's values
) -> Iterator[tuple[Any, Any]]:
    """The interrupt that went into service last."""
    yield Level, world.controller.levels


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.16")
def events_reset(world: EventWorld, op: NoChoice) -> Outcome:  # noqa: ARG001 - nothing is chosen
    """No event stands in the VMSA, and nothing is in service; at most what the guest has asked for waits."""
    nothing = replace(world.controller, waiting=world.controller.allowed, levels=0, presented=False, lazy_eoi=False)
    started = replace(world, vmsa=NO_EVENTS_IN_VMSA, controller=nothing, delivered=0, running=False)
    return Outcome(Event.COMPLETES, "started", started, Evidence.MANUAL)


@transition(actor=Actor.HARDWARE, manual='GHCB (56421), "#HV Doorbell Page NAE Event"')
def registration_reset(system: Registration, op: NoChoice) -> Outcome:  # noqa: ARG001 - nothing is chosen
    """No page is registered."""
    return Outcome(Event.COMPLETES, "started", replace(system, registered=False, page=0), Evidence.MANUAL)


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.16")
def hv_reset(world: HvWorld, op: NoOperands) -> Outcome:  # noqa: ARG001 - nothing is chosen
    """The processor is about to execute the guest's first instruction."""
    return Outcome(Event.COMPLETES, "started", beginning(world), Evidence.MANUAL)
