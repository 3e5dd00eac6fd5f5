"""The processor takes #HV (APM Vol. 2, 15.36.16): no IF, no TPR, no shadow and no running handler keeps it away."""

from spec.hv.points import Point
from spec.hv.stack import entering, frame_of, is_full, pushed
from spec.hv.world import FrameKind, HvWorld, NoOperands
from spec.logic import any_of, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Event, Evidence

SOURCE = "APM Vol. 2, 15.36.16"


@transition(actor=Actor.HARDWARE, manual=SOURCE)
def hv_is_taken(world: HvWorld, op: NoOperands) -> Outcome:
    """A frame is pushed, IF is cleared by the interrupt gate, and the handler begins."""
    # 1. #HV was injected, and this VMPL runs.
    if any_of(none_of(world.signalled), world.away, world.stopped):
        return Outcome(Event.COMPLETES, "no-event", world, Evidence.MANUAL)
    frame = frame_of(world, FrameKind.INTERRUPTED)

    # 2. With a stack of its own for #HV, the frame is written there, whatever the stack holds.
    if world.choices.uses_ist:
        lost = any_of(world.events.frame_lost, world.cpu.pc == Point.IST_ENTRY)
        events = replace(world.events, frame_lost=lost)
        cpu = entering(world, Point.IST_ENTRY)
        taken = replace(world, ist=frame, cpu=cpu, signalled=False, halted=False, events=events)
        return Outcome(Event.HV, "own-stack", taken, Evidence.MANUAL)

    # 3. Without one, the frame lies on the guard page if the stack is full: #DF stops the guest.
    if is_full(world):
        return Outcome(Event.DF, "guard-page", replace(world, stopped=True), Evidence.INFERRED)
    cpu = entering(world, Point.ENTRY)
    taken = replace(pushed(world, frame), cpu=cpu, signalled=False, halted=False)
    return Outcome(Event.HV, "same-stack", taken, Evidence.MANUAL)


TRANSITIONS = (hv_is_taken,)
