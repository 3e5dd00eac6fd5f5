"""Theorem T6, the second half: what is posted and not masked is taken (GHCB, "#HV Exception"); by a ranking.

An event is *on its way* if the loop, or what leads to it, is being executed, or #HV is signalled to enabled code. Then
each step of the guest takes it, or calls an interrupt handler for another one, or brings the rank down; and no step of
an honest host brings it up. The rank is a number below 2**7: so the event is taken after at most that many steps. What
is left to the guest is that its interrupt handlers return, and that it enables interrupts and lowers its TPR again.
"""

from spec.hv.doorbell import is_due
from spec.hv.points import Point, in_entry, in_loop, is_from
from spec.hv.safety import HANDLING
from spec.hv.world import HvWorld, Running, top
from spec.logic import all_of, any_of, implies, ite, none_of
from spec.registry import Outcome, invariant
from spec.vocabulary import Event, Guarantor, GuestAction

HOST = Guarantor.HOST
GUEST_STEPS = (
    "hv_moves_frame",
    "hv_enters",
    "hv_takes_events",
    "hv_clears",
    "hv_reads",
    "hv_consumes",
    "hv_resumes_caller",
    "hv_dispatches",
    "hv_finishes",
    "hv_tests_eoi",
    "hv_ends",
    "hv_looks",
    "hv_jumps",
    "hv_reloads",
    "hv_returns",
    "hv_postpones",
    "code_looks",
    "hv_is_taken",
)
"""The handler's own steps, and the delivery of #HV: all that can come next while an event is on its way."""
HOST_STEPS = (
    "host_posts_interrupt",
    "host_posts_nmi",
    "host_posts_machine_check",
    "host_tells",
    "host_spares_eoi",
    "host_takes_back",
    "host_wakes",
    "host_runs_again",
)
MOST_FRAMES = 32
"""Two for each of 15 nested interrupt handlers, one that the loop works on, and one of a #HV that returns at once."""


def worked_on(world: HvWorld) -> Running:
    """The context that matters: what the entry of the handler interrupted, or else the processor's own."""
    frame = ite(world.cpu.pc == Point.IST_ENTRY, world.ist, top(world))
    return ite(in_entry(world.cpu.pc), frame.context, world.cpu)


def is_interrupting(world: HvWorld) -> bool:
    """#HV is about to be taken, or has just been."""
    return any_of(world.signalled, in_entry(world.cpu.pc))


def on_its_way(world: HvWorld) -> bool:
    """The vector in the page is not masked, and the program that takes it is being executed."""
    context = worked_on(world)
    pc = context.pc
    looks = any_of(in_loop(pc), pc == Point.FINISH, pc == Point.RESUME, pc == Point.ENABLE_TEST)
    seen = any_of(pc == Point.RETURN_TEST, all_of(pc == Point.RETURN_JUMP, context.seen))
    window = all_of(is_from(pc, Point.RETURN_JUMP, Point.RETURN_IRET), context.under)
    called_off = all_of(pc == Point.HALT, world.choices.tests_windows_first)
    enabled = all_of(context.interrupts, none_of(called_off))
    runs = none_of(world.stopped, world.away, world.untold, none_of(world.registered))
    there = any_of(looks, seen, all_of(any_of(window, enabled), is_interrupting(world)))
    return all_of(world.honest, runs, is_due(world.doorbell.vector, world.cpu.tpr), there)


def steps_left(world: HvWorld, context: Running) -> int:
    """How many accesses and jumps lie between a context and the exchange that takes the vector."""
    pc = context.pc
    to_consume = ite(context.vector == world.doorbell.vector, 1, 2)
    to_read = ite(pc == Point.READ, 3, 4)
    near = any_of(pc == Point.CLEAR, pc == Point.READ, pc == Point.EOI)
    far = any_of(pc == Point.RETURN_TEST, pc == Point.DISPATCH, pc == Point.FINISH, pc == Point.RESUME)
    return ite(pc == Point.CONSUME, to_consume, ite(near, to_read, ite(far, 6, 5)))


def rank(world: HvWorld) -> int:
    """Steps to the exchange; then whether another #HV can come before them; then steps to the end of that #HV."""
    left = steps_left(world, worked_on(world))
    may_come = ite(world.doorbell.no_further_signal, 0, 8)
    pc = world.cpu.pc
    entry = ite(pc == Point.IST_ENTRY, 5, ite(pc == Point.ENTRY, 4, ite(pc == Point.POSTPONE_EVENTS, 3, 2)))
    inside = ite(in_entry(pc), entry, ite(world.signalled, 6, 0))
    return (left << 4) + may_come + inside


@invariant("HV-T6", guarantor=HOST, manual=HANDLING, needs=("K-HV-DELIVER",), by=GUEST_STEPS)
def event_on_its_way_is_taken(before: HvWorld, outcome: Outcome) -> bool:
    """Each step takes the event, or brings its rank down, or calls an interrupt handler that masks it."""
    after: HvWorld = outcome.system
    runs = any_of(outcome.result == GuestAction.CONTINUES, outcome.result == Event.HV)
    taken = all_of(after.events.taken == before.events.posted, after.doorbell.vector == 0)
    masked = all_of(after.cpu.nesting != before.cpu.nesting, none_of(is_due(after.doorbell.vector, after.cpu.tpr)))
    nearer = all_of(on_its_way(after), rank(after) < rank(before))
    return implies(all_of(on_its_way(before), runs), any_of(taken, masked, nearer))


@invariant("HV-T6-HOST", guarantor=HOST, manual=HANDLING, by=HOST_STEPS)
def host_keeps_no_event_away(before: HvWorld, after: HvWorld) -> bool:
    """No step of an honest host brings the rank of an event up that it leaves in the page."""
    stays = all_of(after.events.posted == before.events.posted, after.doorbell.vector == before.doorbell.vector)
    told = none_of(after.untold)
    return implies(all_of(on_its_way(before), stays, told), all_of(on_its_way(after), rank(after) <= rank(before)))


@invariant("HV-T6-START", guarantor=HOST, manual=HANDLING)
def unmasked_event_is_on_its_way(world: HvWorld) -> bool:
    """Where interrupts are enabled, an event that the TPR does not mask is on its way."""
    enabled = any_of(world.cpu.pc == Point.CODE, world.halted)
    waits = all_of(world.cpu.interrupts, enabled, is_due(world.doorbell.vector, world.cpu.tpr))
    runs = none_of(world.stopped, world.away, world.untold)
    return implies(all_of(world.honest, runs, waits), on_its_way(world))


@invariant("HV-T6-ROOM", guarantor=HOST, manual=HANDLING)
def honest_host_fills_no_stack(world: HvWorld) -> bool:
    """A stack of 32 frames is enough: no #HV of an honest host stops the guest. By HV-H16-HONEST, with its needs."""
    bounded = all_of(world.depth <= MOST_FRAMES, world.shadow_depth <= MOST_FRAMES)
    runs = implies(world.room >= MOST_FRAMES, none_of(world.stopped))
    return implies(world.honest, all_of(bounded, runs))


INVARIANTS = (
    event_on_its_way_is_taken,
    host_keeps_no_event_away,
    unmasked_event_is_on_its_way,
    honest_host_fills_no_stack,
)
