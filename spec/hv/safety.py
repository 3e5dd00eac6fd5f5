"""What a careful handler guarantees against any hypervisor: what is dispatched, when, how deep, and how it ends."""

from spec.hv.doorbell import FIRST_EXTERNAL, SYSCALL_VECTOR, class_of, is_due
from spec.hv.places import depth_of, is_frame, is_handler, is_place, owed_by, resting
from spec.hv.points import Point, in_entry, in_loop, is_from
from spec.hv.world import HvWorld, Place, Running, top
from spec.logic import all_of, any_of, iff, implies, none_of
from spec.registry import invariant
from spec.vocabulary import Guarantor

GUEST = Guarantor.GUEST
HANDLING = 'GHCB (56421), "#HV Exception"'


def calls(before: HvWorld, after: HvWorld) -> bool:
    """The step calls an interrupt handler."""
    return after.cpu.nesting != before.cpu.nesting


@invariant("HV-H6", guarantor=GUEST, manual=HANDLING, needs=("K-VEC-MIN",), by=("hv_dispatches",))
def only_registered_interrupts_are_dispatched(before: HvWorld, after: HvWorld) -> bool:
    """What is called is an interrupt handler that the guest has registered: no exception's, and not that of INT 80h."""
    vector = before.cpu.vector
    legal = all_of(vector >= FIRST_EXTERNAL, vector != SYSCALL_VECTOR, before.handlers[vector])
    return implies(calls(before, after), legal)


@invariant("HV-H7", guarantor=GUEST, manual=HANDLING, by=("hv_dispatches",))
def masked_interrupts_are_not_dispatched(before: HvWorld, after: HvWorld) -> bool:
    """An interrupt handler is called only if the interrupted code had interrupts enabled, and a lower TPR."""
    enabled = top(before).context.interrupts
    priority = all_of(class_of(before.cpu.vector) > before.cpu.tpr, before.cpu.tpr == top(before).context.tpr)
    return implies(calls(before, after), all_of(enabled, priority))


@invariant("HV-H7-LOOP", guarantor=GUEST, manual=HANDLING)
def loop_runs_for_enabled_code(world: HvWorld, place: Place) -> bool:
    """The loop runs on a frame with interrupts enabled, and takes what the TPR does not mask."""
    context = resting(world, place)
    to_take = any_of(context.pc == Point.CONSUME, context.pc == Point.DISPATCH)
    taken = implies(all_of(is_place(world, place), to_take), is_due(context.vector, context.tpr))
    looking = is_from(context.pc, Point.RESUME, Point.RETURN_JUMP)
    enabled = implies(any_of(in_loop(context.pc), looking), context.under)
    truthful = implies(is_handler(context), iff(context.under, world.stack[place].context.interrupts))
    return all_of(taken, implies(is_frame(world, place), all_of(enabled, truthful)))


@invariant("HV-H13", guarantor=GUEST, manual=HANDLING, by=("hv_consumes",))
def vectors_are_taken_from_the_page(before: HvWorld, after: HvWorld) -> bool:
    """What is taken is what stood in the page at that moment, and it stands there no longer."""
    taken = after.cpu.pc == Point.DISPATCH
    moved = all_of(before.doorbell.vector == after.cpu.vector, after.doorbell.vector == 0)
    return implies(all_of(taken, before.cpu.pc == Point.CONSUME), moved)


@invariant("HV-H14", guarantor=GUEST, manual=HANDLING, by=("hv_consumes",))
def events_are_taken_once(before: HvWorld, after: HvWorld) -> bool:
    """Events are numbered as they are written to the page; one that is taken has a higher number than all before it."""
    takes = all_of(before.cpu.pc == Point.CONSUME, after.cpu.pc == Point.DISPATCH)
    return implies(takes, before.events.taken < after.events.taken)


@invariant("HV-H14-PAGE", guarantor=GUEST, manual=HANDLING)
def page_holds_what_was_not_taken(world: HvWorld) -> bool:
    """A vector that stands in the page was written after all that were taken."""
    known = world.events
    return all_of(known.taken <= known.posted, implies(world.doorbell.vector != 0, known.taken < known.posted))


@invariant("HV-H15", guarantor=GUEST, manual='GHCB (56421), "#HV Doorbell", NoEoiRequired')
def every_vector_is_ended_once(world: HvWorld, place: Place) -> bool:
    """What was taken and not ended is what interrupt handlers run for, and what the loop is about to end."""
    context = resting(world, place)
    same = context.owing == world.stack[place].context.owing
    handed_on = implies(all_of(is_frame(world, place), in_entry(context.pc)), same)
    own = implies(none_of(in_entry(context.pc)), context.owing == owed_by(context))
    return all_of(handed_on, implies(is_place(world, place), own))


@invariant("HV-H15-VCPU", guarantor=GUEST, manual='GHCB (56421), "#HV Doorbell", NoEoiRequired')
def vectors_are_ended_where_they_were_taken(world: HvWorld, place: Place) -> bool:
    """All code that owes an end of interrupt runs on the processor whose page the vector was taken from."""
    return implies(is_place(world, place), all_of(resting(world, place).processor == 0, world.cpu.processor == 0))


@invariant("HV-H16", guarantor=GUEST, manual=HANDLING)
def nesting_is_bounded(world: HvWorld, place: Place) -> bool:
    """Interrupt handlers nest by class: no more are under way than there are classes above the tasks' TPR."""
    context = resting(world, place)
    return all_of(is_bounded(world, world.cpu), implies(is_place(world, place), is_bounded(world, context)))


def is_bounded(world: HvWorld, context: Running) -> bool:
    """The classes of all interrupt handlers under way lie between the tasks' TPR and the present one."""
    return all_of(context.nesting + world.base <= context.floor, context.floor <= context.tpr)


@invariant("HV-H16-ORDER", guarantor=GUEST, manual=HANDLING, by=("hv_dispatches",))
def nested_handlers_have_higher_classes(before: HvWorld, after: HvWorld) -> bool:
    """An interrupt handler that interrupts another has a higher class."""
    return implies(calls(before, after), after.cpu.floor > before.cpu.floor)


@invariant("HV-H16-STACK", guarantor=GUEST, manual=HANDLING)
def handlers_need_two_frames_each(world: HvWorld, place: Place) -> bool:
    """Besides frames of #HV that return at once, the stack has two frames for each interrupt handler, and one."""
    context = resting(world, place)
    return implies(all_of(is_place(world, place), none_of(in_entry(context.pc))), place == depth_of(context))


INVARIANTS = (
    only_registered_interrupts_are_dispatched,
    masked_interrupts_are_not_dispatched,
    loop_runs_for_enabled_code,
    vectors_are_taken_from_the_page,
    events_are_taken_once,
    page_holds_what_was_not_taken,
    every_vector_is_ended_once,
    vectors_are_ended_where_they_were_taken,
    nesting_is_bounded,
    nested_handlers_have_higher_classes,
    handlers_need_two_frames_each,
)
