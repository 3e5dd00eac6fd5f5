"""The host works through a list of page state changes: header once, each entry once, progress written back.

GHCB (56421), "SNP Page State Change". The list is in the shared buffer, so the guest may change it meanwhile (rule
S11). What the host does to the RMP is `rmpupdate`; here it succeeds, or it does not.
"""

from spec.ghcb.host_check import is_inside
from spec.ghcb.host_serve import succeeded, touching
from spec.ghcb.host_state import HostExchange, HostStage
from spec.ghcb.msr_state import Moment
from spec.ghcb.vocabulary.page_state import (
    ENTRY_GFN_MASK,
    ENTRY_GFN_SHIFT,
    ENTRY_OPERATION_MASK,
    ENTRY_OPERATION_SHIFT,
    ENTRY_PAGE_MASK,
    ENTRY_RESERVED,
    ENTRY_SIZE_SHIFT,
    HEADER_END_OFFSET,
    HEADER_RESERVED_OFFSET,
    HEADER_SIZE,
    EntryIndex,
    PageStateError,
)
from spec.logic import all_of, any_of, first_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vc.instruction import Qword, Word
from spec.vocabulary import PAGES_PER_2M, Actor, Evidence, HostAction, Limit

SOURCE = 'GHCB (56421), "SNP Page State Change"'
INDEX_MASK = 0xFFFF
ALIGNMENT = 7


def place_at(address: Word) -> Qword:
    """The place in the page of an address inside it."""
    return address >> 3 & 0x1FF


def entry_address(exchange: HostExchange, index: EntryIndex) -> Word:
    """Where an entry is."""
    return exchange.scratch + HEADER_SIZE + (index << 3) & (1 << 64) - 1


def list_length(last: EntryIndex) -> int:
    """The bytes of a list with this last entry."""
    return HEADER_SIZE + (last + 1 << 3)


def failed(exchange: HostExchange, error: PageStateError) -> HostExchange:
    """The reply with an error; the header says at which entry."""
    return succeeded(exchange, error)


@transition(actor=Actor.CAREFUL_HOST, manual=SOURCE)
def host_reads_header(exchange: HostExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Copy the header: the first and the last entry."""
    # 1. A list is to be worked through; its header has not been read.
    if cause := first_of(
        ("not-listing", exchange.stage != HostStage.LISTING),
        ("header-read", exchange.left == 0),
    ):
        return Outcome(HostAction.WAITS, cause, exchange, Evidence.AGREED)

    # 2. The model has lists of whole places.
    if exchange.scratch & ALIGNMENT != 0:
        return Outcome(Limit.NOT_MODELLED, "unaligned", exchange, Evidence.INFERRED)
    header = exchange.page[place_at(exchange.scratch)]
    read = touching(exchange, exchange.scratch, HEADER_SIZE)
    first, last = header & INDEX_MASK, header >> 8 * HEADER_END_OFFSET & INDEX_MASK

    # 3. All its entries are in the buffer (rule S11).
    longer = none_of(is_inside(exchange, exchange.scratch, list_length(last)))
    if cause := first_of(
        ("header-reserved", header >> 8 * HEADER_RESERVED_OFFSET != 0),
        ("list-length", all_of(exchange.rules.bounds_lists, longer)),
    ):
        return Outcome(HostAction.REFUSES, cause, failed(read, PageStateError.INVALID_HEADER), Evidence.AGREED)

    # 4. There may be nothing to do.
    if first > last:
        return Outcome(HostAction.SERVES, "nothing-left", succeeded(read, PageStateError.NONE), Evidence.AGREED)
    known = replace(read, left=0, cursor=first, last_entry=last)
    return Outcome(HostAction.SERVES, "header-known", known, Evidence.AGREED)


def bad_entry(entry: Word) -> str | None:
    """Why an entry is refused, or None."""
    operation = entry >> ENTRY_OPERATION_SHIFT & ENTRY_OPERATION_MASK
    large = entry >> ENTRY_SIZE_SHIFT & 1 == 1
    gfn, handled = entry >> ENTRY_GFN_SHIFT & ENTRY_GFN_MASK, entry & ENTRY_PAGE_MASK
    return first_of(
        ("entry-reserved", entry & ENTRY_RESERVED != 0),
        ("operation", none_of(any_of(*(operation == known for known in (1, 2, 3, 4))))),
        ("alignment", all_of(large, gfn & PAGES_PER_2M - 1 != 0)),
        ("handled-pages", handled > ite(large, PAGES_PER_2M, 1)),
    )


@transition(actor=Actor.CAREFUL_HOST, manual=SOURCE)
def host_reads_entry(exchange: HostExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Copy one entry, and judge the copy."""
    # 1. The header is known.
    if cause := first_of(
        ("not-listing", exchange.stage != HostStage.LISTING),
        ("no-header", exchange.left != 0),
    ):
        return Outcome(HostAction.WAITS, cause, exchange, Evidence.AGREED)
    address = entry_address(exchange, exchange.cursor)
    entry = exchange.page[place_at(address)]
    read = replace(touching(exchange, address, HEADER_SIZE), entry=entry)

    # 2. It is an entry.
    if cause := bad_entry(entry):
        return Outcome(HostAction.REFUSES, cause, failed(read, PageStateError.INVALID_ENTRY), Evidence.AGREED)
    return Outcome(HostAction.SERVES, "entry-known", replace(read, stage=HostStage.CHANGING), Evidence.AGREED)


@record
class Changed:
    """What came of one entry."""

    done: bool
    """The page's state was changed, or was what it should be."""
    pauses: bool
    """The host returns to the guest although entries are left: the guest asks again."""


def handled_entry(entry: Word) -> Word:
    """An entry with all its pages handled."""
    large = entry >> ENTRY_SIZE_SHIFT & 1 == 1
    return entry ^ (entry & ENTRY_PAGE_MASK) | ite(large, PAGES_PER_2M, 1)


@transition(actor=Actor.CAREFUL_HOST, manual=SOURCE)
def host_changes_entry(exchange: HostExchange, op: Changed) -> Outcome:
    """Change the state of the entry's pages, and write the progress back."""
    # 1. An entry was read.
    if exchange.stage != HostStage.CHANGING:
        return Outcome(HostAction.WAITS, "no-entry", exchange, Evidence.AGREED)

    # 2. What is carried out is the copy. Without rule S11 it is read again.
    address = entry_address(exchange, exchange.cursor)
    place = place_at(address)
    entry = ite(exchange.rules.copies_entries, exchange.entry, exchange.page[place])
    tried = replace(exchange, ghost=replace(exchange.ghost, changed=entry))

    # 3. It may not be possible; the entry stays the first that is not handled.
    if none_of(op.done):
        return Outcome(HostAction.REFUSES, "not-changed", failed(tried, PageStateError.GENERIC), Evidence.AGREED)

    # 4. Progress stands in the entry and in the header; other parts of the header stay the guest's.
    header_place = place_at(exchange.scratch)
    page = exchange.page.set(place, handled_entry(entry))
    header = page[header_place]
    advanced = header ^ (header & INDEX_MASK) | exchange.cursor + 1 & INDEX_MASK
    written = replace(touching(tried, address, HEADER_SIZE), page=page.set(header_place, advanced))

    # 5. After the last entry, or where it pauses, the host returns.
    if exchange.cursor >= exchange.last_entry:
        return Outcome(HostAction.SERVES, "last-entry", succeeded(written, PageStateError.NONE), Evidence.AGREED)
    if op.pauses:
        return Outcome(HostAction.SERVES, "pauses", succeeded(written, PageStateError.NONE), Evidence.AGREED)
    onward = replace(written, stage=HostStage.LISTING, cursor=exchange.cursor + 1)
    return Outcome(HostAction.SERVES, "entry-changed", onward, Evidence.AGREED)


TRANSITIONS = (host_reads_header, host_reads_entry, host_changes_entry)
