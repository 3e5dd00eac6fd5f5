"""The entry of the #HV handler: what was interrupted decides (GHCB, "#HV Handling"; rules of shipping handlers).

A frame with interrupts enabled is worked on at once. Otherwise the work is postponed: the interrupted code looks at the
page itself before it enables interrupts, halts or leaves. Where it has looked already, and is in a window that ends
with one of these, its RIP is redirected.
"""

from spec.hv.doorbell import Doorbell
from spec.hv.points import Point, PointNumber, in_window
from spec.hv.stack import (
    below,
    clobbered,
    first_of_loop,
    is_full,
    pushed,
    returning_to,
    saves_registers,
    without_top,
)
from spec.hv.world import Frame, HvWorld, NoOperands, continues, elsewhere, refrains, stops, top
from spec.logic import all_of, any_of, ite, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor

SOURCE = 'GHCB (56421), "#HV Exception"'


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_moves_frame(world: HvWorld, op: NoOperands) -> Outcome:
    """With a stack of its own for #HV (IST): the frame is moved to the stack of the interrupted code."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.IST_ENTRY):
        return refrains(world, "elsewhere")

    # 2. The interrupted code was still on this stack: its own frame is overwritten.
    if all_of(world.rules.detects_overlap, world.ist.rip == Point.IST_ENTRY):
        return stops(world, "stack-overlap")

    # 3. The stack has no room.
    if is_full(world):
        return stops(world, "guard-page")
    after = pushed(world, world.ist)
    return continues(replace(after, cpu=replace(world.cpu, pc=Point.ENTRY)), "frame-moved")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_enters(world: HvWorld, op: NoOperands) -> Outcome:
    """The handler decides by the interrupted IF and RIP; it reads nothing that the hypervisor can write."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.ENTRY):
        return refrains(world, "elsewhere")
    frame = top(world)

    # 2. There is no page yet.
    if none_of(world.registered):
        return continues(postponed(world, Point.POSTPONE), "no-doorbell")

    # 3. Halting and leaving are called off.
    redirected = any_of(in_halt_window(world, frame.rip), in_leave_window(world, frame.rip))
    first = all_of(frame.context.interrupts, none_of(world.choices.tests_windows_first))
    if all_of(none_of(first), redirected):
        end = ite(in_halt_window(world, frame.rip), int(Point.HALT_END), int(Point.LEAVE_END))
        return continues(postponing(returning_to(world, end)), "called-off")

    # 4. Interrupts were enabled: the loop runs; HLT is skipped.
    if frame.context.interrupts:
        saved = replace(world, stack=world.stack.set(world.depth, saves_registers(frame, world.cpu)))
        halts = frame.rip == Point.HALT
        rip = ite(halts, int(Point.HALT_END), frame.rip)
        return continues(looping(returning_to(saved, rip), under=True), "interrupts-enabled")

    # 5. A return to enabled interrupts is taken over: the loop runs again on the frame that it was about to leave.
    outer = world.stack[below(world.depth)]
    enabled = any_of(outer.context.interrupts, none_of(world.rules.takes_over_enabled_only))
    if all_of(in_return_window(world, frame.rip), enabled):
        return continues(taken_over(world, outer), "taken-over")
    return continues(postponing(world), "interrupts-disabled")


def in_halt_window(world: HvWorld, rip: PointNumber) -> bool:
    """Between the look at the page and HLT, which is the last instruction of the window."""
    late = none_of(world.rules.windows_begin_at_jump)
    return all_of(world.rules.closes_halt, in_window(rip, Point.HALT_JUMP, Point.HALT_END, late))


def in_leave_window(world: HvWorld, rip: PointNumber) -> bool:
    """Between the look at the page and VMGEXIT."""
    late = none_of(world.rules.windows_begin_at_jump)
    return all_of(world.rules.closes_leaving, in_window(rip, Point.LEAVE_JUMP, Point.LEAVE_END, late))


def in_return_window(world: HvWorld, rip: PointNumber) -> bool:
    """Between the look at the page and IRET, which has not been executed as long as RIP points at it."""
    late = none_of(world.rules.windows_begin_at_jump)
    is_inside = any_of(in_window(rip, Point.RETURN_JUMP, Point.RETURN_IRET, late), rip == Point.RETURN_IRET)
    return all_of(world.rules.closes_return, is_inside)


def postponing(world: HvWorld) -> HvWorld:
    """The interrupted code goes on; NMI and #MC are not left to it (K-NMI-IF0)."""
    now = world.platform.knobs.nmi_despite_disabled
    after = postponed(world, ite(now, int(Point.POSTPONE_EVENTS), int(Point.POSTPONE)))
    flag = all_of(after.doorbell.no_further_signal, world.rules.keeps_flag_on_postpone)
    return replace(after, doorbell=replace(after.doorbell, no_further_signal=flag))


def postponed(world: HvWorld, point: PointNumber) -> HvWorld:
    """The scratch register is saved, and used."""
    frame = replace(top(world), rax=world.cpu.rax)
    cpu = replace(world.cpu, pc=point, rax=0)
    return replace(world, stack=world.stack.set(world.depth, frame), cpu=cpu)


def looping(world: HvWorld, under: bool) -> HvWorld:
    """The loop begins, with registers of its own."""
    cpu = replace(clobbered(world.cpu), pc=first_of_loop(world), looks=True, under=under)
    return replace(world, cpu=cpu)


def taken_over(world: HvWorld, outer: Frame) -> HvWorld:
    """The frame of this #HV is dropped. At IRET the registers have been reloaded already: they are saved anew."""
    at_iret = top(world).rip == Point.RETURN_IRET
    kept = replace(outer, rax=ite(at_iret, world.cpu.rax, outer.rax), rest=ite(at_iret, world.cpu.rest, outer.rest))
    dropped = without_top(world)
    saved = replace(dropped, stack=dropped.stack.set(dropped.depth, kept))
    mistaken = all_of(none_of(world.rules.compares_frame), at_iret, world.cpu.rax == Point.HALT)
    rip = ite(mistaken, int(Point.HALT_END), outer.rip)
    return looping(returning_to(saved, rip), under=outer.context.interrupts)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_takes_events(world: HvWorld, op: NoOperands) -> Outcome:
    """NMI and #MC are fetched and cleared by one locked access, and acted on, although IF is clear (K-NMI-IF0)."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.POSTPONE_EVENTS):
        return refrains(world, "elsewhere")
    page = world.doorbell
    left = Doorbell(page.vector, False, False, page.no_further_signal, page.no_eoi_required)
    return continues(replace(acting(world, page), doorbell=left, cpu=replace(world.cpu, pc=Point.POSTPONE)), "acted-on")


def acting(world: HvWorld, page: Doorbell) -> HvWorld:
    """The guest acts on the NMI and the #MC that it has seen."""
    events = world.events
    nmi = all_of(events.owed_nmi, none_of(page.nmi))
    machine_check = all_of(events.owed_machine_check, none_of(page.machine_check))
    return replace(world, events=replace(events, owed_nmi=nmi, owed_machine_check=machine_check))


TRANSITIONS = (hv_moves_frame, hv_enters, hv_takes_events)
