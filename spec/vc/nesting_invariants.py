"""Calls inside calls: each has the page to itself while it needs it, and no frame is lost.

GHCB (56421), "GHCB Layout", "#VC Handler"; APM Vol. 2, 15.35.5 and 8.9.
"""

from spec.logic import all_of, any_of, implies, ite, none_of
from spec.registry import Outcome, invariant
from spec.vc.instruction import Qword
from spec.vc.levels import is_between, is_live
from spec.vc.request import LAST
from spec.vc.state import DEEPEST, Level, Stage, VcExchange
from spec.vocabulary import Guarantor, GuestAction

GUEST = Guarantor.GUEST
NESTING = 'GHCB (56421), "#VC Handler"; APM Vol. 2, 15.35.5'


@invariant("GHCB-I22", guarantor=GUEST, manual=NESTING)
def replies_are_read_by_the_call_that_asked(exchange: VcExchange) -> bool:
    """While a call reads its reply, the page holds the answer to its own request, not to that of a nested call."""
    call = exchange.calls[exchange.depth]
    reading = all_of(exchange.depth >= 1, is_between(call, Stage.FILLED, Stage.LEFT))
    return implies(reading, exchange.ghost.sent_by == exchange.depth)


@invariant("GHCB-I22-OUTER", guarantor=GUEST, manual=NESTING)
def interrupted_calls_get_their_page_back(exchange: VcExchange) -> bool:
    """An interrupted call that waits for a reply has its page, or the nested call has copied it and puts it back."""
    outer, inner = exchange.calls[1], exchange.calls[2]
    waits = all_of(exchange.depth == DEEPEST, is_between(outer, Stage.FILLED, Stage.LEFT))
    return implies(waits, any_of(exchange.ghost.sent_by == 1, inner.saved))


@invariant("GHCB-I22-SAVED", guarantor=GUEST, manual=NESTING)
def nested_calls_copy_first(exchange: VcExchange) -> bool:
    """A nested call stores nothing into the page before it has copied it."""
    inner = exchange.calls[DEEPEST]
    uses = any_of(is_between(inner, Stage.SAVING, Stage.READ), inner.stage == Stage.RESTORING)
    return implies(all_of(exchange.depth == DEEPEST, uses), inner.saved)


@invariant("GHCB-I22-FIRST", guarantor=GUEST, manual=NESTING)
def first_calls_copy_nothing(exchange: VcExchange) -> bool:
    """There is one copy, for one call below."""
    outer = exchange.calls[1]
    copies = any_of(outer.saved, outer.stage == Stage.SAVING, outer.stage == Stage.RESTORING)
    return implies(is_live(exchange, 1), none_of(copies))


@invariant("GHCB-I22-BACKUP", guarantor=GUEST, manual=NESTING, unless=("vc_saves",))
def copies_are_kept(before: VcExchange, after: VcExchange, qword: Qword) -> bool:
    """Nothing but the copying itself changes the private copy."""
    return after.backup[qword] == before.backup[qword]


@invariant("GHCB-I22-SAVE", guarantor=GUEST, manual=NESTING, by=("vc_saves",))
def pages_are_saved_as_they_stand(before: VcExchange, after: VcExchange, outcome: Outcome, qword: Qword) -> bool:
    """Copying takes one place, as it stands, and changes nothing of the page."""
    here = all_of(outcome.result == GuestAction.CONTINUES, qword == before.calls[before.depth].cursor)
    copied = ite(here, before.page[qword], before.backup[qword])
    return all_of(after.backup[qword] == copied, after.page[qword] == before.page[qword])


@invariant("GHCB-I22-RESTORE", guarantor=GUEST, manual=NESTING, by=("vc_restores",))
def pages_are_restored_as_they_were(before: VcExchange, after: VcExchange, outcome: Outcome, qword: Qword) -> bool:
    """Restoring puts one place back, and changes no other."""
    here = all_of(outcome.result == GuestAction.CONTINUES, qword == before.calls[before.depth].cursor)
    return after.page[qword] == ite(here, before.backup[qword], before.page[qword])


@invariant("GHCB-I23", guarantor=GUEST, manual=NESTING)
def nesting_is_bounded(exchange: VcExchange) -> bool:
    """There are never more than two calls: a third one ends the guest before it has touched anything."""
    return exchange.depth <= DEEPEST


@invariant("GHCB-I23-CURSOR", guarantor=GUEST, manual='GHCB (56421), "GHCB Layout"')
def cursors_stay_in_the_page(exchange: VcExchange, level: Level) -> bool:
    """Copying, filling and reading end."""
    return implies(is_live(exchange, level), exchange.calls[level].cursor <= LAST)


@invariant("GHCB-S8", guarantor=GUEST, manual="APM Vol. 2, 8.9 and 15.35.5")
def frames_are_on_safe_stacks(exchange: VcExchange) -> bool:
    """No frame of #VC is pushed to where code at CPL 3 has pointed RSP, and none over another that is needed."""
    return none_of(exchange.ghost.frame_on_users_stack, exchange.ghost.frame_lost)


INVARIANTS = (
    replies_are_read_by_the_call_that_asked,
    interrupted_calls_get_their_page_back,
    nested_calls_copy_first,
    first_calls_copy_nothing,
    copies_are_kept,
    pages_are_saved_as_they_stand,
    pages_are_restored_as_they_were,
    nesting_is_bounded,
    cursors_stay_in_the_page,
    frames_are_on_safe_stacks,
)
