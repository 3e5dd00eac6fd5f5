"""What a guest makes of a reply: registers that are marked valid, two exceptions, or its end.

Of a careful handler, whatever the hypervisor writes.
"""

from spec.ghcb.vocabulary.page import ValidBitmap
from spec.logic import all_of, any_of, implies, none_of
from spec.registry import Outcome, invariant
from spec.vc.cpuid import asks_hypervisor
from spec.vc.instruction import LOW_32, Kind, is_one_of, is_string
from spec.vc.levels import at, is_live
from spec.vc.receive import INFO1, INFO2
from spec.vc.request import BITMAP_HIGH, BITMAP_LOW
from spec.vc.state import Level, SavedRegister, Stage, VcExchange
from spec.vocabulary import Event, Guarantor, GuestAction

GUEST = Guarantor.GUEST
HANDLER = 'GHCB (56421), "#VC Handler"'
BIT_RAX, BIT_RBX, BIT_RCX, BIT_RDX = 1 << 63, 1 << 99, 1 << 97, 1 << 98


@invariant("GHCB-I3", guarantor=GUEST, manual=HANDLER, needs=("K-RDMSRVALID",))
def results_were_marked_valid(exchange: VcExchange, level: Level) -> bool:
    """No register of a reply is taken that the reply does not mark valid."""
    call, view = exchange.calls[level], at(exchange, level)
    low, high = (exchange.answers[SavedRegister(level, place)] for place in (BITMAP_LOW, BITMAP_HIGH))
    marked: ValidBitmap = high << 64 | low
    kind = call.instruction.kind
    asked = all_of(kind == Kind.CPUID, asks_hypervisor(view))
    two = is_one_of(call.instruction, Kind.RDTSC, Kind.RDTSCP, Kind.RDPMC, Kind.RDMSR)
    port = all_of(kind == Kind.IN, none_of(is_string(call.instruction)))
    right = all_of(
        implies(any_of(asked, two, port, kind == Kind.VMMCALL), marked & BIT_RAX != 0),
        implies(any_of(asked, two), marked & BIT_RDX != 0),
        implies(any_of(asked, kind == Kind.RDTSCP), marked & BIT_RCX != 0),
        implies(asked, marked & BIT_RBX != 0),
    )
    return implies(all_of(is_live(exchange, level), call.stage == Stage.BELIEVED), right)


@invariant("GHCB-I5", guarantor=GUEST, manual='GHCB (56421), "Exception Injection"', by=("vc_believes",))
def only_two_exceptions_are_accepted(before: VcExchange, outcome: Outcome) -> bool:
    """On the hypervisor's word the interrupted code gets #GP, or #UD without error code, and nothing else."""
    info2 = before.answers[SavedRegister(before.depth, INFO2)]
    formed = all_of(info2 >> 31 & 1 == 1, info2 >> 8 & 7 == 3, info2 >> 12 & 0x7FFFF == 0)
    vector, coded = info2 & 0xFF, info2 >> 11 & 1 == 1
    raised = none_of(
        outcome.result == GuestAction.CONTINUES,
        outcome.result == GuestAction.REFRAINS,
        outcome.result == GuestAction.TERMINATES,
    )
    return all_of(
        implies(raised, any_of(outcome.result == Event.GP, outcome.result == Event.UD)),
        implies(outcome.result == Event.GP, all_of(formed, vector == 13)),
        implies(outcome.result == Event.UD, all_of(formed, vector == 6, none_of(coded))),
    )


@invariant("GHCB-I6", guarantor=GUEST, manual='GHCB (56421), "VMGEXIT"', by=("vc_believes",))
def other_answers_end_the_guest(before: VcExchange, after: VcExchange, outcome: Outcome) -> bool:
    """After any SW_EXITINFO1 but 0 and 1 the guest terminates."""
    low = before.answers[SavedRegister(before.depth, INFO1)] & LOW_32
    judged = none_of(outcome.result == GuestAction.REFRAINS)
    return implies(all_of(judged, low > 1), after.stopped)


@invariant(
    "GHCB-I6-VALID", guarantor=GUEST, manual='GHCB (56421), "VMGEXIT"', needs=("K-INFOVALID",), by=("vc_believes",)
)
def answers_were_marked_valid(before: VcExchange, outcome: Outcome) -> bool:
    """An answer that is not marked valid is none."""
    marked = before.answers[SavedRegister(before.depth, BITMAP_HIGH)] >> INFO1 - 64 & 1 == 1
    silent = any_of(outcome.result == GuestAction.REFRAINS, outcome.result == GuestAction.TERMINATES)
    return any_of(silent, marked)


INVARIANTS = (
    results_were_marked_valid,
    only_two_exceptions_are_accepted,
    other_answers_end_the_guest,
    answers_were_marked_valid,
)
