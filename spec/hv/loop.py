"""The loop over the doorbell page: three accesses, clear, read, consume, in this order (GHCB, "#HV Exception").

Clear before read: an event that is posted after the clear is signalled again, and one that was posted before it is
read. The other order loses an event that comes between the two, for ever.
"""

from spec.hv.doorbell import Doorbell, is_due
from spec.hv.entry import SOURCE, acting
from spec.hv.points import Point
from spec.hv.stack import after_loop, resumed, shadow_agrees
from spec.hv.world import COUNT_MASK, HvWorld, NoOperands, continues, elsewhere, refrains, stops
from spec.logic import all_of, ite, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_clears(world: HvWorld, op: NoOperands) -> Outcome:
    """NoFurtherSignal, NMI and #MC are fetched and cleared by one locked access; the latter two are acted on."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.CLEAR):
        return refrains(world, "elsewhere")
    page = world.doorbell

    # 2. Without the rule, the word is read here and stored a step later.
    if none_of(world.rules.clears_atomically):
        cpu = replace(world.cpu, pc=Point.CLEAR_STORE, vector=page.vector)
        return continues(replace(acting(world, page), cpu=cpu), "word-read")
    return continues(cleared(acting(world, page), page.vector), "flags-cleared")


def cleared(world: HvWorld, vector: int) -> HvWorld:
    """The flags are clear in the page; the vector is read next, or was before."""
    left = Doorbell(vector, False, False, False, world.doorbell.no_eoi_required)
    before_reading = world.rules.clears_before_reading
    point = ite(before_reading, int(Point.READ), after_loop(world))
    return replace(world, doorbell=left, cpu=replace(world.cpu, pc=point, looks=before_reading))


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_stores_word(world: HvWorld, op: NoOperands) -> Outcome:
    """The second half of a clear that is not atomic: the whole word is stored, the vector as it was read."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.CLEAR_STORE):
        return refrains(world, "elsewhere")
    return continues(cleared(world, world.cpu.vector), "word-stored")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_reads(world: HvWorld, op: NoOperands) -> Outcome:
    """The vector is read. One that the TPR masks is left where it is."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.READ):
        return refrains(world, "elsewhere")

    # 2. There is nothing to take: the loop ends.
    vector = world.doorbell.vector
    if none_of(is_due(vector, world.cpu.tpr)):
        return continues(ended(world), "nothing-due")
    return continues(replace(world, cpu=replace(world.cpu, vector=vector, pc=Point.CONSUME)), "vector-due")


def ended(world: HvWorld) -> HvWorld:
    """The loop ends, or, in the wrong order, the flags are cleared now."""
    point = ite(world.rules.clears_before_reading, after_loop(world), int(Point.CLEAR))
    return replace(world, cpu=replace(world.cpu, pc=point, looks=False))


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_consumes(world: HvWorld, op: NoOperands) -> Outcome:
    """Compare and exchange: the vector that was read is replaced by 0, if it is still there."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.CONSUME):
        return refrains(world, "elsewhere")
    actual = world.doorbell.vector

    # 2. The host has taken it back.
    changed = actual != world.cpu.vector
    if all_of(changed, none_of(is_due(actual, world.cpu.tpr))):
        return continues(ended(world), "taken-back")

    # 3. The host has put another one in its place: that one is tried.
    if changed:
        return continues(replace(world, cpu=replace(world.cpu, vector=actual)), "another-vector")
    return continues(consumed(world), "consumed")


def consumed(world: HvWorld) -> HvWorld:
    """The vector is the guest's, and the page is free for the next one."""
    events = replace(world.events, taken=world.events.posted, owed_vector=False)
    cpu = replace(world.cpu, pc=Point.DISPATCH, owing=(world.cpu.owing + 1) & COUNT_MASK)
    return replace(world, doorbell=replace(world.doorbell, vector=0), events=events, cpu=cpu)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def hv_resumes_caller(world: HvWorld, op: NoOperands) -> Outcome:
    """The loop returns to the code that called it after STI: interrupts are enabled, and it looks again."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.RESUME):
        return refrains(world, "elsewhere")

    # 2. Both stacks must agree (#CP).
    if none_of(shadow_agrees(world)):
        return stops(world, "control-protection")
    return continues(resumed(world), "returned")


TRANSITIONS = (hv_clears, hv_stores_word, hv_reads, hv_consumes, hv_resumes_caller)
