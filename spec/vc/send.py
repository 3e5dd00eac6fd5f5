"""The request, then the page: each store of the guest into the shared page is a step of its own; then VMGEXIT.

GHCB (56421), "#VC Handler", "GHCB Layout".
"""

from spec.ghcb.events import inputs_of
from spec.ghcb.msr_state import Moment
from spec.logic import all_of, any_of, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vc.admit import is_empty
from spec.vc.calls import not_at, terminated, with_call
from spec.vc.cpuid import asks_hypervisor
from spec.vc.instruction import Instruction, Kind, is_one_of
from spec.vc.request import LAST, data_of, is_control, is_input, request_of, wanted
from spec.vc.state import Place, Stage, VcExchange, call_of
from spec.vocabulary import Actor, Evidence, GuestAction

SOURCE = 'GHCB (56421), "#VC Handler"'


def needs_no_exit(exchange: VcExchange, instruction: Instruction) -> bool:
    """The guest can carry out the instruction by itself."""
    silent = all_of(is_one_of(instruction, Kind.MONITOR, Kind.MWAIT), exchange.platform.knobs.vc_monitor_silent)
    own = all_of(instruction.kind == Kind.CPUID, none_of(asks_hypervisor(exchange)))
    return any_of(silent, own, instruction.kind == Kind.DR7_READ, is_empty(exchange, instruction))


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def vc_asks(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Make up the request, if there is one."""
    # 1. The instruction is to be carried out.
    if cause := not_at(exchange, Stage.CHECKED):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. Some need no hypervisor.
    call = call_of(exchange)
    instruction = call.instruction
    if needs_no_exit(exchange, instruction):
        known = with_call(exchange, replace(call, stage=Stage.BELIEVED))
        return Outcome(GuestAction.CONTINUES, "without-exit", known, Evidence.AGREED)
    request = request_of(exchange, instruction)
    asked = replace(
        call,
        stage=Stage.ASKING,
        request=request,
        inputs=inputs_of(request, exchange.platform.knobs),
        data=data_of(exchange, instruction),
    )
    return Outcome(GuestAction.CONTINUES, "asks", with_call(exchange, asked), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB Layout"')
def vc_takes_page(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Begin to use the page. If a call below this one is using it, its contents are copied first."""
    # 1. The request is known.
    if cause := not_at(exchange, Stage.ASKING):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. There is one backup, for one call below.
    call = replace(call_of(exchange), cursor=0)
    if all_of(exchange.depth > 1, exchange.rules.keeps_backup):
        saving = with_call(exchange, replace(call, stage=Stage.SAVING, saved=True))
        return Outcome(GuestAction.CONTINUES, "copies-first", saving, Evidence.AGREED)
    filling = with_call(exchange, replace(call, stage=Stage.FILLING))
    return Outcome(GuestAction.CONTINUES, "takes-page", filling, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB Layout"')
def vc_saves(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Copy eight bytes of the page into private memory."""
    # 1. The page is being copied.
    if cause := not_at(exchange, Stage.SAVING):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    call = call_of(exchange)
    copied = replace(exchange, backup=exchange.backup.set(call.cursor, exchange.page[call.cursor]))

    # 2. At its end the page is free.
    if call.cursor == LAST:
        free = with_call(copied, replace(call, stage=Stage.FILLING, cursor=0))
        return Outcome(GuestAction.CONTINUES, "saved-last", free, Evidence.AGREED)
    onward = with_call(copied, replace(call, cursor=call.cursor + 1))
    return Outcome(GuestAction.CONTINUES, "saved", onward, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB Layout"')
def vc_stores(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Store eight bytes of the request; whatever is no part of it becomes 0. The order does not matter."""
    # 1. The page is being filled.
    if cause := not_at(exchange, Stage.FILLING):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    call = call_of(exchange)
    qword, value = call.cursor, wanted(exchange, call.cursor)

    # 2. Without minimal export (rule S9), old contents stay where the request has nothing.
    part = any_of(exchange.rules.exports_minimum, is_input(call.inputs, qword), is_control(qword))
    onward = replace(call, cursor=(qword + 1) & LAST, stage=Stage.FILLING)
    if none_of(part):
        passed = with_call(exchange, onward)
        return Outcome(GuestAction.CONTINUES, "passed-over", passed, Evidence.AGREED)

    # 3. At its end the page is full.
    ghost = replace(
        exchange.ghost, stored=exchange.ghost.stored.set(Place(exchange.depth, qword), value), sent_by=exchange.depth
    )
    stored = replace(exchange, page=exchange.page.set(qword, value), ghost=ghost)
    if qword == LAST:
        full = with_call(stored, replace(onward, stage=Stage.FILLED))
        return Outcome(GuestAction.CONTINUES, "stored-last", full, Evidence.AGREED)
    return Outcome(GuestAction.CONTINUES, "stored", with_call(stored, onward), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "VMGEXIT"')
def vc_exits(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Write the page's address into the GHCB MSR, and VMGEXIT. The hypervisor may come back at any time, or never."""
    # 1. The page is full.
    if cause := not_at(exchange, Stage.FILLED):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. If the hypervisor intercepts the MSR, that is a #VC inside the handler, again and again.
    if exchange.platform.knobs.ghcb_msr_intercepted:
        return terminated(exchange, "msr-intercepted")
    left = with_call(exchange, replace(call_of(exchange), stage=Stage.LEFT, cursor=0))
    return Outcome(GuestAction.CONTINUES, "left", left, Evidence.MANUAL)


TRANSITIONS = (vc_asks, vc_takes_page, vc_saves, vc_stores, vc_exits)
