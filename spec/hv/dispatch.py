"""An interrupt handler is called for a vector that was taken, and its end is told (GHCB, "#HV Exception").

The handler runs with interrupts enabled, at the TPR of its class: only a higher class can interrupt it, so at most 15
are nested. It is called on the same stack; its frame is what the loop goes on with.
"""

from spec.hv.doorbell import FIRST_EXTERNAL, SYSCALL_VECTOR, class_of, needs_no_eoi
from spec.hv.entry import SOURCE
from spec.hv.points import Point
from spec.hv.stack import clobbered, frame_of, is_full, popped, pushed
from spec.hv.world import COUNT_MASK, FrameKind, HvWorld, NoOperands, continues, elsewhere, refrains, stops, top
from spec.logic import all_of, any_of, ite, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor

EOI_SOURCE = 'GHCB (56421), "#HV Doorbell", NoEoiRequired'


def has_handler(world: HvWorld, vector: int) -> bool:
    """The guest has an interrupt handler for this vector: no exception's (K-VEC-MIN), and not that of INT 80h."""
    first = ite(world.platform.knobs.vectors_from_31, FIRST_EXTERNAL, 16)
    return all_of(vector >= first, vector != SYSCALL_VECTOR, world.handlers[vector])


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_dispatches(world: HvWorld, op: NoOperands) -> Outcome:
    """The TPR is raised to the class of the vector, STI, and the interrupt handler is called."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.DISPATCH):
        return refrains(world, "elsewhere")

    # 2. No interrupt handler is registered for it: nothing is called.
    vector = world.cpu.vector
    if none_of(has_handler(world, vector)):
        return continues(replace(world, cpu=replace(world.cpu, pc=Point.EOI_TEST)), "no-handler")

    # 3. The stack has no room.
    if is_full(world):
        return stops(world, "guard-page")
    after = pushed(world, frame_of(world, FrameKind.DISPATCHED))
    cpu = replace(
        clobbered(world.cpu),
        pc=ite(world.rules.tests_after_enabling, int(Point.ENABLE_TEST), int(Point.CODE)),
        interrupts=True,
        tpr=class_of(vector),
        floor=class_of(vector),
        nesting=(world.cpu.nesting + 1) & COUNT_MASK,
        looks=False,
        under=False,
    )
    return continues(replace(after, cpu=cpu), "handler-called")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def handler_returns(world: HvWorld, op: NoOperands) -> Outcome:
    """The interrupt handler returns with CLI. It has dropped every guard that it took."""
    # 1. The processor executes ordinary code of an interrupt handler.
    if any_of(elsewhere(world, Point.CODE), world.cpu.nesting == 0, world.cpu.tpr != world.cpu.floor):
        return refrains(world, "elsewhere")
    cpu = replace(world.cpu, pc=Point.FINISH, interrupts=False, looks=True)
    return continues(replace(world, cpu=cpu), "handler-returned")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_finishes(world: HvWorld, op: NoOperands) -> Outcome:
    """The TPR is what it was before the interrupt handler was called."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.FINISH):
        return refrains(world, "elsewhere")
    was = top(world).context
    cpu = replace(
        was, pc=Point.EOI_TEST, looks=True, owing=world.cpu.owing, rax=0, rest=0, processor=world.cpu.processor
    )
    return continues(replace(popped(world), cpu=cpu), "tpr-restored")


@transition(actor=Actor.CAREFUL_GUEST, manual=EOI_SOURCE)
def hv_tests_eoi(world: HvWorld, op: NoOperands) -> Outcome:
    """NoEoiRequired is exchanged for 0."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.EOI_TEST):
        return refrains(world, "elsewhere")
    spared = needs_no_eoi(world.doorbell.no_eoi_required, world.platform.knobs)
    after = replace(world, doorbell=replace(world.doorbell, no_eoi_required=0))

    # 2. The hypervisor has ended it already.
    if spared:
        return continues(ending(after), "no-eoi-required")
    return continues(replace(after, cpu=replace(after.cpu, pc=Point.EOI)), "eoi-required")


@transition(actor=Actor.CAREFUL_GUEST, manual=EOI_SOURCE)
def hv_ends(world: HvWorld, op: NoOperands) -> Outcome:
    """The end of the interrupt is told to the hypervisor: WRMSR to the EOI register of the x2APIC."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.EOI):
        return refrains(world, "elsewhere")
    return continues(ending(world), "eoi")


def ending(world: HvWorld) -> HvWorld:
    """One vector less is owed, and the loop reads on."""
    return replace(world, cpu=replace(world.cpu, pc=Point.READ, owing=(world.cpu.owing + COUNT_MASK) & COUNT_MASK))


TRANSITIONS = (hv_dispatches, handler_returns, hv_finishes, hv_tests_eoi, hv_ends)
