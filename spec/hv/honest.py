"""What an honest host and a careful handler guarantee together: no event is lost, and none waits where nobody looks."""

from spec.hv.doorbell import has_unmasked, is_due, is_empty
from spec.hv.places import is_frame, is_place, resting
from spec.hv.points import Point, in_entry, is_from
from spec.hv.safety import HANDLING
from spec.hv.world import HvWorld, Place, in_flight
from spec.logic import all_of, any_of, iff, implies, none_of
from spec.registry import invariant
from spec.vocabulary import Guarantor

GUEST = Guarantor.GUEST
HOST = Guarantor.HOST
POSTING = 'GHCB (56421), "#HV Doorbell Page"'


def waits(world: HvWorld) -> bool:
    """Something stands in the page that is not masked, or a flag that keeps the host from telling, and none is told."""
    told = in_flight(world)
    page = world.doorbell
    return all_of(none_of(told), any_of(page.no_further_signal, has_unmasked(page, world.cpu.tpr)))


@invariant("HV-H10", guarantor=HOST, manual=POSTING)
def no_event_is_lost(world: HvWorld) -> bool:
    """What stands in the page and is not masked has been told, is being told, or someone is going to look at it."""
    page = world.doorbell
    told = any_of(page.no_further_signal, in_flight(world))
    will_look = any_of(world.cpu.looks, world.cpu.pc == Point.ENABLE_TEST)
    flags = implies(any_of(page.nmi, page.machine_check), told)
    vector = implies(is_due(page.vector, world.cpu.tpr), any_of(told, will_look))
    return implies(world.honest, all_of(flags, vector))


@invariant("HV-H9", guarantor=GUEST, manual=HANDLING)
def flags_are_cleared_before_the_vector_is_read(world: HvWorld, place: Place) -> bool:
    """Someone will look after the flags were cleared: the loop does, and code with interrupts disabled."""
    context = resting(world, place)
    in_loop = any_of(is_from(context.pc, Point.CLEAR, Point.DISPATCH), is_from(context.pc, Point.FINISH, Point.EOI))
    code = all_of(context.pc == Point.CODE, none_of(context.interrupts))
    on_the_way = any_of(context.pc == Point.HALT_TEST, context.pc == Point.LEAVE_TEST)
    jumps = any_of(context.pc == Point.HALT_JUMP, context.pc == Point.LEAVE_JUMP, context.pc == Point.RETURN_JUMP)
    looking = any_of(in_loop, code, on_the_way, all_of(jumps, context.seen))
    return implies(all_of(is_place(world, place), looking), context.looks)


@invariant("HV-H10-PAGE", guarantor=HOST, manual=POSTING)
def page_is_what_the_host_posted(world: HvWorld) -> bool:
    """Nothing is erased from the page, and nothing comes back to it: what was posted and not taken stands there."""
    page, known = world.doorbell, world.events
    vector = iff(page.vector != 0, known.owed_vector)
    flags = all_of(iff(page.nmi, known.owed_nmi), iff(page.machine_check, known.owed_machine_check))
    unregistered = all_of(is_empty(page), none_of(page.no_further_signal, in_flight(world)))
    return implies(world.honest, all_of(vector, flags, any_of(world.registered, unregistered)))


@invariant("HV-H11", guarantor=HOST, manual=HANDLING)
def enabled_code_leaves_nothing_waiting(world: HvWorld) -> bool:
    """Where ordinary code runs with interrupts enabled, nothing waits that the TPR does not mask."""
    cpu = world.cpu
    enabled = any_of(cpu.pc == Point.HALT, all_of(cpu.pc == Point.CODE, cpu.interrupts))
    return implies(all_of(world.honest, enabled), none_of(waits(world)))


@invariant("HV-H11-WINDOW", guarantor=HOST, manual=HANDLING)
def windows_have_nothing_waiting(world: HvWorld) -> bool:
    """Behind a look at the page that saw nothing, nothing waits: what comes later is told inside the window."""
    cpu = world.cpu
    jumps = any_of(cpu.pc == Point.HALT_JUMP, cpu.pc == Point.LEAVE_JUMP, cpu.pc == Point.RETURN_JUMP)
    behind = any_of(
        all_of(jumps, none_of(cpu.seen)),
        is_from(cpu.pc, Point.HALT_ENABLE, Point.HALT),
        is_from(cpu.pc, Point.LEAVE_REQUEST, Point.LEAVE),
        all_of(is_from(cpu.pc, Point.RETURN_LOAD, Point.RETURN_IRET), cpu.under),
    )
    return implies(all_of(world.honest, behind), none_of(waits(world)))


@invariant("HV-H11-HALT", guarantor=HOST, manual=HANDLING)
def halted_processor_has_nothing_waiting(world: HvWorld) -> bool:
    """No wake-up is lost: what is posted to a halted processor is told."""
    return implies(all_of(world.honest, world.halted), none_of(waits(world)))


@invariant("HV-H11-LEAVE", guarantor=HOST, manual=HANDLING, needs=("K-HV-DELIVER",), by=("leave_exits",))
def nothing_is_left_behind(before: HvWorld, after: HvWorld) -> bool:
    """Another VMPL is run only when nothing waits at this one, and no #HV is on its way.

    Where #HV is taken later, a host that delivers it first is needed (K-RUNVMPL-PEND).
    """
    leaves = all_of(before.honest, after.away, none_of(before.away))
    return implies(leaves, none_of(before.signalled, waits(before)))


@invariant("HV-H11-AWAY", guarantor=HOST, manual=HANDLING)
def event_while_away_is_told(world: HvWorld) -> bool:
    """What is posted while another VMPL runs is told as soon as this one does again."""
    return implies(all_of(world.honest, world.away), none_of(waits(world)))


@invariant("HV-H16-HONEST", guarantor=HOST, manual=HANDLING, needs=("K-HV-DELIVER", "K-HV-CANCEL"))
def stack_is_bounded(world: HvWorld, place: Place) -> bool:
    """An honest host's #HV interrupts no entry of the handler: one frame of a #HV that returns at once, and no more."""
    flag = world.doorbell.no_further_signal
    quiet = all_of(
        implies(world.signalled, flag),
        implies(in_entry(world.cpu.pc), all_of(flag, none_of(world.signalled))),
        none_of(all_of(world.cpu.pc == Point.IST_ENTRY, in_entry(world.ist.context.pc))),
        none_of(world.events.frame_lost),
    )
    one = implies(in_entry(resting(world, place).pc), none_of(in_entry(world.stack[place].context.pc)))
    return implies(world.honest, all_of(quiet, implies(is_frame(world, place), one)))


INVARIANTS = (
    no_event_is_lost,
    flags_are_cleared_before_the_vector_is_read,
    page_is_what_the_host_posted,
    enabled_code_leaves_nothing_waiting,
    windows_have_nothing_waiting,
    halted_processor_has_nothing_waiting,
    nothing_is_left_behind,
    event_while_away_is_told,
    stack_is_bounded,
)
