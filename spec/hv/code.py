"""Ordinary code of the guest, in so far as it matters here: what it may do between two looks at the page.

Which step is taken next is the guest's choice. An interrupt handler is ordinary code too.
"""

from spec.hv.doorbell import EMPTY, Class
from spec.hv.entry import SOURCE
from spec.hv.points import Point
from spec.hv.stack import clobbered, entering, frame_of, is_full, pushed, saves_registers, way_back
from spec.hv.world import (
    FrameKind,
    HvWorld,
    NoOperands,
    Register,
    VcpuNumber,
    continues,
    elsewhere,
    refrains,
    stops,
)
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor


@record
class Values:
    """What ordinary code leaves in its registers."""

    rax: Register
    rest: Register


@record
class Priority:
    """A TPR."""

    tpr: Class


@record
class Destination:
    """A virtual processor of the guest."""

    processor: VcpuNumber


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_computes(world: HvWorld, op: Values) -> Outcome:
    """Anything that has nothing to do with interrupts."""
    # 1. The processor executes ordinary code.
    if elsewhere(world, Point.CODE):
        return refrains(world, "elsewhere")
    return continues(replace(world, cpu=replace(world.cpu, rax=op.rax, rest=op.rest)), "computed")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_disables(world: HvWorld, op: NoOperands) -> Outcome:
    """CLI."""
    # 1. The processor executes ordinary code.
    if elsewhere(world, Point.CODE):
        return refrains(world, "elsewhere")
    return continues(replace(world, cpu=replace(world.cpu, interrupts=False, looks=True)), "disabled")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_enables(world: HvWorld, op: NoOperands) -> Outcome:
    """STI; then the page is looked at. #HV knows no shadow of STI."""
    # 1. The processor executes ordinary code.
    if elsewhere(world, Point.CODE):
        return refrains(world, "elsewhere")
    point = ite(world.rules.tests_after_enabling, int(Point.ENABLE_TEST), int(Point.CODE))
    return continues(replace(world, cpu=replace(world.cpu, pc=point, interrupts=True, looks=False)), "enabled")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_raises_tpr(world: HvWorld, op: Priority) -> Outcome:
    """A guard is taken: lower classes wait."""
    # 1. The processor executes ordinary code, and the TPR is lower.
    if any_of(elsewhere(world, Point.CODE), op.tpr < world.cpu.tpr):
        return refrains(world, "elsewhere")
    return continues(replace(world, cpu=replace(world.cpu, tpr=op.tpr)), "raised")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_lowers_tpr(world: HvWorld, op: Priority) -> Outcome:
    """A guard is dropped. What it held back is not signalled again, so the page is looked at."""
    # 1. The processor executes ordinary code, and the TPR is one that it raised.
    if any_of(elsewhere(world, Point.CODE), op.tpr > world.cpu.tpr, op.tpr < world.cpu.floor):
        return refrains(world, "elsewhere")
    looks = all_of(world.cpu.interrupts, world.rules.rechecks_after_lowering)
    point = ite(looks, int(Point.ENABLE_TEST), int(Point.CODE))
    return continues(replace(world, cpu=replace(world.cpu, pc=point, tpr=op.tpr)), "lowered")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_faults(world: HvWorld, op: NoOperands) -> Outcome:
    """An exception of the code's own (#VC, #PF) is handled with interrupts disabled, and is on its way back."""
    # 1. The processor executes ordinary code.
    if elsewhere(world, Point.CODE):
        return refrains(world, "elsewhere")

    # 2. The stack has no room.
    if is_full(world):
        return stops(world, "guard-page")
    frame = saves_registers(frame_of(world, FrameKind.INTERRUPTED), world.cpu)
    point = way_back(world, frame)
    cpu = clobbered(entering(world, Point.CODE))
    return continues(replace(pushed(world, frame), cpu=replace(cpu, pc=point)), "handled")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_idles(world: HvWorld, op: NoOperands) -> Outcome:
    """A task has nothing to do: with interrupts disabled, the way to HLT."""
    # 1. The processor executes ordinary code of a task, with interrupts disabled and no guard held.
    if any_of(elsewhere(world, Point.CODE), world.cpu.interrupts, world.cpu.nesting != 0, holds_guard(world)):
        return refrains(world, "elsewhere")
    return continues(replace(world, cpu=replace(world.cpu, pc=Point.HALT_TEST)), "idle")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_leaves(world: HvWorld, op: NoOperands) -> Outcome:
    """A less privileged VMPL is to run: with interrupts disabled, the way to VMGEXIT."""
    # 1. The processor executes ordinary code of a task, with interrupts disabled and no guard held.
    if any_of(elsewhere(world, Point.CODE), world.cpu.interrupts, world.cpu.nesting != 0, holds_guard(world)):
        return refrains(world, "elsewhere")
    return continues(replace(world, cpu=replace(world.cpu, pc=Point.LEAVE_TEST)), "leaving")


def holds_guard(world: HvWorld) -> bool:
    """The TPR was raised and not lowered."""
    return world.cpu.tpr != world.cpu.floor


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def code_moves(world: HvWorld, op: Destination) -> Outcome:
    """The scheduler moves the code to another virtual processor; this step follows it there."""
    # 1. The processor executes ordinary code with interrupts enabled.
    if any_of(elsewhere(world, Point.CODE), none_of(world.cpu.interrupts)):
        return refrains(world, "elsewhere")

    # 2. Interrupt handlers stay where they are; of a task that is moved nothing is left here.
    if any_of(world.rules.stays_on_processor, world.cpu.nesting == 0):
        return refrains(world, "stays")
    return continues(replace(world, cpu=replace(world.cpu, processor=op.processor)), "moved")


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "#HV Doorbell Page NAE Event"')
def code_registers(world: HvWorld, op: NoOperands) -> Outcome:
    """The page, shared and zeroed, is registered; from now on the handler reads it."""
    # 1. The processor executes ordinary code of a task, and there is no page yet.
    if any_of(elsewhere(world, Point.CODE), world.cpu.nesting != 0, world.registered):
        return refrains(world, "elsewhere")
    return continues(replace(world, registered=True, doorbell=EMPTY), "registered")


TRANSITIONS = (
    code_computes,
    code_disables,
    code_enables,
    code_raises_tpr,
    code_lowers_tpr,
    code_faults,
    code_idles,
    code_leaves,
    code_moves,
    code_registers,
)
