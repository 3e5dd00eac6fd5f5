"""Two processors of one guest: a page is looked up in one step and validated in a later one (rule D9).

With the rule neither step is ever taken. Without it another processor may accept the page in between.
"""

from spec.guest.careful import SOURCE, PageStep, frames, may_act, validating
from spec.guest.world import World
from spec.logic import all_in_range, any_in_range, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Evidence, GuestAction


def looked_up(world: World, op: PageStep, value: bool) -> World:
    """The pages have been looked up, or are no longer waited for."""
    pages = world.guest.looked_up.set_range(op.translation.gfn, frames(op), lambda _: value)
    return replace(world, guest=replace(world.guest, looked_up=pages))


def must_wait(world: World, op: PageStep) -> str | None:
    """Why no processor acts apart from the others, or None."""
    # One processor does both, while the others wait (rule D9).
    if world.guest.rules.takes_turns:
        return "takes-turns"
    return may_act(world, op)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def careful_look_up(world: World, op: PageStep) -> Outcome:
    """One processor finds that a page is not accepted."""
    # 1. Not while others act (rule D9); the guest runs, and the page is one that it uses.
    if cause := must_wait(world, op):
        return Outcome(GuestAction.REFRAINS, cause, world, Evidence.AGREED)

    # 2. Nothing that is accepted is validated again (rule D1).
    if any_in_range(op.translation.gfn, frames(op), lambda g: world.guest.accepted[g]):
        return Outcome(GuestAction.REFRAINS, "accepted-already", world, Evidence.AGREED)
    return Outcome(GuestAction.CONTINUES, "looked-up", looked_up(world, op, True), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def careful_accept_later(world: World, op: PageStep) -> Outcome:
    """The processor that looked the page up validates it."""
    # 1. Not while others act (rule D9); the guest runs, and the page is one that it uses.
    if cause := must_wait(world, op):
        return Outcome(GuestAction.REFRAINS, cause, world, Evidence.AGREED)

    # 2. It looked the page up before.
    if none_of(all_in_range(op.translation.gfn, frames(op), lambda g: world.guest.looked_up[g])):
        return Outcome(GuestAction.REFRAINS, "not-looked-up", world, Evidence.AGREED)
    return validating(looked_up(world, op, False), op)


TRANSITIONS = (careful_look_up, careful_accept_later)
