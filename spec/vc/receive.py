"""The reply: each part of it read once into private memory, then judged as a whole; then the instruction takes effect.

GHCB (56421), "#VC Handler", "Exception Injection". Only after the last check does a register of the interrupted code
change, and RIP moves by the length of the fetched instruction.
"""

from spec.ghcb.event import bit_of
from spec.ghcb.msr_state import Moment
from spec.ghcb.vocabulary.answers import (
    EVENT_ERROR_CODE_VALID,
    EVENT_RESERVED,
    EVENT_TYPE,
    EVENT_TYPE_SHIFT,
    EVENT_VALID,
    EVENT_VECTOR,
    Answer,
    EventType,
    Vector,
)
from spec.ghcb.vocabulary.page import GhcbField, ValidBitmap
from spec.logic import all_of, any_of, first_of, implies, ite, none_of, select
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vc.admit import is_empty
from spec.vc.calls import ended, not_at, terminated, with_call
from spec.vc.execution import advanced, answer, executed, is_finished, memory_after
from spec.vc.instruction import (
    LOW_32,
    RAX,
    RBX,
    RCX,
    RDX,
    Instruction,
    Kind,
    Qword,
    Word,
    is_one_of,
    is_string,
    place_of,
)
from spec.vc.request import BITMAP_HIGH, BITMAP_LOW, DATA, LAST
from spec.vc.state import Place, Stage, VcExchange, call_of
from spec.vocabulary import Actor, Event, Evidence, GuestAction

SOURCE = 'GHCB (56421), "#VC Handler"'
INFO1, INFO2 = place_of(GhcbField.SW_EXITINFO1), place_of(GhcbField.SW_EXITINFO2)
READ: tuple[Qword, ...] = (INFO1, INFO2, BITMAP_LOW, BITMAP_HIGH, RAX, RBX, RCX, RDX, DATA)
"""What is read of a reply, in this order; what the event does not give is not used."""
READ_PADDED = (*READ, *(DATA for _ in range(16 - len(READ))))
"""For a cursor of four bits."""


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def vc_reads(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Copy eight bytes of the reply into private memory (rule S9)."""
    # 1. The hypervisor has had control.
    if cause := not_at(exchange, Stage.LEFT):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    call = call_of(exchange)
    qword = select(call.cursor & 0xF, READ_PADDED)
    answers = exchange.answers.set(Place(exchange.depth, qword), exchange.page[qword])
    copied = replace(exchange, answers=answers)

    # 2. Nothing is read again.
    if call.cursor >= len(READ) - 1:
        complete = with_call(copied, replace(call, stage=Stage.READ, cursor=0))
        return Outcome(GuestAction.CONTINUES, "read-last", complete, Evidence.AGREED)
    onward = with_call(copied, replace(call, cursor=call.cursor + 1))
    return Outcome(GuestAction.CONTINUES, "read", onward, Evidence.AGREED)


def is_marked(exchange: VcExchange, bits: ValidBitmap) -> bool:
    """Whether the reply marks all of these valid."""
    low, high = answer(exchange, BITMAP_LOW), answer(exchange, BITMAP_HIGH)
    return (high << 64 | low) & bits == bits


def results_of(instruction: Instruction) -> ValidBitmap:
    """The registers of the reply that the instruction takes."""
    four = bit_of(GhcbField.RAX) | bit_of(GhcbField.RBX) | bit_of(GhcbField.RCX) | bit_of(GhcbField.RDX)
    double = bit_of(GhcbField.RAX) | bit_of(GhcbField.RDX)
    reads_port = all_of(instruction.kind == Kind.IN, none_of(is_string(instruction)))
    found = ite(instruction.kind == Kind.CPUID, four, 0)
    found = ite(is_one_of(instruction, Kind.RDTSC, Kind.RDPMC, Kind.RDMSR), double, found)
    found = ite(instruction.kind == Kind.RDTSCP, double | bit_of(GhcbField.RCX), found)
    return ite(any_of(reads_port, instruction.kind == Kind.VMMCALL), bit_of(GhcbField.RAX), found)


def unusable(exchange: VcExchange, instruction: Instruction) -> str | None:
    """Why a reply without error cannot be used, or None."""
    knobs = exchange.platform.knobs
    checked = all_of(
        exchange.rules.honours_bitmap, implies(instruction.kind == Kind.RDMSR, knobs.ghcb_msr_result_valid)
    )
    marked = is_marked(exchange, results_of(instruction))
    return first_of(("result-not-valid", all_of(checked, none_of(marked))))


def requested_vector(info2: Word) -> Word:
    """The vector of a well-formed request for an exception, or 0 (APM Vol. 2, 15.20)."""
    vector = info2 & EVENT_VECTOR
    kind = (info2 & EVENT_TYPE) == EventType.EXCEPTION << EVENT_TYPE_SHIFT
    formed = all_of(info2 & EVENT_VALID != 0, info2 & EVENT_RESERVED == 0, kind)
    coded = info2 & EVENT_ERROR_CODE_VALID != 0
    return ite(all_of(formed, implies(vector == Vector.UD, none_of(coded))), vector, 0)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "#VC Handler"; "Exception Injection"')
def vc_believes(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Judge the private copy of the reply."""
    # 1. It was read.
    if cause := not_at(exchange, Stage.READ):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. The answer is marked valid. Some guests do not look.
    call, knobs, rules = call_of(exchange), exchange.platform.knobs, exchange.rules
    checked = all_of(knobs.ghcb_info_valid, rules.honours_bitmap)
    if all_of(checked, none_of(is_marked(exchange, bit_of(GhcbField.SW_EXITINFO1)))):
        return terminated(exchange, "answer-not-valid")

    # 3. It is one of the two that end an exit; "malformed" and any other are errors, and are not tried again.
    whole = answer(exchange, INFO1)
    info1 = ite(knobs.ghcb_info1_full, whole, whole & LOW_32)
    if none_of(any_of(info1 == Answer.NO_ACTION, info1 == Answer.EXCEPTION)):
        return terminated(exchange, "error-answer")

    # 4. The hypervisor may ask for the exceptions that an instruction can have: #GP, or #UD without error code.
    if info1 == Answer.EXCEPTION:
        return exception(exchange, answer(exchange, INFO2))

    # 5. The registers that the instruction takes are marked valid.
    if cause := unusable(exchange, call.instruction):
        return terminated(exchange, cause)
    good = with_call(exchange, replace(call, stage=Stage.BELIEVED))
    return Outcome(GuestAction.CONTINUES, "believed", good, Evidence.AGREED)


def exception(exchange: VcExchange, info2: Word) -> Outcome:
    """What becomes of a request for an exception."""
    # 4a. It is marked valid, and of the form of EVENTINJ.
    marked = is_marked(exchange, bit_of(GhcbField.SW_EXITINFO2))
    checked = all_of(exchange.platform.knobs.ghcb_info_valid, exchange.rules.honours_bitmap)
    if all_of(checked, none_of(marked)):
        return terminated(exchange, "exception-not-valid")
    vector = requested_vector(info2)
    if vector == Vector.GP:
        return Outcome(Event.GP, "asked-for-gp", ended(exchange), Evidence.AGREED)
    if vector == Vector.UD:
        return Outcome(Event.UD, "asked-for-ud", ended(exchange), Evidence.AGREED)

    # 4b. Any other vector would run a handler that the interrupted code did not ask for.
    if exchange.rules.limits_exceptions:
        return terminated(exchange, "forged-exception")
    return Outcome(Event.VC, "forged-exception-raised", ended(exchange), Evidence.INFERRED)


@transition(actor=Actor.CAREFUL_GUEST, manual='APM Vol. 3; GHCB (56421), "#VC Handler"')
def vc_completes(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Carry the instruction out."""
    # 1. The reply is believed, or none was needed.
    if cause := not_at(exchange, Stage.BELIEVED):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. A repeated string with a count of 0 does nothing.
    instruction = effective(exchange)
    if is_empty(exchange, instruction):
        empty = replace(exchange, registers=advanced(exchange, instruction))
        return Outcome(GuestAction.CONTINUES, "nothing-to-repeat", ended(empty), Evidence.MANUAL)
    done = replace(exchange, registers=executed(exchange, instruction), memory=memory_after(exchange, instruction))

    # 3. One element of several: RIP stays, and the instruction raises #VC again.
    if none_of(is_finished(exchange, instruction)):
        return Outcome(GuestAction.CONTINUES, "one-element", ended(done), Evidence.MANUAL)
    finished = replace(done, registers=advanced(done, instruction))
    return Outcome(GuestAction.CONTINUES, "completed", ended(finished), Evidence.MANUAL)


def effective(exchange: VcExchange) -> Instruction:
    """The fetched instruction. Without the rule of one fetch it is read again, from where user code may have changed
    it.
    """
    kept = call_of(exchange).instruction
    again = exchange.contexts[exchange.depth].code
    return ite(exchange.rules.fetches_once, kept, again)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB Layout"')
def vc_restores(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Put eight bytes of the page back for the call below. The hypervisor knows them: they come from the page."""
    # 1. The nested call is over.
    if cause := not_at(exchange, Stage.RESTORING):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    call = call_of(exchange)
    restored = replace(exchange, page=exchange.page.set(call.cursor, exchange.backup[call.cursor]))

    # 2. With its last part the call below has its page again.
    if call.cursor == LAST:
        back = replace(restored, ghost=replace(exchange.ghost, sent_by=exchange.depth - 1))
        return Outcome(GuestAction.CONTINUES, "restored-last", ended(back), Evidence.AGREED)
    onward = with_call(restored, replace(call, cursor=call.cursor + 1))
    return Outcome(GuestAction.CONTINUES, "restored", onward, Evidence.AGREED)


TRANSITIONS = (vc_reads, vc_believes, vc_completes, vc_restores)
