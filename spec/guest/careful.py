"""The steps of a careful guest: PVALIDATE under the guest's rules (APM Vol. 2, 15.36.6; rules D1, D2, D4, D8).

Each step is one PVALIDATE with the memory kept beside it. The translation is the hypervisor's to choose.
"""

from spec.guest.ghost import NO_HOME, at_page
from spec.guest.given import EVERYTHING, NOTHING
from spec.guest.world import World, asid_of
from spec.logic import all_in_range, all_of, any_in_range, any_of, ite, none_of
from spec.maps import Map
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import offset_of, page_of
from spec.rmp.cpu import Cpu
from spec.rmp.entry import PageSizeBit
from spec.rmp.pvalidate import Pvalidate, pvalidate
from spec.rmp.translation import Translation
from spec.vocabulary import PAGES_PER_2M, Actor, Eax, Evidence, Gfn, GuestAction, PageSize

SOURCE = 'APM Vol. 2, 15.36.6; GHCB (56421), "Page State Change"'


@record
class PageStep:
    """A page that the guest acts on, and what the hypervisor's tables make of its address."""

    translation: Translation
    page_size: PageSizeBit


def frames(op: PageStep) -> int:
    """How many guest frames the step concerns."""
    return ite(op.page_size == PageSize.SIZE_2M, PAGES_PER_2M, 1)


def may_act(world: World, op: PageStep) -> str | None:
    """Why the guest takes no step at all, or None."""
    gfn = op.translation.gfn
    if any_of(world.guest.stopped, asid_of(world) == 0):
        return "stopped"
    if all_of(op.page_size == PageSize.SIZE_2M, offset_of(gfn) != 0):
        return "alignment"
    if any_in_range(gfn, frames(op), lambda g: none_of(world.guest.uses[g])):
        return "not-used"
    return None


def executed(world: World, op: PageStep, validate: bool) -> Outcome:
    """PVALIDATE at VMPL0 of this guest."""
    cpu = Cpu(asid=asid_of(world), vmpl=0, cpl=0, snp_active=True)
    return pvalidate(world.system, Pvalidate(cpu, op.translation, op.page_size, validate))


def remembering(world: World, op: PageStep, accepted: bool) -> Map[Gfn, bool]:
    """T after the step."""
    return world.guest.accepted.set_range(op.translation.gfn, frames(op), lambda _: accepted)


def forgetting(world: World, op: PageStep) -> World:
    """The pages are no longer accepted, and (as the guest believes) valid nowhere."""
    home = world.ghost.home.set_range(op.translation.gfn, frames(op), lambda _: NO_HOME)
    guest = replace(world.guest, accepted=remembering(world, op, False))
    return World(world.system, guest, replace(world.ghost, home=home))


def stops(world: World, check: str) -> Outcome:
    """The guest terminates."""
    stopped = replace(world, guest=replace(world.guest, stopped=True))
    return Outcome(GuestAction.TERMINATES, check, stopped, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def careful_accept(world: World, op: PageStep) -> Outcome:
    """Accept a page as private and valid."""
    # 1. The guest runs, and the page is one that it uses.
    if cause := may_act(world, op):
        return Outcome(GuestAction.REFRAINS, cause, world, Evidence.AGREED)

    # 2. Nothing that is accepted is validated again (rule D1).
    gfn = op.translation.gfn
    if all_of(
        world.guest.rules.tracks_acceptance,
        any_in_range(gfn, frames(op), lambda g: world.guest.accepted[g]),
    ):
        return Outcome(GuestAction.REFRAINS, "accepted-already", world, Evidence.AGREED)
    return validating(world, op)


def validating(world: World, op: PageStep) -> Outcome:
    """PVALIDATE(1), its result and carry flag, and the memory of it."""
    done = executed(world, op, validate=True)

    # 3. Faults and refusals are the hypervisor's doing; the page stays what it was.
    if done.result != Eax.SUCCESS:
        return Outcome(GuestAction.CONTINUES, "not-validated", world, Evidence.AGREED)

    # 4. "Validated already" cannot be: someone validated it behind the guest's back (rule D1).
    if all_of(world.guest.rules.tracks_acceptance, done.output.carry):
        return stops(world, "carry-on-validate")

    # 5. Accepted. Its masks are those that the host left it with (rule D6).
    gfn = op.translation.gfn
    page = page_of(op.translation.spa)
    home = world.ghost.home.set_range(gfn, frames(op), lambda g: at_page(page | ite(frames(op) == 1, 0, offset_of(g))))
    masks = ite(world.guest.rules.closes_on_accepting, EVERYTHING, NOTHING)
    given = world.guest.given.set_range(gfn, frames(op), lambda _: masks)
    guest = replace(world.guest, accepted=remembering(world, op, True), given=given)
    after = World(done.system, guest, replace(world.ghost, home=home))
    return Outcome(GuestAction.CONTINUES, "accepted", after, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def careful_rescind(world: World, op: PageStep) -> Outcome:
    """Give a page back, so that it may be shared or left."""
    # 1. The guest runs, and the page is one that it uses.
    if cause := may_act(world, op):
        return Outcome(GuestAction.REFRAINS, cause, world, Evidence.AGREED)

    # 2. Only what is accepted is rescinded (rule D2).
    gfn = op.translation.gfn
    if none_of(all_in_range(gfn, frames(op), lambda g: world.guest.accepted[g])):
        return Outcome(GuestAction.REFRAINS, "not-accepted", world, Evidence.AGREED)
    done = executed(world, op, validate=False)

    # 3. Faults and refusals: the page stays accepted.
    if done.result != Eax.SUCCESS:
        return Outcome(GuestAction.CONTINUES, "not-rescinded", world, Evidence.AGREED)

    # 4. "Not validated" means that this was a decoy, and the real page is elsewhere (rule D2).
    if all_of(world.guest.rules.checks_carry_on_rescind, done.output.carry):
        return stops(world, "carry-on-rescind")

    # 5. Rescinded.
    after = forgetting(replace(world, system=done.system), op)
    return Outcome(GuestAction.CONTINUES, "rescinded", after, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='APM Vol. 2, 15.36.10; GHCB (56421), "#VC"')
def careful_unvalidated(world: World, op: PageStep) -> Outcome:
    """#VC "page not validated" on one of the guest's pages: the handler."""
    # 1. The guest runs, and the page is one that it uses.
    if cause := may_act(world, op):
        return Outcome(GuestAction.REFRAINS, cause, world, Evidence.AGREED)

    # 2. An accepted page that is not validated was taken away (rule D4).
    accepted = any_in_range(op.translation.gfn, frames(op), lambda g: world.guest.accepted[g])
    if all_of(world.guest.rules.stops_on_unvalidated, accepted):
        return stops(world, "page-lost")

    # 3. Any other page may be accepted on demand.
    return validating(world, op)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "Page State Change"')
def careful_share(world: World, op: PageStep) -> Outcome:
    """Turn a private page into a shared one."""
    # 1. It is rescinded first (rule D8).
    if world.guest.rules.rescinds_before_sharing:
        return careful_rescind(world, op)

    # 2. A guest without the rule merely forgets it.
    if cause := may_act(world, op):
        return Outcome(GuestAction.REFRAINS, cause, world, Evidence.AGREED)
    return Outcome(GuestAction.CONTINUES, "forgotten", forgetting(world, op), Evidence.AGREED)


TRANSITIONS = (careful_accept, careful_rescind, careful_unvalidated, careful_share)
