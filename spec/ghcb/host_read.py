"""A guest leaves over the page, and the host copies the request: each place once (rule S9).

GHCB (56421), "VMGEXIT".
"""

from spec.ghcb.host_state import HostExchange, HostStage
from spec.ghcb.msr_state import Moment, info_of
from spec.ghcb.vocabulary.msr import MsrCode, MsrValue
from spec.ghcb.vocabulary.page import GhcbField
from spec.logic import select
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vc.instruction import CPL, RAX, RBX, RCX, RDX, Qword, Word, place_of
from spec.vc.request import BITMAP_HIGH, BITMAP_LOW, LAST
from spec.vocabulary import Actor, Event, Evidence, HostAction, Limit

SOURCE = 'GHCB (56421), "VMGEXIT"'
CODE, INFO1, INFO2, SCRATCH = (
    place_of(field)
    for field in (GhcbField.SW_EXITCODE, GhcbField.SW_EXITINFO1, GhcbField.SW_EXITINFO2, GhcbField.SW_SCRATCH)
)
COPIED: tuple[Qword, ...] = (BITMAP_LOW, BITMAP_HIGH, LAST, CODE, INFO1, INFO2, SCRATCH, RAX, RBX, RCX, RDX, CPL)
"""What is copied of a request. No other place of the save area decides anything."""
COPIED_PADDED = (*COPIED, *(CPL for _ in range(16 - len(COPIED))))
"""For a cursor of four bits."""


@record
class Exit:
    """What the GHCB MSR held when the guest left."""

    msr: MsrValue


@transition(actor=Actor.GUEST, manual=SOURCE)
def guest_leaves(exchange: HostExchange, op: Exit) -> Outcome:
    """VMGEXIT with the address of a page in the MSR. A message over the MSR is another matter."""
    # 1. The guest runs, and what it hands over is a page.
    if exchange.stage != HostStage.RUNNING:
        return Outcome(Limit.NOT_MODELLED, "running", exchange, Evidence.INFERRED)
    if info_of(op.msr) != MsrCode.PAGE:
        return Outcome(Limit.NOT_MODELLED, "page-protocol", exchange, Evidence.INFERRED)
    left = replace(exchange, stage=HostStage.READING, cursor=0, msr=op.msr)
    return Outcome(Event.VMEXIT, "left", left, Evidence.MANUAL)


@record
class GuestStore:
    """Eight bytes of the page."""

    qword: Qword
    value: Word


@transition(actor=Actor.GUEST, manual='GHCB (56421), "GHCB Layout"')
def guest_writes_page(exchange: HostExchange, op: GuestStore) -> Outcome:
    """The page is shared: another processor of the guest writes anything, between any two accesses of the host."""
    written = replace(exchange, page=exchange.page.set(op.qword, op.value))
    return Outcome(Event.COMPLETES, "written", written, Evidence.MANUAL)


@transition(actor=Actor.CAREFUL_HOST, manual=SOURCE)
def host_reads(exchange: HostExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Copy eight bytes of the request."""
    # 1. A guest has left.
    if exchange.stage != HostStage.READING:
        return Outcome(HostAction.WAITS, "not-reading", exchange, Evidence.AGREED)
    qword = select(exchange.cursor & 0xF, COPIED_PADDED)
    copied = replace(exchange, copy=exchange.copy.set(qword, exchange.page[qword]))

    # 2. Nothing is read again.
    if exchange.cursor >= len(COPIED) - 1:
        complete = replace(copied, stage=HostStage.READ, cursor=0)
        return Outcome(HostAction.SERVES, "read-last", complete, Evidence.AGREED)
    onward = replace(copied, cursor=exchange.cursor + 1)
    return Outcome(HostAction.SERVES, "read", onward, Evidence.AGREED)


TRANSITIONS = (guest_leaves, guest_writes_page, host_reads)
