"""Frames on the stack and return addresses on the shadow stack: pushed together, compared when they are popped."""

from spec.hv.points import Point, PointNumber
from spec.hv.world import DEPTH_MASK, Frame, FrameKind, HvWorld, Running, top
from spec.logic import all_of, any_of, ite
from spec.record import replace


def frame_of(world: HvWorld, kind: int) -> Frame:
    """A frame of the present context; no register is saved in it yet."""
    return Frame(kind, world.cpu.pc, world.cpu, 0, 0)


def is_full(world: HvWorld) -> bool:
    """The next frame would lie on the guard page."""
    return any_of(world.depth >= world.room, world.shadow_depth >= world.room)


def pushed(world: HvWorld, frame: Frame) -> HvWorld:
    """The frame is on top. The stack is not full."""
    depth, shadow_depth = world.depth + 1, world.shadow_depth + 1
    return replace(
        world,
        depth=depth,
        stack=world.stack.set(depth, frame),
        shadow_depth=shadow_depth,
        shadow=world.shadow.set(shadow_depth, frame.rip),
    )


def below(depth: int) -> int:
    """The place under a place."""
    return (depth + DEPTH_MASK) & DEPTH_MASK


def popped(world: HvWorld) -> HvWorld:
    """Without the frame on top, and its return address."""
    return replace(world, depth=below(world.depth), shadow_depth=below(world.shadow_depth))


def shadow_agrees(world: HvWorld) -> bool:
    """IRET and RET compare the return address with the one on the shadow stack, and fault (#CP) if they differ."""
    same_place = world.depth == world.shadow_depth
    return all_of(world.depth != 0, same_place, world.shadow[world.shadow_depth] == top(world).rip)


def resumed(world: HvWorld) -> HvWorld:
    """IRET: RIP and RFLAGS are those of the frame. What the code knew is where it was; other registers stay."""
    frame = top(world)
    was = frame.context
    cpu = replace(
        world.cpu,
        pc=frame.rip,
        interrupts=was.interrupts,
        seen=was.seen,
        vector=was.vector,
        looks=was.looks,
        under=was.under,
    )
    return replace(popped(world), cpu=cpu)


def returning_to(world: HvWorld, rip: PointNumber) -> HvWorld:
    """The frame on top returns to another address; the shadow stack says so too."""
    kept = world.shadow[world.shadow_depth]
    there = ite(world.rules.adjusts_shadow_stack, rip, kept)
    return replace(
        world,
        stack=world.stack.set(world.depth, replace(top(world), rip=rip)),
        shadow=world.shadow.set(world.shadow_depth, there),
    )


def without_top(world: HvWorld) -> HvWorld:
    """The frame on top is dropped: RSP is moved, and INCSSP moves the shadow stack."""
    shadow_depth = ite(world.rules.adjusts_shadow_stack, below(world.shadow_depth), world.shadow_depth)
    return replace(world, depth=below(world.depth), shadow_depth=shadow_depth)


def entering(world: HvWorld, point: PointNumber) -> Running:
    """The context in which a handler begins: IF is clear, the rest is what it was."""
    return replace(world.cpu, pc=point, interrupts=False, under=world.cpu.interrupts)


def saves_registers(frame: Frame, cpu: Running) -> Frame:
    """All registers are saved above the frame."""
    return replace(frame, rax=cpu.rax, rest=cpu.rest)


def clobbered(cpu: Running) -> Running:
    """The handler uses the registers for values of its own."""
    return replace(cpu, rax=0, rest=0)


def is_interrupted(frame: Frame) -> bool:
    """The frame is left by IRET."""
    return frame.kind == FrameKind.INTERRUPTED


def first_of_loop(world: HvWorld) -> PointNumber:
    """Where the loop begins."""
    return ite(world.rules.clears_before_reading, int(Point.CLEAR), int(Point.READ))


def after_loop(world: HvWorld) -> PointNumber:
    """Where the loop ends: at the return to what was interrupted, or to the code that called it."""
    return ite(is_interrupted(top(world)), way_back(world, top(world)), int(Point.RESUME))


def way_back(world: HvWorld, frame: Frame) -> PointNumber:
    """The return of an exception handler: where interrupts will be enabled, the page is looked at first."""
    tests = all_of(frame.context.interrupts, world.rules.tests_before_return)
    return ite(tests, int(Point.RETURN_TEST), int(Point.RETURN_LOAD))
