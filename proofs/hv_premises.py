"""Wrong #HV handlers, each without one rule, and a shortest trace to what that breaks; what does not hold at all."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from proofs.induction import Predicate
from proofs.search import Move
from proofs.small_hv import (
    HIGH,
    LOW,
    NONE,
    faulting,
    guards,
    has_stopped,
    in_code,
    key,
    masking,
    posting,
    program,
    start,
    waiting,
)
from proofs.witnesses import Witness
from spec.hv import code, exactness, honest, host, safety
from spec.hv.no_invariants import any_host_leaves_room
from spec.hv.points import Point
from spec.hv.rules import CAREFUL_HANDLER, HandlerChoices, HvRules
from spec.hv.world import HvWorld
from spec.record import replace

OWN_STACK = HandlerChoices(uses_ist=True)


def without(rule: str) -> HvRules:
    """A handler that keeps every rule but one."""
    return replace(CAREFUL_HANDLER, **{rule: False})


def everything_honest() -> list[Move[HvWorld]]:
    """All that a task, the handler and an honest host with two interrupts do."""
    return [*program(), *masking(), *waiting(), *faulting(), *guards(), *posting(LOW, HIGH)]


def with_an_nmi() -> list[Move[HvWorld]]:
    """The same, with one interrupt and an NMI."""
    return [*program(), *masking(), *waiting(), *posting(LOW, most=1, nmi=True)]


def hostile() -> list[Move[HvWorld]]:
    """A host that injects at will."""
    return [*program(), Move(host.host_injects, lambda world: None if world.signalled else NONE)]


def computing() -> list[Move[HvWorld]]:
    """A task whose RAX happens to hold the address of HLT, and that has exceptions of its own."""
    value = in_code(code.Values(int(Point.HALT), 0), task=True)
    return [*program(), *faulting(), Move(code.code_computes, value), *posting(LOW, most=1)]


def moving() -> list[Move[HvWorld]]:
    """A scheduler that moves code to another virtual processor."""
    away = in_code(code.Destination(1), interrupts=True)
    return [*program(), Move(code.code_moves, away), *posting(LOW, most=1)]


def broken(
    statement: Predicate,
    rule: str,
    moves: Callable[[], list[Move[HvWorld]]] = everything_honest,
    choices: HandlerChoices | None = None,
    **more: Any,
) -> Witness:
    """A statement that does not hold of a handler without the rule."""
    begin = partial(start, without(rule), choices or HandlerChoices(), **more)
    words = f"without {rule}"
    return Witness(statement, words, begin, moves, key, "a task runs with interrupts enabled", is_over=has_stopped)


def of_rules() -> Iterator[Witness]:
    """Each rule of the handler, and what does not hold without it."""
    yield broken(honest.no_event_is_lost, "clears_before_reading")
    yield broken(honest.page_is_what_the_host_posted, "clears_atomically", with_an_nmi)
    yield broken(honest.halted_processor_has_nothing_waiting, "closes_halt")
    yield broken(honest.nothing_is_left_behind, "closes_leaving")
    yield broken(honest.enabled_code_leaves_nothing_waiting, "closes_return")
    yield broken(honest.enabled_code_leaves_nothing_waiting, "windows_begin_at_jump")
    yield broken(honest.halted_processor_has_nothing_waiting, "windows_begin_at_jump")
    yield broken(honest.nothing_is_left_behind, "windows_begin_at_jump")
    yield broken(honest.enabled_code_leaves_nothing_waiting, "tests_before_return")
    yield broken(honest.enabled_code_leaves_nothing_waiting, "tests_after_enabling")
    yield broken(honest.no_event_is_lost, "rechecks_after_lowering")
    yield broken(honest.enabled_code_leaves_nothing_waiting, "rechecks_after_lowering")
    yield broken(honest.halted_processor_has_nothing_waiting, "tests_deferred")
    yield broken(honest.no_event_is_lost, "keeps_flag_on_postpone")
    yield broken(safety.masked_interrupts_are_not_dispatched, "takes_over_enabled_only")
    yield broken(exactness.shadow_stack_agrees, "adjusts_shadow_stack")
    yield broken(exactness.overwritten_frames_are_not_used, "detects_overlap", hostile, OWN_STACK, honest=False)
    yield broken(safety.vectors_are_ended_where_they_were_taken, "stays_on_processor", moving)
    yield broken(exactness.frames_suit_their_code, "compares_frame", computing)


def of_nothing() -> Iterator[Witness]:
    """What no rule of the handler gives."""
    begin = partial(start, honest=False)
    yield Witness(
        any_host_leaves_room, "", begin, hostile, key, "a task runs with interrupts enabled", is_over=has_stopped
    )


OF_HANDLER_RULES = tuple(of_rules())
OF_ANY_HOST = tuple(of_nothing())
