"""What is interrupted goes on as if nothing had been: frames, registers, both stacks; against any hypervisor."""

from spec.hv.places import is_closed, is_frame, is_handler, is_place, resting, returns_to
from spec.hv.points import Point, in_entry, is_from
from spec.hv.safety import HANDLING
from spec.hv.world import Frame, FrameKind, HvWorld, Place, Running, top
from spec.logic import all_of, any_of, iff, implies, ite, none_of, same
from spec.record import replace
from spec.registry import invariant
from spec.vocabulary import Guarantor

GUEST = Guarantor.GUEST


@invariant("HV-POINTS", guarantor=GUEST, manual=HANDLING)
def interrupts_are_enabled_by_place(world: HvWorld, place: Place) -> bool:
    """Interrupts are disabled in the handler, and enabled at HLT and where the page is looked at after STI."""
    context = resting(world, place)
    nowhere = any_of(context.pc > Point.RETURN_IRET, context.pc == Point.CLEAR_STORE, context.pc == Point.IST_ENTRY)
    enabled = any_of(context.pc == Point.ENABLE_TEST, context.pc == Point.HALT)
    either = any_of(context.pc == Point.CODE, context.pc == Point.HALT_END)
    own = all_of(none_of(nowhere), implies(none_of(either), iff(context.interrupts, enabled)))
    halted = implies(world.halted, all_of(world.cpu.pc == Point.HALT_END, world.cpu.interrupts))
    return all_of(implies(is_place(world, place), own), halted)


@invariant("HV-FRAMES", guarantor=GUEST, manual=HANDLING)
def frames_suit_their_code(world: HvWorld, place: Place) -> bool:
    """IRET finds a frame of an interruption, RET one of a call; each leads to what it was made for (HV-H12, HV-H24)."""
    context, frame = resting(world, place), world.stack[place]
    by_iret = any_of(in_entry(context.pc), is_from(context.pc, Point.RETURN_TEST, Point.RETURN_IRET))
    interrupted = implies(by_iret, frame.kind == FrameKind.INTERRUPTED)
    called = implies(context.pc == Point.RESUME, frame.kind == FrameKind.CALLED)
    dispatched = implies(none_of(is_handler(context)), frame.kind == FrameKind.DISPATCHED)
    worked_for = implies(frame.kind == FrameKind.DISPATCHED, none_of(is_handler(context)))
    abandoned = all_of(is_from(context.pc, Point.RETURN_LOAD, Point.RETURN_IRET), none_of(context.under))
    of_code = implies(abandoned, frame.context.pc == Point.CODE)
    suits = all_of(interrupted, called, dispatched, worked_for, of_code, leads_on(frame))
    at_bottom = all_of(place == 0, any_of(is_handler(context), context.pc == Point.FINISH))
    return all_of(implies(is_frame(world, place), suits), none_of(all_of(is_place(world, place), at_bottom)))


def leads_on(frame: Frame) -> bool:
    """A frame leads to where it was made, or past the end of the window that was interrupted."""
    pc = frame.context.pc
    return all_of(
        any_of(frame.rip == pc, frame.rip == returns_to(frame)),
        implies(frame.kind == FrameKind.CALLED, pc == Point.ENABLE_TEST),
        implies(frame.kind == FrameKind.DISPATCHED, pc == Point.DISPATCH),
        frame.kind <= FrameKind.DISPATCHED,
    )


@invariant("HV-H12", guarantor=GUEST, manual=HANDLING)
def nothing_returns_into_a_window(world: HvWorld, place: Place) -> bool:
    """What is postponed returns to code that will look at the page, and not behind the look at it."""
    context, frame = resting(world, place), world.stack[place]
    postponed = is_from(context.pc, Point.POSTPONE_EVENTS, Point.POSTPONE)
    before_iret = is_from(frame.rip, Point.RETURN_JUMP, Point.RETURN_IRET)
    behind = any_of(is_closed(frame.rip), all_of(before_iret, frame.context.under))
    called_off = all_of(world.choices.tests_windows_first, frame.context.pc == Point.HALT, frame.rip == Point.HALT_END)
    enabled = all_of(frame.context.interrupts, none_of(called_off))
    return implies(all_of(is_frame(world, place), postponed, world.registered), none_of(behind, enabled))


@invariant("HV-H18", guarantor=GUEST, manual=HANDLING)
def frames_keep_what_was_interrupted(world: HvWorld, place: Place) -> bool:
    """Registers are where the return takes them from, and have the values that they had."""
    context, frame = resting(world, place), world.stack[place]
    was = frame.context
    saved = all_of(frame.rax == was.rax, frame.rest == was.rest)
    live = all_of(context.rax == was.rax, context.rest == was.rest)
    half = all_of(frame.rax == was.rax, context.rest == was.rest)
    undecided = is_from(context.pc, Point.IST_ENTRY, Point.ENTRY)
    postponing = is_from(context.pc, Point.POSTPONE_EVENTS, Point.POSTPONE)
    where = ite(
        any_of(undecided, context.pc == Point.RETURN_IRET),
        live,
        ite(postponing, half, any_of(context.pc == Point.RESUME, frame.kind != 0, saved)),
    )
    return implies(all_of(is_frame(world, place), is_handler(context)), all_of(where, same_level(context, was)))


def same_level(context: Running, was: Running) -> bool:
    """The handler is at the level of what it interrupted."""
    return all_of(
        context.tpr == was.tpr,
        context.floor == was.floor,
        context.nesting == was.nesting,
        implies(in_entry(context.pc), context.looks == was.looks),
    )


@invariant("HV-H19-OWN", guarantor=GUEST, manual=HANDLING)
def own_stack_holds_what_was_interrupted(world: HvWorld) -> bool:
    """At the first instruction after #HV with a stack of its own, the frame there is that of what was interrupted."""
    was = world.ist.context
    begun = replace(was, pc=Point.IST_ENTRY, interrupts=False, under=was.interrupts)
    whole = all_of(same(world.cpu, begun), world.ist.rip == was.pc, world.ist.kind == FrameKind.INTERRUPTED)
    at_entry = world.cpu.pc == Point.IST_ENTRY
    own = implies(all_of(at_entry, none_of(world.events.frame_lost)), whole)
    return all_of(own, implies(at_entry, world.choices.uses_ist))


@invariant("HV-H17", guarantor=GUEST, manual=HANDLING, by=("hv_returns", "hv_postpones"))
def interrupted_code_goes_on_unchanged(before: HvWorld, after: HvWorld) -> bool:
    """IRET restores exactly what was interrupted; of RIP only what HV-FRAMES says may differ."""
    was = replace(top(before).context, pc=top(before).rip)
    leaves = none_of(after.depth == before.depth)
    return implies(leaves, same(after.cpu, was))


@invariant("HV-SHADOW", guarantor=GUEST, manual="APM Vol. 2, 18.6 and 18.10")
def shadow_stack_agrees(world: HvWorld, place: Place) -> bool:
    """Each frame has its return address on the shadow stack: no return of the handler's is a #CP."""
    agrees = world.shadow[place] == world.stack[place].rip
    return all_of(world.depth == world.shadow_depth, implies(all_of(place != 0, place <= world.depth), agrees))


@invariant("HV-H19", guarantor=GUEST, manual=HANDLING)
def overwritten_frames_are_not_used(world: HvWorld) -> bool:
    """A frame on #HV's own stack that a second #HV overwrites stops the guest: nothing returns to it."""
    noticed = any_of(world.stopped, world.cpu.pc == Point.IST_ENTRY)
    detectable = implies(none_of(world.stopped), world.ist.rip == Point.IST_ENTRY)
    return implies(world.events.frame_lost, all_of(noticed, detectable))


@invariant("HV-H19-GUARD", guarantor=GUEST, manual="APM Vol. 2, 15.36.16")
def stack_stays_above_its_guard(world: HvWorld) -> bool:
    """No frame lies on the guard page."""
    return world.depth <= world.room


INVARIANTS = (
    interrupts_are_enabled_by_place,
    frames_suit_their_code,
    nothing_returns_into_a_window,
    frames_keep_what_was_interrupted,
    interrupted_code_goes_on_unchanged,
    shadow_stack_agrees,
    own_stack_holds_what_was_interrupted,
    overwritten_frames_are_not_used,
    stack_stays_above_its_guard,
)
