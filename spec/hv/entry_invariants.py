"""What the entry of the handler and its loop do of themselves: with NMI, with spurious #HV, without a page."""

from spec.hv.entry import SOURCE
from spec.hv.points import Point, in_entry
from spec.hv.world import HvWorld, top
from spec.logic import all_of, any_of, implies, none_of, same
from spec.record import replace
from spec.registry import Outcome, invariant
from spec.vocabulary import Guarantor, GuestAction

GUEST = Guarantor.GUEST


@invariant("HV-H8", guarantor=GUEST, manual=SOURCE, by=("hv_takes_events", "hv_clears"))
def nmi_and_machine_check_are_acted_on(before: HvWorld, outcome: Outcome) -> bool:
    """Where NMI and #MC are taken from the page, they are acted on, and none is left."""
    after: HvWorld = outcome.system
    left = any_of(after.doorbell.nmi, after.doorbell.machine_check)
    owed = any_of(
        all_of(before.doorbell.nmi, after.events.owed_nmi),
        all_of(before.doorbell.machine_check, after.events.owed_machine_check),
    )
    return implies(outcome.result == GuestAction.CONTINUES, none_of(left, owed))


@invariant("HV-H8-ENTRY", guarantor=GUEST, manual=SOURCE, needs=("K-NMI-IF0",), by=("hv_enters",))
def no_entry_passes_nmi_by(before: HvWorld, outcome: Outcome) -> bool:
    """Every #HV takes NMI and #MC from the page, whatever the interrupted IF: in the loop, or before it returns."""
    after: HvWorld = outcome.system
    takes = any_of(after.cpu.pc == Point.CLEAR, after.cpu.pc == Point.POSTPONE_EVENTS)
    return implies(all_of(before.registered, outcome.result == GuestAction.CONTINUES), takes)


@invariant("HV-H20", guarantor=GUEST, manual=SOURCE, by=("hv_reads",))
def spurious_signals_do_nothing(before: HvWorld, outcome: Outcome) -> bool:
    """A #HV without a vector ends the loop, and nothing else is changed by it."""
    after: HvWorld = outcome.system
    cpu = replace(before.cpu, pc=after.cpu.pc, looks=after.cpu.looks)
    ends = all_of(none_of(after.cpu.pc == Point.CONSUME), same(after.cpu, cpu), same(after.doorbell, before.doorbell))
    return implies(all_of(outcome.result == GuestAction.CONTINUES, before.doorbell.vector == 0), ends)


@invariant("HV-H22", guarantor=GUEST, manual=SOURCE, by=("hv_enters",))
def no_page_is_read_before_registration(before: HvWorld, outcome: Outcome) -> bool:
    """Before there is a page, a #HV returns at once to where it came from."""
    after: HvWorld = outcome.system
    returns = all_of(after.cpu.pc == Point.POSTPONE, top(after).rip == top(before).rip)
    return implies(all_of(outcome.result == GuestAction.CONTINUES, none_of(before.registered)), returns)


@invariant("HV-H24", guarantor=GUEST, manual=SOURCE, by=("hv_enters",))
def enabled_code_is_redirected_at_hlt_only(before: HvWorld, outcome: Outcome) -> bool:
    """Of code with interrupts enabled the handler changes RIP at HLT alone, and to the instruction after it."""
    after: HvWorld = outcome.system
    changed = all_of(after.depth == before.depth, none_of(top(after).rip == top(before).rip))
    at_hlt = all_of(top(before).rip == Point.HALT, top(after).rip == Point.HALT_END)
    enabled = all_of(top(before).context.interrupts, in_entry(before.cpu.pc))
    return implies(all_of(enabled, changed, outcome.result == GuestAction.CONTINUES), at_hlt)


INVARIANTS = (
    nmi_and_machine_check_are_acted_on,
    no_entry_passes_nmi_by,
    spurious_signals_do_nothing,
    no_page_is_read_before_registration,
    enabled_code_is_redirected_at_hlt_only,
)
