"""What a host must refuse: each check on its private copy, with the answer that the guest is given.

GHCB (56421), "VMGEXIT", "Standard VMGEXIT Events". From version 2 on a malformed request has an answer of its own.
"""

from spec.ghcb.event import bits_of_fields
from spec.ghcb.events import Request, has_scratch, is_known, is_offered, needed_by_host
from spec.ghcb.host_inputs import invalid_input
from spec.ghcb.host_read import SCRATCH
from spec.ghcb.host_state import HostExchange, HostStage, Length, request_in
from spec.ghcb.msr_state import Moment
from spec.ghcb.vocabulary.answers import Answer, Malformed
from spec.ghcb.vocabulary.exits import IOIO_STRING, GhcbEvent, SvmExit
from spec.ghcb.vocabulary.page import (
    GHCB_SIZE,
    SHARED_BUFFER_END,
    SHARED_BUFFER_OFFSET,
    STANDARD_USAGE,
    GhcbField,
    ValidBitmap,
)
from spec.ghcb.vocabulary.page_state import HEADER_SIZE
from spec.logic import all_of, any_of, ite, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vc.instruction import Word
from spec.vc.request import BITMAP_HIGH, BITMAP_LOW, LAST
from spec.vocabulary import Actor, Evidence, HostAction

SOURCE = 'GHCB (56421), "VMGEXIT"'
USAGE_SHIFT = 32
"""In the last eight bytes of the page."""
BEYOND = 1 << 64
"""Behind the last address."""
ANSWER_FIELDS = bits_of_fields((GhcbField.SW_EXITINFO1, GhcbField.SW_EXITINFO2))


def marked(exchange: HostExchange) -> ValidBitmap:
    """The valid bitmap of the copy."""
    return exchange.copy[BITMAP_HIGH] << 64 | exchange.copy[BITMAP_LOW]


def is_string(request: Request) -> bool:
    """INS or OUTS."""
    return all_of(request.code == SvmExit.IOIO, request.info1 & IOIO_STRING != 0)


def is_list(request: Request) -> bool:
    """A page state change."""
    return request.code == GhcbEvent.PAGE_STATE_CHANGE


def element_of(request: Request, length: Length) -> Length:
    """Bytes of an element of scratch data: the operand of a string; MMIO is of one element."""
    return ite(is_string(request), request.info1 >> 4 & 7, length)


def length_of(request: Request) -> Length:
    """The bytes of scratch data: of a string, its elements times their size; of a list its header, at first."""
    count, size = request.info2 & 0xFFFF_FFFF, request.info1 >> 4 & 7
    total = ite(size == 1, count, ite(size == 2, count << 1, count << 2))
    return ite(is_list(request), HEADER_SIZE, ite(is_string(request), total, request.info2 & 0xFFFF_FFFF))


def is_inside(exchange: HostExchange, scratch: Word, length: Length) -> bool:
    """Scratch data is where it may be.

    From version 2 on: in the shared buffer of the page, all of it. Under version 1, and where a knob says so: also
    anywhere else, but not across the page's edges, and not beyond the last address.
    """
    page = exchange.frame << 12
    begins, ends = scratch >= page + SHARED_BUFFER_OFFSET, scratch + length <= page + SHARED_BUFFER_END
    outside = any_of(scratch + length <= page, scratch >= page + GHCB_SIZE)
    lenient = any_of(exchange.version < 2, none_of(exchange.platform.knobs.ghcb_scratch_in_page))
    return all_of(scratch + length <= BEYOND, any_of(all_of(begins, ends), all_of(lenient, outside)))


def answered(exchange: HostExchange, reason: Malformed) -> HostExchange:
    """The guest is told what is wrong, and goes on."""
    return replace(
        exchange, stage=HostStage.REPLYING, cursor=0, info1=Answer.MALFORMED, info2=reason, outputs=ANSWER_FIELDS
    )


@transition(actor=Actor.CAREFUL_HOST, manual=SOURCE)
def host_checks(exchange: HostExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Judge the copy of a request."""
    # 1. It was read.
    if exchange.stage != HostStage.READ:
        return Outcome(HostAction.WAITS, "not-read", exchange, Evidence.AGREED)

    # 2. The page is the registered one.
    request, knobs = request_in(exchange.copy), exchange.platform.knobs
    own = all_of(exchange.registered, exchange.msr >> 12 == exchange.frame)
    if all_of(exchange.snp, none_of(own), none_of(knobs.ghcb_unregistered_refused)):
        return Outcome(HostAction.KILLS, "not-registered", exchange, Evidence.AGREED)
    if all_of(exchange.snp, none_of(own)):
        refused = answered(exchange, Malformed.NOT_REGISTERED)
        return Outcome(HostAction.REFUSES, "unregistered-page", refused, Evidence.AGREED)

    # 3. It has the standard layout.
    if exchange.copy[LAST] >> USAGE_SHIFT != STANDARD_USAGE:
        return Outcome(HostAction.REFUSES, "usage", answered(exchange, Malformed.INVALID_USAGE), Evidence.AGREED)

    # 4. The event is one of the protocol, and one that was agreed on.
    offered = is_offered(request, exchange.version, exchange.features, exchange.snp)
    if none_of(all_of(is_known(request), offered)):
        return Outcome(HostAction.REFUSES, "event", answered(exchange, Malformed.INVALID_EVENT), Evidence.AGREED)

    # 5. Its inputs are marked valid; what is not marked is not looked at.
    needed = needed_by_host(request)
    if marked(exchange) & needed != needed:
        return Outcome(
            HostAction.REFUSES, "missing-input", answered(exchange, Malformed.MISSING_INPUT), Evidence.AGREED
        )

    # 6. They are ones that the event can have.
    if cause := invalid_input(exchange, request):
        return Outcome(HostAction.REFUSES, cause, answered(exchange, Malformed.INVALID_INPUT), Evidence.AGREED)
    return scratch_checked(exchange, request)


def scratch_checked(exchange: HostExchange, request: Request) -> Outcome:
    """The last check, and what follows from it."""
    # 7. The scratch area begins where it may (rule S10); 0 stands for none.
    scratch, length, rules = exchange.copy[SCRATCH], length_of(request), exchange.rules
    used, string = has_scratch(request), is_string(request)
    placed = all_of(scratch != 0, is_inside(exchange, scratch, ite(string, 0, length)))
    if all_of(used, rules.scratch_inside, none_of(placed)):
        return Outcome(HostAction.REFUSES, "scratch", answered(exchange, Malformed.BAD_SCRATCH), Evidence.AGREED)

    # 8. A string is in it from beginning to end: what counts is bytes, not elements.
    short = all_of(request.info2 <= 0xFFFF_FFFF, is_inside(exchange, scratch, length))
    if all_of(used, string, rules.bounds_strings, none_of(short)):
        return Outcome(HostAction.REFUSES, "string-length", answered(exchange, Malformed.BAD_SCRATCH), Evidence.AGREED)
    checked = replace(
        exchange,
        stage=HostStage.CHECKED,
        cursor=0,
        scratch=scratch,
        element=element_of(request, length),
        left=ite(used, length, 0),
        ghost=replace(exchange.ghost, checked=request),
    )
    return Outcome(HostAction.SERVES, "checked", checked, Evidence.AGREED)


TRANSITIONS = (host_checks,)
