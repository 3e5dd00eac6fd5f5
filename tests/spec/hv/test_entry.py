"""The decision table of the #HV handler's entry: what was interrupted, and where that leads."""

import pytest

from proofs.small_hv import NONE, start
from spec.hv.delivery import hv_is_taken
from spec.hv.entry import hv_enters, hv_moves_frame, hv_takes_events
from spec.hv.points import Point
from spec.hv.rules import HandlerChoices
from spec.hv.world import HvWorld, top
from spec.knobs import DEFAULT_KNOBS
from spec.record import replace
from spec.vocabulary import Event, GuestAction

CONTINUES = GuestAction.CONTINUES


def interrupted(pc: Point, interrupts: bool, world: HvWorld | None = None) -> HvWorld:
    """#HV was taken at an instruction."""
    begun = world or start()
    cpu = replace(begun.cpu, pc=int(pc), interrupts=interrupts)
    return hv_is_taken(replace(begun, cpu=cpu, signalled=True), NONE).system


ROWS = {
    "enabled code": (Point.CODE, True, "interrupts-enabled", Point.CLEAR, Point.CODE),
    "HLT": (Point.HALT, True, "interrupts-enabled", Point.CLEAR, Point.HALT_END),
    "before HLT": (Point.HALT_JUMP, False, "called-off", Point.POSTPONE_EVENTS, Point.HALT_END),
    "STI before HLT": (Point.HALT_ENABLE, False, "called-off", Point.POSTPONE_EVENTS, Point.HALT_END),
    "look before HLT": (Point.HALT_TEST, False, "interrupts-disabled", Point.POSTPONE_EVENTS, Point.HALT_TEST),
    "before VMGEXIT": (Point.LEAVE_JUMP, False, "called-off", Point.POSTPONE_EVENTS, Point.LEAVE_END),
    "VMGEXIT": (Point.LEAVE, False, "called-off", Point.POSTPONE_EVENTS, Point.LEAVE_END),
    "after VMGEXIT": (Point.LEAVE_END, False, "interrupts-disabled", Point.POSTPONE_EVENTS, Point.LEAVE_END),
    "the handler itself": (Point.ENTRY, False, "interrupts-disabled", Point.POSTPONE_EVENTS, Point.ENTRY),
    "the loop": (Point.READ, False, "interrupts-disabled", Point.POSTPONE_EVENTS, Point.READ),
    "disabled code": (Point.CODE, False, "interrupts-disabled", Point.POSTPONE_EVENTS, Point.CODE),
}


@pytest.mark.parametrize(("pc", "interrupts", "check", "goes_to", "rip"), ROWS.values(), ids=ROWS)
def test_entry_decides_by_if_and_rip(pc, interrupts, check, goes_to, rip):
    outcome = hv_enters(interrupted(pc, interrupts), NONE)
    assert (outcome.result, outcome.check) == (CONTINUES, check)
    after = outcome.system
    assert (after.cpu.pc, top(after).rip, after.shadow[after.shadow_depth]) == (goes_to, rip, rip)


@pytest.mark.parametrize("pc", [Point.RETURN_JUMP, Point.RETURN_LOAD, Point.RETURN_IRET])
def test_return_to_enabled_code_is_taken_over(pc):
    first = hv_enters(interrupted(Point.CODE, True), NONE).system
    second = interrupted(pc, False, replace(first, cpu=replace(first.cpu, rax=3, rest=4)))
    outcome = hv_enters(second, NONE)
    assert (outcome.check, outcome.system.depth, outcome.system.cpu.pc) == ("taken-over", 1, Point.CLEAR)
    saved = (3, 4) if pc is Point.RETURN_IRET else (0, 0)
    assert (top(outcome.system).rax, top(outcome.system).rest) == saved


def test_return_to_disabled_code_is_not_taken_over():
    fault = interrupted(Point.CODE, False)
    outcome = hv_enters(interrupted(Point.RETURN_LOAD, False, fault), NONE)
    assert (outcome.check, outcome.system.depth) == ("interrupts-disabled", 2)


def test_entry_without_a_page_returns_at_once():
    world = interrupted(Point.CODE, True, replace(start(), registered=False))
    outcome = hv_enters(world, NONE)
    assert (outcome.check, outcome.system.cpu.pc, outcome.system.doorbell) == (
        "no-doorbell",
        Point.POSTPONE,
        world.doorbell,
    )


def test_postponed_work_leaves_nmi_to_later_by_the_other_answer():
    knobs = replace(DEFAULT_KNOBS, nmi_despite_disabled=False)
    outcome = hv_enters(interrupted(Point.CODE, False, start(knobs=knobs)), NONE)
    assert outcome.system.cpu.pc == Point.POSTPONE


def test_nmi_is_taken_and_no_further_signal_stays():
    entered = hv_enters(interrupted(Point.CODE, False), NONE).system
    page = replace(entered.doorbell, nmi=True, no_further_signal=True, vector=0x31)
    after = hv_takes_events(replace(entered, doorbell=page), NONE).system
    assert after.doorbell == replace(page, nmi=False)


def test_second_hv_on_the_same_stack_of_its_own_stops_the_guest():
    once = interrupted(Point.CODE, True, start(choices=HandlerChoices(uses_ist=True)))
    assert once.cpu.pc == Point.IST_ENTRY
    twice = hv_is_taken(replace(once, signalled=True), NONE).system
    outcome = hv_moves_frame(twice, NONE)
    assert (outcome.result, outcome.check) == (GuestAction.TERMINATES, "stack-overlap")
    assert hv_moves_frame(once, NONE).check == "frame-moved"


def test_full_stack_stops_the_guest():
    full = replace(start(), room=0, signalled=True)
    outcome = hv_is_taken(full, NONE)
    assert (outcome.result, outcome.check, outcome.system.stopped) == (Event.DF, "guard-page", True)


def test_no_hv_is_taken_while_another_vmpl_runs():
    away = replace(start(), away=True, signalled=True)
    outcome = hv_is_taken(away, NONE)
    assert (outcome.check, outcome.system) == ("no-event", away)


def test_elsewhere_nothing_happens():
    world = start()
    outcome = hv_enters(world, NONE)
    assert (outcome.result, outcome.check, outcome.system) == (GuestAction.REFRAINS, "elsewhere", world)
