"""A list of page state changes from its first page to the reply: the guest's accesses to the buffer, one a step.

GHCB (56421), "SNP Page State Change". The order is that of GHCB-I26: a page is not used any more before it is in the
list, and is rescinded before the hypervisor hears that it is shared.
"""

from typing import Annotated

from spec.ghcb.list_state import BufferPlace, BufferWord, ListExchange, ListStage, View, Wanted
from spec.ghcb.msr_state import Moment
from spec.ghcb.vocabulary.page_state import (
    ENTRY_GFN_SHIFT,
    ENTRY_OPERATION_SHIFT,
    ENTRY_SIZE_SHIFT,
    HEADER_END_OFFSET,
    HEADER_RESERVED_OFFSET,
    MAX_ENTRIES,
    PageOperation,
)
from spec.logic import all_of, any_in_range, any_of, first_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import PAGES_PER_2M, Actor, Bits, Event, Evidence, GuestAction, PageSize

SOURCE = 'GHCB (56421), "SNP Page State Change"'
INDEX_MASK = 0xFFFF


def frames_of(wanted: Wanted) -> int:
    """How many guest frames an entry is about."""
    return ite(wanted.page_size == PageSize.SIZE_2M, PAGES_PER_2M, 1)


def not_at(exchange: ListExchange, stage: ListStage) -> str | None:
    """Why it is not the turn of a step that begins at a stage, or None."""
    return first_of(("stopped", exchange.world.guest.stopped), ("another-stage", exchange.stage != stage))


def stopped(exchange: ListExchange, check: str) -> Outcome:
    """The guest terminates."""
    guest = replace(exchange.world.guest, stopped=True)
    after = replace(exchange, world=replace(exchange.world, guest=guest))
    return Outcome(GuestAction.TERMINATES, check, after, Evidence.AGREED)


@record
class NewList:
    """What the pages of a new list are to become."""

    to_shared: bool


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def list_begins(exchange: ListExchange, op: NewList) -> Outcome:
    """Begin a list."""
    # 1. The guest has begun, and none is under way: there is one buffer.
    if cause := not_at(exchange, ListStage.IDLE):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    if none_of(exchange.world.ghost.entered):
        return Outcome(GuestAction.REFRAINS, "not-entered", exchange, Evidence.INFERRED)
    begun = replace(exchange, stage=ListStage.COLLECTING, to_shared=op.to_shared, last=0, cursor=0, progress=0)
    return Outcome(GuestAction.CONTINUES, "begun", begun, Evidence.AGREED)


@record
class NewEntry:
    """A page for the list."""

    wanted: Wanted


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def list_adds(exchange: ListExchange, op: NewEntry) -> Outcome:
    """Add a page. From now on it is not used, neither as it was nor as it will be."""
    # 1. The list is open, and has room.
    if cause := not_at(exchange, ListStage.COLLECTING):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    if exchange.cursor >= MAX_ENTRIES:
        return Outcome(GuestAction.REFRAINS, "full", exchange, Evidence.MANUAL)

    # 2. A 2 MiB page is aligned.
    gfn = op.wanted.gfn
    if all_of(op.wanted.page_size == PageSize.SIZE_2M, gfn & PAGES_PER_2M - 1 != 0):
        return Outcome(GuestAction.REFRAINS, "alignment", exchange, Evidence.MANUAL)

    # 3. Only private pages become shared, and only others private; no page is in the list twice.
    wrong = ite(exchange.to_shared, View.PRIVATE, View.SHARED)
    if any_in_range(gfn, frames_of(op.wanted), lambda g: exchange.view[g] != wrong):
        return Outcome(GuestAction.REFRAINS, "not-in-that-state", exchange, Evidence.AGREED)
    view = exchange.view.set_range(gfn, frames_of(op.wanted), lambda _: int(View.NOT))
    index = exchange.cursor & INDEX_MASK
    added = replace(exchange, wanted=exchange.wanted.set(index, op.wanted), last=index, cursor=index + 1, view=view)
    return Outcome(GuestAction.CONTINUES, "added", added, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def list_closes(exchange: ListExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Go on with the pages that are in the list: those that will be shared are rescinded first."""
    # 1. There are some.
    if cause := not_at(exchange, ListStage.COLLECTING):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    if exchange.cursor == 0:
        return Outcome(GuestAction.REFRAINS, "empty", exchange, Evidence.AGREED)
    stage = ite(exchange.to_shared, ListStage.RESCINDING, ListStage.FILLING)
    return Outcome(GuestAction.CONTINUES, "closed", replace(exchange, stage=stage, cursor=0), Evidence.AGREED)


def header_of(exchange: ListExchange) -> BufferWord:
    """The header: first entry that is not done, and last entry."""
    return exchange.last << 8 * HEADER_END_OFFSET | exchange.progress


def entry_of(exchange: ListExchange, wanted: Wanted) -> BufferWord:
    """An entry, none of whose pages are handled."""
    operation = ite(exchange.to_shared, int(PageOperation.SHARED), int(PageOperation.PRIVATE))
    return wanted.page_size << ENTRY_SIZE_SHIFT | operation << ENTRY_OPERATION_SHIFT | wanted.gfn << ENTRY_GFN_SHIFT


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def list_stores(exchange: ListExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Store the header, or an entry, from the private list."""
    # 1. The buffer is being filled.
    if cause := not_at(exchange, ListStage.FILLING):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    place = exchange.cursor
    entry = entry_of(exchange, exchange.wanted[index_before(place)])
    value = ite(place == 0, header_of(exchange), entry)
    stored = replace(exchange, buffer=exchange.buffer.set(place, value))

    # 2. After the last entry the guest leaves (VMGEXIT).
    if place > exchange.last:
        return Outcome(GuestAction.CONTINUES, "left", replace(stored, stage=ListStage.LEFT), Evidence.AGREED)
    return Outcome(GuestAction.CONTINUES, "stored", replace(stored, cursor=place + 1), Evidence.AGREED)


def index_before(place: BufferPlace) -> int:
    """The entry that stands at a place; of the header's, any."""
    return place + INDEX_MASK & INDEX_MASK


@record
class BufferWrite:
    """Eight bytes of the buffer."""

    place: BufferPlace
    value: BufferWord


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def hypervisor_writes_buffer(exchange: ListExchange, op: BufferWrite) -> Outcome:
    """The buffer is shared: anything, at any moment."""
    written = replace(exchange, buffer=exchange.buffer.set(op.place, op.value))
    return Outcome(Event.COMPLETES, "written", written, Evidence.MANUAL)


@record
class ListReply:
    """SW_EXITINFO1 and SW_EXITINFO2, each read once: the hypervisor's word."""

    info1: Annotated[int, Bits(64)]
    info2: Annotated[int, Bits(64)]


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def list_judges(exchange: ListExchange, op: ListReply) -> Outcome:
    """Read the header once, and judge the reply."""
    # 1. The hypervisor has had control.
    if cause := not_at(exchange, ListStage.LEFT):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    header = exchange.buffer[0]
    current, end = header & INDEX_MASK, header >> 8 * HEADER_END_OFFSET & INDEX_MASK
    finished = any_of(current > exchange.last, none_of(exchange.rules.judges_reply))

    # 2. It is no error.
    knobs, careful = exchange.world.system.platform.knobs, exchange.rules.judges_reply
    shrunk = ite(knobs.psc_end_unchanged, end != exchange.last, end > exchange.last)
    if cause := first_of(
        ("error-answer", all_of(careful, op.info1 & 0xFFFF_FFFF != 0)),
        ("page-state-error", all_of(careful, knobs.psc_info2_is_error, op.info2 != 0)),
        # 3. The header is the guest's own, but for its progress, which does not go back, nor beyond the end.
        ("header-reserved", all_of(careful, header >> 8 * HEADER_RESERVED_OFFSET != 0)),
        ("last-entry", all_of(careful, shrunk)),
        ("progress", all_of(careful, any_of(current < exchange.progress, current > exchange.last + 1))),
    ):
        return stopped(exchange, cause)

    # 4. Entries are left: the guest asks again.
    if none_of(finished):
        again = replace(exchange, stage=ListStage.FILLING, cursor=0, progress=current)
        return Outcome(GuestAction.CONTINUES, "asks-again", again, Evidence.AGREED)
    done = replace(exchange, stage=ListStage.DONE, cursor=0)
    return Outcome(GuestAction.CONTINUES, "done", done, Evidence.AGREED)


TRANSITIONS = (
    list_begins,
    list_adds,
    list_closes,
    list_stores,
    hypervisor_writes_buffer,
    list_judges,
)
