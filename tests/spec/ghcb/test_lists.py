"""Lists of page state changes: the order, the reply, and that a lie is found out before the page is used."""

from typing import Any

import pytest

from proofs.list_breaches import FIRST, HOME, SECOND, SPARE, listing, running
from proofs.small_world import ASID, read, translated
from spec.ghcb.list_call import (
    BufferWrite,
    ListReply,
    NewEntry,
    NewList,
    hypervisor_writes_buffer,
    list_adds,
    list_begins,
    list_closes,
    list_judges,
    list_stores,
)
from spec.ghcb.list_pages import KnownPage, ListedPage, list_knows, list_rescinds, list_takes, list_uses
from spec.ghcb.list_state import ListExchange, ListStage, View, Wanted
from spec.ghcb.msr_state import Moment
from spec.maps import Map
from spec.record import replace
from spec.vocabulary import Event, GuestAction

NOW = Moment()
CONTINUES, REFRAINS, TERMINATES = GuestAction.CONTINUES, GuestAction.REFRAINS, GuestAction.TERMINATES


def idle(*, accepted: bool) -> ListExchange:
    """A guest without a list, whose first page is private (or is not), and whose second page is shared."""
    exchange = listing(ListStage.IDLE, to_shared=accepted)
    view: Map[int, int] = exchange.view
    return replace(exchange, view=view.set(FIRST, int(View.PRIVATE if accepted else View.SHARED)))


def at(frame: int, page: int) -> ListedPage:
    return ListedPage(translated(frame, page))


def sent(exchange: ListExchange, *, to_shared: bool, frame: int) -> Any:
    """A list of one page is in the buffer, but for the rescission of a private page."""
    exchange = list_begins(exchange, NewList(to_shared)).system
    exchange = list_adds(exchange, NewEntry(Wanted(frame, 0))).system
    return list_closes(exchange, NOW).system


def test_page_that_becomes_private_is_used_once_it_is_validated() -> None:
    exchange = sent(idle(accepted=False), to_shared=False, frame=SECOND)
    assert exchange.view[SECOND] == View.NOT
    for _ in range(2):
        exchange = list_stores(exchange, NOW).system
    assert [exchange.buffer[place] for place in (0, 1)] == [0, 1 << 52 | SECOND << 12]
    exchange = hypervisor_writes_buffer(exchange, BufferWrite(0, 1)).system
    exchange = list_judges(exchange, ListReply(0, 0)).system
    taken = list_takes(exchange, at(SECOND, SPARE))
    assert (taken.result, taken.check) == (CONTINUES, "private")
    assert taken.system.view[SECOND] == View.PRIVATE
    used = list_uses(taken.system, read(SECOND, SPARE, 0))
    assert (used.result, used.check) == (Event.COMPLETES, "performed")


def test_page_that_the_hypervisor_has_not_assigned_is_not_used() -> None:
    exchange = listing(ListStage.DONE, to_shared=False)
    taken = list_takes(exchange, at(FIRST, HOME))
    assert (taken.result, taken.check) == (CONTINUES, "not-accepted")
    used = list_uses(taken.system, read(FIRST, HOME, 0))
    assert (used.result, used.check) == (REFRAINS, "not-in-that-state")


def test_page_that_becomes_shared_is_rescinded_before_the_hypervisor_hears_of_it() -> None:
    exchange = sent(idle(accepted=True), to_shared=True, frame=FIRST)
    assert exchange.stage == ListStage.RESCINDING
    assert list_stores(exchange, NOW).check == "another-stage"
    rescinded = list_rescinds(exchange, at(FIRST, HOME))
    assert (rescinded.result, rescinded.check) == (CONTINUES, "rescinded")
    assert not rescinded.system.world.system.rmp[HOME].validated
    assert rescinded.system.stage == ListStage.FILLING


def test_decoy_stops_the_guest() -> None:
    exchange = sent(idle(accepted=True), to_shared=True, frame=FIRST)
    rmp: Map[int, Any] = exchange.world.system.rmp
    system = replace(exchange.world.system, rmp=rmp.set(SPARE, replace(rmp[SPARE], gfn=FIRST, asid=ASID)))
    outcome = list_rescinds(replace(exchange, world=replace(exchange.world, system=system)), at(FIRST, SPARE))
    assert (outcome.result, outcome.check) == (TERMINATES, "rescind-stops")


@pytest.mark.parametrize(
    ("header", "reply", "result", "check"),
    [
        (1, ListReply(0, 0), CONTINUES, "done"),
        (0, ListReply(0, 0), CONTINUES, "asks-again"),
        (2, ListReply(0, 0), TERMINATES, "progress"),
        (1 << 16 | 1, ListReply(0, 0), TERMINATES, "last-entry"),
        (1 << 32 | 1, ListReply(0, 0), TERMINATES, "header-reserved"),
        (1, ListReply(2, 5), TERMINATES, "error-answer"),
        (1, ListReply(0, 0x100 << 32), TERMINATES, "page-state-error"),
    ],
)
def test_reply_is_judged(header: int, reply: ListReply, result: Any, check: str) -> None:
    exchange = listing(ListStage.LEFT, to_shared=False)
    exchange = hypervisor_writes_buffer(exchange, BufferWrite(0, header)).system
    outcome = list_judges(exchange, reply)
    assert (outcome.result, outcome.check) == (result, check)
    assert outcome.system.world.guest.stopped == (result is TERMINATES)
    assert outcome.system.wanted == exchange.wanted


@pytest.mark.parametrize(
    ("wanted", "check"),
    [
        (Wanted(SECOND, 0), "not-in-that-state"),
        (Wanted(FIRST, 0), "added"),
        (Wanted(FIRST | 1, 1), "alignment"),
    ],
)
def test_only_pages_in_the_other_state_are_listed(wanted: Wanted, check: str) -> None:
    exchange = list_begins(idle(accepted=True), NewList(to_shared=True)).system
    assert list_adds(exchange, NewEntry(wanted)).check == check


def test_page_is_not_listed_twice() -> None:
    exchange = list_begins(idle(accepted=True), NewList(to_shared=True)).system
    exchange = list_adds(exchange, NewEntry(Wanted(FIRST, 0))).system
    assert list_adds(exchange, NewEntry(Wanted(FIRST, 0))).check == "not-in-that-state"


def test_list_of_253_pages_is_full() -> None:
    exchange = replace(list_begins(idle(accepted=True), NewList(to_shared=True)).system, cursor=253)
    assert list_adds(exchange, NewEntry(Wanted(FIRST, 0))).check == "full"


@pytest.mark.parametrize(("accepted", "view"), [(True, View.PRIVATE), (False, View.SHARED)])
def test_guest_knows_its_pages_by_what_its_launch_accepted(accepted: bool, view: View) -> None:
    exchange = replace(listing(ListStage.IDLE, to_shared=accepted), view=Map(int(View.NOT)))
    known = list_knows(exchange, KnownPage(FIRST))
    assert (known.check, known.system.view[FIRST]) == ("known-now", view)
    assert running(exchange.world.guest.rules, accepted=accepted).ghost.entered
