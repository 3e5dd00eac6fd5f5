"""The looks at the page, the jumps on what they saw, and the return to what was interrupted (GHCB, "#HV Exception").

A look is the last instruction before a window: either it sees an event, or a #HV arrives inside the window.
"""

from spec.hv.entry import SOURCE
from spec.hv.points import Point
from spec.hv.stack import first_of_loop, frame_of, is_full, pushed, resumed, shadow_agrees
from spec.hv.world import (
    FrameKind,
    HvWorld,
    NoOperands,
    continues,
    elsewhere,
    is_executing,
    must_look,
    refrains,
    stops,
    top,
)
from spec.logic import all_of, any_of, ite, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_looks(world: HvWorld, op: NoOperands) -> Outcome:
    """One read of the page before HLT, before VMGEXIT to another VMPL, before IRET."""
    # 1. The processor is at one of these instructions.
    pc = world.cpu.pc
    at_test = any_of(pc == Point.HALT_TEST, pc == Point.LEAVE_TEST, pc == Point.RETURN_TEST)
    if none_of(all_of(is_executing(world), at_test)):
        return refrains(world, "elsewhere")
    flag = all_of(world.registered, world.doorbell.no_further_signal)
    seen = ite(world.rules.tests_deferred, must_look(world), flag)
    cpu = replace(world.cpu, pc=(pc + 1) & 31, seen=seen, looks=seen)
    return continues(replace(world, cpu=cpu), "looked")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_jumps(world: HvWorld, op: NoOperands) -> Outcome:
    """If there was something, the processor does not halt, leave or return: the loop begins, or code goes on."""
    # 1. The processor is at one of these instructions.
    pc = world.cpu.pc
    at_jump = any_of(pc == Point.HALT_JUMP, pc == Point.LEAVE_JUMP, pc == Point.RETURN_JUMP)
    if none_of(all_of(is_executing(world), at_jump)):
        return refrains(world, "elsewhere")
    returns = ite(pc == Point.RETURN_JUMP, first_of_loop(world), int(Point.LEAVE_END))
    there = ite(pc == Point.HALT_JUMP, int(Point.HALT_END), returns)
    cpu = replace(world.cpu, pc=ite(world.cpu.seen, there, (pc + 1) & 31))
    return continues(replace(world, cpu=cpu), "jumped")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_reloads(world: HvWorld, op: NoOperands) -> Outcome:
    """Registers are reloaded from the stack; only IRET is left."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.RETURN_LOAD):
        return refrains(world, "elsewhere")
    frame = top(world)
    cpu = replace(world.cpu, pc=Point.RETURN_IRET, rax=frame.rax, rest=frame.rest)
    return continues(replace(world, cpu=cpu), "reloaded")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_returns(world: HvWorld, op: NoOperands) -> Outcome:
    """IRET to what was interrupted, after the work was done."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.RETURN_IRET):
        return refrains(world, "elsewhere")
    return leaving_frame(world)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_postpones(world: HvWorld, op: NoOperands) -> Outcome:
    """IRET to what was interrupted, with the work postponed: the scratch register is reloaded."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.POSTPONE):
        return refrains(world, "elsewhere")
    return leaving_frame(replace(world, cpu=replace(world.cpu, rax=top(world).rax)))


def leaving_frame(world: HvWorld) -> Outcome:
    """IRET."""
    # 2. Both stacks must agree (#CP).
    if none_of(shadow_agrees(world)):
        return stops(world, "control-protection")
    return continues(resumed(world), "returned")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_looks(world: HvWorld, op: NoOperands) -> Outcome:
    """The look at the page after STI. If there is something, the loop is called with interrupts disabled."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.ENABLE_TEST):
        return refrains(world, "elsewhere")

    # 2. There is nothing to do.
    if none_of(must_look(world)):
        return continues(replace(world, cpu=replace(world.cpu, pc=Point.CODE)), "nothing-to-do")

    # 3. The stack has no room.
    if is_full(world):
        return stops(world, "guard-page")
    after = pushed(world, frame_of(world, FrameKind.CALLED))
    cpu = replace(world.cpu, pc=first_of_loop(world), interrupts=False, looks=True, under=True)
    return continues(replace(after, cpu=cpu), "loop-called")


TRANSITIONS = (hv_looks, hv_jumps, hv_reloads, hv_returns, hv_postpones, code_looks)
