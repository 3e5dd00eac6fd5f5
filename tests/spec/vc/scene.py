"""A guest with its #VC handler, at an instruction, in plain values."""

from typing import Any

from proofs.templates import nothing
from spec.ghcb.msr_state import Moment
from spec.record import replace
from spec.registry import Outcome
from spec.vc.check import vc_admits, vc_checks
from spec.vc.enter import vc_enters, vc_fetches
from spec.vc.instruction import Instruction, Kind
from spec.vc.raised import PageWrite, RaisedVc, hypervisor_raises_vc, hypervisor_writes_page
from spec.vc.receive import vc_believes, vc_completes, vc_reads
from spec.vc.send import vc_asks, vc_exits, vc_stores, vc_takes_page
from spec.vc.state import Mapping, SavedRegister, VcExchange

FRAME = 0x77
SHARED, PRIVATE = 0x1000, 0x2000
"""Linear addresses of a page that the guest maps shared, and of one that it maps private."""
INFO1, INFO2, BITMAP_LOW, BITMAP_HIGH, DATA = 115, 116, 126, 127, 256
ANSWERED = 1 << 51 | 1 << 52
"""In the upper word of the bitmap: SW_EXITINFO1 and SW_EXITINFO2."""
NOW = Moment()


def instruction(kind: Kind, **parts: Any) -> Instruction:
    plain: Instruction = nothing(Instruction)
    usual = replace(plain, kind=int(kind), readable=True, length=2, size=4, address_size=8, result_size=4)
    return replace(usual, **parts)


def guest(code: Instruction, registers: dict[int, int] | None = None, **context: Any) -> VcExchange:
    """A guest at an instruction; what is not named is 0."""
    exchange: VcExchange = nothing(VcExchange)
    table = exchange.registers
    for qword, value in (registers or {}).items():
        table = table.set(SavedRegister(1, qword), value)
    shared = Mapping(present=True, shared=True, user=True, frame=SHARED >> 12)
    mappings = exchange.mappings.set(SHARED >> 12, shared).set(PRIVATE >> 12, replace(shared, shared=False))
    running = replace(exchange.contexts[1], code=code, **context)
    contexts = exchange.contexts.set(1, running)
    return replace(exchange, version=2, frame=FRAME, registers=table, mappings=mappings, contexts=contexts)


def after(outcome: Outcome) -> VcExchange:
    exchange: VcExchange = outcome.system
    return exchange


def raised(exchange: VcExchange, code: int) -> VcExchange:
    return after(hypervisor_raises_vc(exchange, RaisedVc(code, reserved=True)))


def entered(exchange: VcExchange, code: int) -> VcExchange:
    return after(vc_enters(raised(exchange, code), NOW))


def admitted(exchange: VcExchange, code: int) -> Outcome:
    """The outcome of the check of the fetched instruction against the code."""
    return vc_admits(after(vc_fetches(entered(exchange, code), NOW)), NOW)


def checked(exchange: VcExchange, code: int) -> Outcome:
    return vc_checks(after(admitted(exchange, code)), NOW)


def sent(exchange: VcExchange, code: int) -> VcExchange:
    """The page is full, and the guest has left."""
    exchange = after(vc_takes_page(after(vc_asks(after(checked(exchange, code)), NOW)), NOW))
    for _ in range(512):
        exchange = after(vc_stores(exchange, NOW))
    return after(vc_exits(exchange, NOW))


def replied(exchange: VcExchange, **reply: int) -> VcExchange:
    """The hypervisor writes a reply: `q63=…` for a place; without an error, if it says nothing. The guest reads it."""
    for place, value in {"q115": 0, "q116": 0, **reply}.items():
        exchange = after(hypervisor_writes_page(exchange, PageWrite(int(place[1:]), value)))
    for _ in range(9):
        exchange = after(vc_reads(exchange, NOW))
    return exchange


def completed(exchange: VcExchange) -> Outcome:
    """The reply is believed, and the instruction is carried out."""
    return vc_completes(after(vc_believes(exchange, NOW)), NOW)


def nonzero(exchange: VcExchange) -> dict[int, int]:
    """The places of the page that are not 0."""
    return {q: v for q, v in sorted(exchange.page.changed()) if v}
