"""What an honest host does with the doorbell page, and what any other does (GHCB, "#HV Doorbell").

An honest host writes an event where none is pending, and signals if NoFurtherSignal was clear. It posts on the
processor's own thread: the processor does not run meanwhile.
"""

from spec.hv.doorbell import EMPTY, FIRST_EXTERNAL, Doorbell, Vector, class_of, is_empty
from spec.hv.world import Events, HvWorld, NoOperands
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, DoorbellAction, Evidence

SOURCE = 'GHCB (56421), "#HV Doorbell Page"'


@record
class Interrupt:
    """A vector to post."""

    vector: Vector


@record
class PageContent:
    """Anything that the hypervisor may write."""

    content: Doorbell


def keeps_still(world: HvWorld, check: str) -> Outcome:
    """The host does not take the step."""
    return Outcome(DoorbellAction.REFRAINS, check, world, Evidence.AGREED)


def acts(world: HvWorld, check: str) -> Outcome:
    """The host takes the step."""
    return Outcome(DoorbellAction.ACTS, check, world, Evidence.AGREED)


def cannot_post(world: HvWorld) -> bool:
    """There is no page, the guest is gone, or another event is about to be told."""
    return any_of(none_of(world.registered), world.stopped, world.untold)


def telling(world: HvWorld) -> HvWorld:
    """NoFurtherSignal is set; if it was clear, #HV is injected."""
    signalled = any_of(world.signalled, none_of(world.doorbell.no_further_signal))
    return replace(world, doorbell=replace(world.doorbell, no_further_signal=True), signalled=signalled, untold=False)


def posted(world: HvWorld, page: Doorbell, events: Events) -> HvWorld:
    """The event stands in the page, and is told at once, or in a step of its own (K-HV-POST)."""
    written = replace(world, doorbell=page, events=events, untold=True)
    at_once = telling(written)
    now = world.platform.knobs.hv_posted_in_one_step
    flag = ite(now, at_once.doorbell.no_further_signal, page.no_further_signal)
    return replace(
        written,
        doorbell=replace(page, no_further_signal=flag),
        signalled=ite(now, at_once.signalled, world.signalled),
        untold=none_of(now),
    )


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_posts_interrupt(world: HvWorld, op: Interrupt) -> Outcome:
    """A vector is written to the page."""
    # 1. It can post, and the vector is an interrupt's.
    if any_of(cannot_post(world), op.vector < FIRST_EXTERNAL):
        return keeps_still(world, "not-now")

    # 2. Another vector stands there; a higher class may take its place (K-HV-REPLACE), and the other waits at the host.
    page = world.doorbell
    higher = class_of(op.vector) > class_of(page.vector)
    if all_of(page.vector != 0, none_of(all_of(world.platform.knobs.hv_replaces_lower, higher))):
        return keeps_still(world, "vector-pending")
    events = replace(world.events, posted=world.events.posted + 1, owed_vector=True)
    return acts(posted(world, replace(page, vector=op.vector), events), "posted")


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_posts_nmi(world: HvWorld, op: NoOperands) -> Outcome:
    """NMI is set in the page."""
    # 1. It can post, and none is pending.
    if any_of(cannot_post(world), world.doorbell.nmi):
        return keeps_still(world, "not-now")
    events = replace(world.events, owed_nmi=True)
    return acts(posted(world, replace(world.doorbell, nmi=True), events), "posted")


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_posts_machine_check(world: HvWorld, op: NoOperands) -> Outcome:
    """#MC is set in the page."""
    # 1. It can post, and none is pending.
    if any_of(cannot_post(world), world.doorbell.machine_check):
        return keeps_still(world, "not-now")
    events = replace(world.events, owed_machine_check=True)
    return acts(posted(world, replace(world.doorbell, machine_check=True), events), "posted")


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_tells(world: HvWorld, op: NoOperands) -> Outcome:
    """The second half of a post that takes two steps."""
    # 1. There is something to tell.
    if any_of(none_of(world.untold), world.stopped):
        return keeps_still(world, "not-now")
    return acts(telling(world), "told")


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_spares_eoi(world: HvWorld, op: NoOperands) -> Outcome:
    """NoEoiRequired is set: the interrupt is edge-triggered, and nothing else is pending."""
    # 1. There is a page.
    if any_of(none_of(world.registered), world.stopped):
        return keeps_still(world, "not-now")
    return acts(replace(world, doorbell=replace(world.doorbell, no_eoi_required=1)), "spared")


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_takes_back(world: HvWorld, op: NoOperands) -> Outcome:
    """An entry is aborted: what stands in the page goes back to the host's queue, to be posted again."""
    # 1. #HV has not been delivered yet (K-HV-CANCEL).
    undelivered = any_of(world.signalled, none_of(world.platform.knobs.hv_cancelled_undelivered))
    if any_of(none_of(undelivered), cannot_post(world)):
        return keeps_still(world, "not-now")
    events = replace(world.events, owed_vector=False, owed_nmi=False, owed_machine_check=False)
    page = replace(EMPTY, no_eoi_required=world.doorbell.no_eoi_required)
    return acts(replace(world, doorbell=page, signalled=False, events=events), "taken-back")


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_wakes(world: HvWorld, op: NoOperands) -> Outcome:
    """The host ends HLT without a #HV."""
    # 1. The processor is halted.
    if any_of(none_of(world.halted), world.stopped):
        return keeps_still(world, "not-now")

    # 2. An honest host does so only for what is posted already, if at all (K-WAKE).
    pending = any_of(world.doorbell.no_further_signal, none_of(is_empty(world.doorbell)))
    may = all_of(none_of(world.platform.knobs.hv_wakes_for_new_only), pending)
    if all_of(world.honest, none_of(may)):
        return keeps_still(world, "only-by-hv")
    return acts(replace(world, halted=False), "awake")


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_runs_again(world: HvWorld, op: NoOperands) -> Outcome:
    """The less privileged VMPL is left, and this one runs on after its VMGEXIT."""
    # 1. The other VMPL runs.
    if none_of(world.away):
        return keeps_still(world, "not-now")
    return acts(replace(world, away=False), "runs")


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.36.16")
def host_injects(world: HvWorld, op: NoOperands) -> Outcome:
    """#HV is injected for no reason: restricted injection allows it before any instruction."""
    # 1. An honest host does not.
    if any_of(world.honest, world.stopped):
        return keeps_still(world, "honest")
    return acts(replace(world, signalled=True), "injected")


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_writes_page(world: HvWorld, op: PageContent) -> Outcome:
    """Anything is written to the page."""
    # 1. An honest host does not.
    if any_of(world.honest, world.stopped):
        return keeps_still(world, "honest")
    events = replace(world.events, posted=world.events.posted + 1)
    return acts(replace(world, doorbell=op.content, events=events), "written")


TRANSITIONS = (
    host_posts_interrupt,
    host_posts_nmi,
    host_posts_machine_check,
    host_tells,
    host_spares_eoi,
    host_takes_back,
    host_wakes,
    host_runs_again,
    host_injects,
    host_writes_page,
)
