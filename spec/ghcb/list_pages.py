"""The pages of a list: rescinded before the hypervisor hears of them, taken into use after its reply, and then used.

GHCB (56421), "SNP Page State Change"; APM Vol. 2, 15.36.6. PVALIDATE and the RMP say whether the hypervisor has lied,
not its reply.
"""

from spec.ghcb.list_call import INDEX_MASK, frames_of, not_at
from spec.ghcb.list_state import ListExchange, ListStage, View, Wanted
from spec.ghcb.vocabulary.page_state import ENTRY_GFN_SHIFT, ENTRY_SIZE_SHIFT
from spec.guest.careful import PageStep, careful_accept, careful_share
from spec.guest.world import asid_of
from spec.logic import all_of, any_of, first_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.authority import GFN_MAX
from spec.rmp.translation import Translation
from spec.vocabulary import Actor, AgentCode, Event, Evidence, Gfn, GuestAction, Limit

SOURCE = 'GHCB (56421), "SNP Page State Change"; APM Vol. 2, 15.36.6'


@record
class ListedPage:
    """What the hypervisor's tables make of the page's address. The guest's own map it to the page's frame."""

    translation: Translation


def entry_at_cursor(exchange: ListExchange) -> Wanted:
    """The entry that is to be acted on. Without the rule of the private list, what the buffer has come back with."""
    kept = exchange.wanted[exchange.cursor & INDEX_MASK]
    word = exchange.buffer[(exchange.cursor & INDEX_MASK) + 1]
    returned = Wanted(word >> ENTRY_GFN_SHIFT & GFN_MAX, word >> ENTRY_SIZE_SHIFT & 1)
    return ite(exchange.rules.keeps_list, kept, returned)


def onward(exchange: ListExchange, then: ListStage) -> ListExchange:
    """The next entry, or after the last one the next stage."""
    last = exchange.cursor >= exchange.last
    return replace(
        exchange, cursor=ite(last, 0, (exchange.cursor & INDEX_MASK) + 1), stage=ite(last, then, exchange.stage)
    )


@record
class KnownPage:
    """One of the guest's pages."""

    gfn: Gfn


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "SNP Page State Change"; Firmware ABI (56860), "LAUNCH"')
def list_knows(exchange: ListExchange, op: KnownPage) -> Outcome:
    """When the guest begins, a page of its launch is private, and any other is the hypervisor's: shared."""
    # 1. The guest runs, no list is under way, and the page has no state yet.
    world = exchange.world
    if cause := first_of(
        ("stopped", world.guest.stopped),
        ("not-entered", none_of(world.ghost.entered)),
        ("list-under-way", exchange.stage != ListStage.IDLE),
        ("known", exchange.view[op.gfn] != View.NOT),
    ):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    view = ite(world.guest.accepted[op.gfn], int(View.PRIVATE), int(View.SHARED))
    known = replace(exchange, view=exchange.view.set(op.gfn, view))
    return Outcome(GuestAction.CONTINUES, "known-now", known, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def list_rescinds(exchange: ListExchange, op: ListedPage) -> Outcome:
    """PVALIDATE(0) of the next page, while it is still mapped private."""
    # 1. The pages are being rescinded.
    if cause := not_at(exchange, ListStage.RESCINDING):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    wanted = exchange.wanted[exchange.cursor & INDEX_MASK]
    if op.translation.gfn != wanted.gfn:
        return Outcome(Limit.NOT_MODELLED, "another-page", exchange, Evidence.INFERRED)

    # 2. A page that cannot be rescinded stays where it is in the list; a decoy stops the guest (rules D2 and D8).
    done = careful_share(exchange.world, PageStep(op.translation, wanted.page_size))
    after = replace(exchange, world=done.system)
    if done.system.guest.stopped:
        return Outcome(GuestAction.TERMINATES, "rescind-stops", after, Evidence.AGREED)
    if none_of(done.check == "rescinded", done.check == "forgotten"):
        return Outcome(GuestAction.CONTINUES, "not-rescinded", after, Evidence.AGREED)
    return Outcome(GuestAction.CONTINUES, "rescinded", onward(after, ListStage.FILLING), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def list_takes(exchange: ListExchange, op: ListedPage) -> Outcome:
    """Take the next page into use: a private one by PVALIDATE(1), a shared one by clearing the C-bit."""
    # 1. The hypervisor says that all was done.
    if cause := not_at(exchange, ListStage.DONE):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    wanted = entry_at_cursor(exchange)
    if op.translation.gfn != wanted.gfn:
        return Outcome(Limit.NOT_MODELLED, "another-page", exchange, Evidence.INFERRED)

    # 2. A shared page needs nothing more: what is written there is not secret.
    if exchange.to_shared:
        view = exchange.view.set_range(wanted.gfn, frames_of(wanted), lambda _: int(View.SHARED))
        shared = onward(replace(exchange, view=view), ListStage.IDLE)
        return Outcome(GuestAction.CONTINUES, "shared", shared, Evidence.AGREED)

    # 3. A private one is validated, once (rule D1). If the hypervisor has lied, that fails, and the page is not used.
    done = careful_accept(exchange.world, PageStep(op.translation, wanted.page_size))
    after = replace(exchange, world=done.system)
    if done.system.guest.stopped:
        return Outcome(GuestAction.TERMINATES, "accept-stops", after, Evidence.AGREED)
    refused = done.check != "accepted"
    if all_of(exchange.rules.validates_first, refused):
        return Outcome(GuestAction.CONTINUES, "not-accepted", after, Evidence.AGREED)
    view = exchange.view.set_range(wanted.gfn, frames_of(wanted), lambda _: int(View.PRIVATE))
    return Outcome(GuestAction.CONTINUES, "private", onward(replace(after, view=view), ListStage.IDLE), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual="APM Vol. 2, 15.36.10")
def list_uses(exchange: ListExchange, op: MemoryAccess) -> Outcome:
    """A data access at VMPL0, through the mapping that the page's state calls for."""
    # 1. The guest runs, and the access is its own.
    world = exchange.world
    own = all_of(op.agent == AgentCode.SNP_GUEST, op.asid == asid_of(world), op.asid != 0)
    if any_of(world.guest.stopped, none_of(own)):
        return Outcome(Limit.NOT_MODELLED, "own-access", exchange, Evidence.INFERRED)

    # 2. A page whose state is being changed is not used, nor one in the other state.
    wanted = ite(op.translation.private, View.PRIVATE, View.SHARED)
    if exchange.view[op.translation.gfn] != wanted:
        return Outcome(GuestAction.REFRAINS, "not-in-that-state", exchange, Evidence.AGREED)

    # 3. If the hypervisor has lied, the access does not reach the page: the guest is told "not validated", or it never
    #    sees the access end.
    done = access(world.system, op)
    if done.result == Event.COMPLETES:
        return Outcome(Event.COMPLETES, "performed", exchange, Evidence.MANUAL)
    if done.result == Event.VC:
        return Outcome(Event.VC, "guest-is-told", exchange, Evidence.MANUAL)
    if done.result == Event.PF:
        return Outcome(Event.PF, "page-fault", exchange, Evidence.MANUAL)
    if done.result == Event.VMEXIT:
        return Outcome(Event.VMEXIT, "paravisor-is-told", exchange, Evidence.MANUAL)
    return Outcome(Event.NPF, "hypervisor-is-told", exchange, Evidence.MANUAL)


TRANSITIONS = (list_knows, list_rescinds, list_takes, list_uses)
