"""A checked request is carried out, scratch data is moved element by element, and the reply is stored.

GHCB (56421), "VMGEXIT", "Standard VMGEXIT Events". What devices and registers give is not this specification's matter.
"""

from spec.ghcb.event import bit_of
from spec.ghcb.events import outputs_of
from spec.ghcb.host_check import is_inside, is_list
from spec.ghcb.host_read import INFO1, INFO2
from spec.ghcb.host_state import HostExchange, HostStage, request_in
from spec.ghcb.vocabulary.answers import Answer
from spec.ghcb.vocabulary.exits import GhcbEvent
from spec.ghcb.vocabulary.page import GhcbField
from spec.logic import any_of, ite, none_of, select
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vc.instruction import LOW_64, RAX, RBX, RCX, RDX, Qword, Word
from spec.vc.request import BITMAP_HIGH, BITMAP_LOW
from spec.vocabulary import Actor, Evidence, HostAction

SOURCE = 'GHCB (56421), "Standard VMGEXIT Events"'
STORED: tuple[Qword, ...] = (RAX, RBX, RCX, RDX, INFO1, INFO2, BITMAP_LOW, BITMAP_HIGH)
"""The places of a reply, in this order."""


@record
class Served:
    """What came of the request: whether it succeeded, and the event's result in SW_EXITINFO2, where it has one."""

    info2: Word


@transition(actor=Actor.CAREFUL_HOST, manual=SOURCE)
def host_serves(exchange: HostExchange, op: Served) -> Outcome:
    """Begin to carry a request out."""
    # 1. It was checked.
    if exchange.stage != HostStage.CHECKED:
        return Outcome(HostAction.WAITS, "not-checked", exchange, Evidence.AGREED)

    # 2. What is carried out is what was checked. Without rule S9 it is read again.
    copied, again = request_in(exchange.copy), request_in(exchange.page)
    request = ite(exchange.rules.reads_once, copied, again)
    noted = replace(exchange, ghost=replace(exchange.ghost, served=request), outputs=outputs_of(request))

    # 3. A request to be terminated ends the guest.
    if request.code == GhcbEvent.TERMINATION:
        return Outcome(HostAction.KILLS, "termination", exchange, Evidence.AGREED)

    # 4. A list of page state changes is worked through.
    if is_list(request):
        return Outcome(HostAction.SERVES, "list", replace(noted, stage=HostStage.LISTING), Evidence.AGREED)

    # 5. Scratch data is moved.
    if exchange.left != 0:
        return Outcome(HostAction.SERVES, "moves", replace(noted, stage=HostStage.MOVING), Evidence.AGREED)
    return Outcome(HostAction.SERVES, "served", succeeded(noted, op.info2), Evidence.AGREED)


def succeeded(exchange: HostExchange, info2: Word) -> HostExchange:
    """The reply without error."""
    return replace(exchange, stage=HostStage.REPLYING, cursor=0, info1=Answer.NO_ACTION, info2=info2)


def touching(exchange: HostExchange, address: Word, length: int) -> HostExchange:
    """An access to scratch data."""
    strayed = any_of(exchange.ghost.out_of_bounds, none_of(is_inside(exchange, address, length)))
    return replace(exchange, ghost=replace(exchange.ghost, out_of_bounds=strayed))


@transition(actor=Actor.CAREFUL_HOST, manual='GHCB (56421), "IOIO_PROT", "MMIO Access"')
def host_moves(exchange: HostExchange, op: Served) -> Outcome:
    """Read or write one element of scratch data."""
    # 1. There is one left.
    if exchange.stage != HostStage.MOVING:
        return Outcome(HostAction.WAITS, "not-moving", exchange, Evidence.AGREED)
    moved = touching(exchange, exchange.scratch, exchange.element)

    # 2. It was the last.
    if exchange.left <= exchange.element:
        return Outcome(HostAction.SERVES, "moved-last", succeeded(moved, op.info2), Evidence.AGREED)
    onward = replace(
        moved,
        scratch=(exchange.scratch + exchange.element) & LOW_64,
        left=exchange.left - exchange.element,
    )
    return Outcome(HostAction.SERVES, "moved", onward, Evidence.AGREED)


@record
class Result:
    """A register of the reply."""

    value: Word


@transition(actor=Actor.CAREFUL_HOST, manual='GHCB (56421), "VMGEXIT"')
def host_replies(exchange: HostExchange, op: Result) -> Outcome:
    """Store eight bytes of the reply. Only what the event gives is marked valid, and no other register is stored."""
    # 1. The answer is known.
    if exchange.stage != HostStage.REPLYING:
        return Outcome(HostAction.WAITS, "not-replying", exchange, Evidence.AGREED)
    place = select(exchange.cursor & 7, STORED)
    outputs = exchange.outputs | bit_of(GhcbField.SW_EXITINFO1) | bit_of(GhcbField.SW_EXITINFO2)
    # In `STORED` RAX, RBX, RCX, RDX come first; what the event does not give stays as the guest has it.
    given = ite(outputs >> place & 1 == 1, op.value, exchange.page[place])
    value = given
    for control, word in (
        (INFO1, exchange.info1),
        (INFO2, exchange.info2),
        (BITMAP_LOW, outputs & LOW_64),
        (BITMAP_HIGH, outputs >> 64),
    ):
        value = ite(place == control, word, value)
    stored = replace(exchange, page=exchange.page.set(place, value))

    # 2. With the last the guest runs.
    if exchange.cursor >= len(STORED) - 1:
        done = replace(stored, stage=HostStage.RUNNING, cursor=0)
        return Outcome(HostAction.SERVES, "replied", done, Evidence.AGREED)
    return Outcome(HostAction.SERVES, "stored", replace(stored, cursor=exchange.cursor + 1), Evidence.AGREED)


TRANSITIONS = (host_serves, host_moves, host_replies)
