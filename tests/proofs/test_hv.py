"""Every rule of a #HV handler is for something, the harmless variants are harmless, and wrong claims of it fail."""

import pytest

from proofs import obligations
from proofs.event_suites import HV
from proofs.hv_graph import INSTANCES, LOST, found_in, instance, lost
from proofs.hv_premises import OF_ANY_HOST, OF_HANDLER_RULES, everything_honest, without
from proofs.search import search
from proofs.small_hv import has_stopped, key, start
from proofs.solving import FAILED, PROVED
from proofs.suite import Suite
from proofs.witnesses import fails_of, shown
from spec.everything import HV_NO_INVARIANTS
from spec.hv import entry, exactness, honest, loop, returning, safety
from spec.hv.code import code_lowers_tpr, code_moves
from spec.hv.delivery import hv_is_taken
from spec.hv.dispatch import hv_dispatches
from spec.hv.host import host_injects
from spec.hv.points import Point
from spec.hv.progress import on_its_way, rank
from spec.hv.rules import CAREFUL_HANDLER, HandlerChoices, HvRules
from spec.hv.world import HvWorld
from spec.knobs import DEFAULT_KNOBS
from spec.logic import all_of, any_of, implies
from spec.record import fields_of, replace
from spec.registry import Outcome, invariant
from spec.vocabulary import Event, Guarantor, GuestAction

RULES = [field.name for field in fields_of(HvRules)]


@pytest.mark.parametrize("witness", OF_HANDLER_RULES, ids=lambda w: w.name)
def test_without_the_rule_a_shortest_trace_breaks_the_statement(witness):
    dropped = [rule for rule in RULES if not getattr(witness.start().rules, rule)]
    assert witness.without == f"without {dropped[0]}"
    assert len(dropped) == 1
    assert shown(witness).trace


def test_every_rule_has_a_trace():
    assert {w.without.removeprefix("without ") for w in OF_HANDLER_RULES} == set(RULES)


@pytest.mark.parametrize("witness", OF_ANY_HOST, ids=lambda w: w.name)
def test_what_is_no_invariant_fails_of_a_careful_handler(witness):
    assert witness.start().rules == CAREFUL_HANDLER
    assert shown(witness).trace


def test_everything_that_is_no_invariant_is_looked_for():
    assert {w.statement for w in OF_ANY_HOST} == set(HV_NO_INVARIANTS)


# --- the verdicts on a program that tests NoFurtherSignal alone before HLT and VMGEXIT, and takes no guards ---

VARIANTS = {
    "clears_before_reading": {"HV-H10", "HV-H11", "HV-H11-HALT", "HV-H11-LEAVE"},
    "clears_atomically": {"HV-H10-PAGE"},
    "closes_halt": {"HV-H11", "HV-H11-HALT"},
    "closes_leaving": {"HV-H11-LEAVE"},
    "closes_return": {"HV-H11"},
    "windows_begin_at_jump": {"HV-H11", "HV-H11-HALT", "HV-H11-LEAVE"},
    "tests_before_return": {"HV-H11"},
    "tests_after_enabling": {"HV-H11"},
    "keeps_flag_on_postpone": {"HV-H10", "HV-H11", "HV-H11-HALT"},
    "takes_over_enabled_only": {"HV-H7"},
}


@pytest.mark.parametrize("rule", VARIANTS)
def test_variant_of_the_usual_program_breaks_what_is_known_to_break(rule):
    graph = instance(replace(without(rule), tests_deferred=False), guarded=False)
    found = found_in(graph)
    assert found >= VARIANTS[rule]
    assert (LOST in found) == any(name.startswith("HV-H11") for name in found)


def test_usual_program_without_guards_breaks_nothing():
    assert found_in(instance(without("tests_deferred"), guarded=False)) == set()


def test_guard_dropped_without_a_look_loses_the_event():
    found = found_in(instance(replace(without("rechecks_after_lowering"), tests_deferred=False)))
    assert found >= {"HV-H10", "HV-H11", "HV-H11-HALT", LOST}


@pytest.mark.parametrize(("name", "make"), INSTANCES, ids=[name for name, _ in INSTANCES])
def test_careful_handler_loses_nothing_in_any_instance(name, make):
    graph = make()
    assert found_in(graph) == set()
    assert any(state.events.taken == 2 for state in graph.states)
    assert any(state.halted for state in graph.states)
    assert any(state.away for state in graph.states)


def test_windows_that_are_tested_before_if_are_harmless():
    rules = without("tests_deferred")
    graph = instance(rules, HandlerChoices(tests_windows_first=True), guarded=False)
    assert found_in(graph) == set()
    called_off = (s for s in graph.states if s.cpu.pc == Point.HALT_END and s.cpu.interrupts and not s.halted)
    assert any(state.doorbell.no_further_signal for state in called_off)


def test_host_that_wakes_for_what_is_pending_makes_the_window_of_hlt_optional():
    knobs = replace(DEFAULT_KNOBS, hv_wakes_for_new_only=False)
    assert LOST in found_in(instance(without("closes_halt")))
    assert lost(instance(without("closes_halt"), knobs=knobs)) == []


@pytest.mark.parametrize(("delivers", "broken"), [(True, False), (False, True)])
def test_late_host_has_to_deliver_before_it_runs_another_vmpl(delivers, broken):
    knobs = replace(DEFAULT_KNOBS, hv_before_next_instruction=False, run_vmpl_delivers_hv=delivers)
    found = search(
        start(knobs=knobs),
        everything_honest(),
        key,
        lambda _: False,
        has_stopped,
        is_bad_step=lambda before, taken: fails_of(honest.nothing_is_left_behind, before, taken),
    )
    assert bool(found.trace) == broken


# --- wrong claims ---


def status(transition, claimed, *, suite=HV):
    """What becomes of a claim about one transition, if everything else is assumed before."""
    narrowed = Suite("hv", HvWorld, (transition,), (claimed,), suite.hypotheses, suite.assumptions, suite.hints)
    verdicts = obligations.prove_transition(narrowed, transition)
    return next(v.status for v in verdicts if v.claim == claimed.__name__)


@pytest.mark.parametrize(
    ("transition", "claimed"),
    [
        (loop.hv_clears, honest.no_event_is_lost),
        (loop.hv_stores_word, honest.page_is_what_the_host_posted),
        (returning.hv_postpones, exactness.nothing_returns_into_a_window),
        (returning.hv_returns, honest.enabled_code_leaves_nothing_waiting),
        (entry.hv_enters, safety.loop_runs_for_enabled_code),
        (entry.hv_enters, exactness.shadow_stack_agrees),
        (entry.hv_enters, exactness.frames_suit_their_code),
        (entry.hv_moves_frame, exactness.overwritten_frames_are_not_used),
        (code_lowers_tpr, honest.enabled_code_leaves_nothing_waiting),
        (code_moves, safety.vectors_are_ended_where_they_were_taken),
    ],
    ids=lambda value: value.__name__,
)
def test_claim_of_any_handler_fails(transition, claimed):
    assert status(transition, claimed) == FAILED


def test_claim_of_any_host_fails():
    @invariant("TEST", guarantor=Guarantor.NOBODY, manual="nowhere")
    def nothing_is_lost(world: HvWorld) -> bool:
        return honest.no_event_is_lost(replace(world, honest=True))

    assert status(host_injects, nothing_is_lost) == PROVED
    assert status(loop.hv_clears, nothing_is_lost) == FAILED


def claim(by):
    def attach(function):
        return invariant("TEST", guarantor=Guarantor.NOBODY, manual="nowhere", by=by)(function)

    return attach


def test_rank_that_stays_is_not_enough():
    @claim(("hv_reads", "hv_is_taken"))
    def falls_by_two(before: HvWorld, outcome: Outcome) -> bool:
        after: HvWorld = outcome.system
        runs = any_of(outcome.result == GuestAction.CONTINUES, outcome.result == Event.HV)
        return implies(all_of(on_its_way(before), runs), rank(after) + 1 < rank(before))

    assert status(hv_is_taken, falls_by_two) == FAILED


def test_one_interrupt_handler_less_is_too_few():
    @claim(("hv_dispatches",))
    def fourteen(after: HvWorld) -> bool:
        return after.cpu.nesting < 15

    assert status(hv_dispatches, fourteen) == FAILED
