"""What the invariants speak of: a frame at any place of the stack, and the context that rests on it."""

from spec.hv.points import Point, in_entry, in_service, in_window, is_from
from spec.hv.world import DEPTH_MASK, Frame, HvWorld, Place, Running
from spec.logic import all_of, any_of, as_bit, ite, none_of


def is_frame(world: HvWorld, place: Place) -> bool:
    """There is a frame at this place, and none was lost: after that the guest takes no step but to stop (HV-H19)."""
    return all_of(place != 0, is_place(world, place))


def is_place(world: HvWorld, place: Place) -> bool:
    """Some code rests on this place: on a frame, or at the bottom of the stack."""
    return all_of(place <= world.depth, none_of(world.events.frame_lost))


def resting(world: HvWorld, place: Place) -> Running:
    """The context that returns to the frame at a place: the processor's own on top, else one that was interrupted.

    At the first instruction after #HV with a stack of its own, that is what its frame there keeps.
    """
    return ite(place == world.depth, newest(world), world.stack[(place + 1) & DEPTH_MASK].context)


def newest(world: HvWorld) -> Running:
    """The context on top of the stack."""
    return ite(world.cpu.pc == Point.IST_ENTRY, world.ist.context, world.cpu)


def works_for(context: Running) -> bool:
    """The code works for what it returns to, by IRET or RET."""
    return any_of(
        is_from(context.pc, Point.CLEAR, Point.DISPATCH), is_from(context.pc, Point.EOI_TEST, Point.RETURN_IRET)
    )


def is_handler(context: Running) -> bool:
    """The code is the #HV handler's, or the loop's, or a return; not code that is called or ordinary."""
    return any_of(in_entry(context.pc), works_for(context))


def is_closed(rip: int) -> bool:
    """The address is in the window of HLT or of VMGEXIT."""
    halt = in_window(rip, Point.HALT_JUMP, Point.HALT_END, False)
    return any_of(halt, in_window(rip, Point.LEAVE_JUMP, Point.LEAVE_END, False))


def is_on_way_back(context: Running) -> bool:
    """The page has been looked at, and interrupts are enabled next."""
    return all_of(is_from(context.pc, Point.RETURN_JUMP, Point.RETURN_IRET), context.under)


def owed_by(context: Running) -> int:
    """How many vectors have been taken and not ended, where this code runs."""
    return context.nesting + as_bit(in_service(context.pc))


def depth_of(context: Running) -> int:
    """How many frames are under this code."""
    return (context.nesting << 1) + as_bit(works_for(context))


def returns_to(frame: Frame) -> int:
    """Where the frame may lead: to the point that was interrupted, or past the end of the window that it was in."""
    was = frame.context.pc
    halts = in_window(was, Point.HALT_JUMP, Point.HALT_END, False)
    leaves = in_window(was, Point.LEAVE_JUMP, Point.LEAVE_END, False)
    return ite(halts, int(Point.HALT_END), ite(leaves, int(Point.LEAVE_END), was))
