"""A small virtual processor with restricted injection: few vectors, few events, plain values, every interleaving."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from proofs.search import Move
from spec.features import MILAN
from spec.hv import code, delivery, dispatch, entry, halting, host, loop, returning
from spec.hv.doorbell import Vector
from spec.hv.initial import started
from spec.hv.points import Point
from spec.hv.rules import CAREFUL_HANDLER, HandlerChoices, HvRules
from spec.hv.world import HvWorld, NoOperands
from spec.knobs import DEFAULT_KNOBS, Knobs
from spec.maps import Map
from spec.record import replace
from spec.registry import Outcome

LOW, HIGH = 0x21, 0x31
"""Vectors of two classes; the guest has interrupt handlers for both."""
NONE = NoOperands()
USUAL = HandlerChoices()
Step = Callable[[HvWorld, Any], Outcome]

AT: tuple[tuple[Point, Step], ...] = (
    (Point.IST_ENTRY, entry.hv_moves_frame),
    (Point.ENTRY, entry.hv_enters),
    (Point.POSTPONE_EVENTS, entry.hv_takes_events),
    (Point.POSTPONE, returning.hv_postpones),
    (Point.CLEAR, loop.hv_clears),
    (Point.CLEAR_STORE, loop.hv_stores_word),
    (Point.READ, loop.hv_reads),
    (Point.CONSUME, loop.hv_consumes),
    (Point.DISPATCH, dispatch.hv_dispatches),
    (Point.FINISH, dispatch.hv_finishes),
    (Point.EOI_TEST, dispatch.hv_tests_eoi),
    (Point.EOI, dispatch.hv_ends),
    (Point.RESUME, loop.hv_resumes_caller),
    (Point.RETURN_TEST, returning.hv_looks),
    (Point.RETURN_JUMP, returning.hv_jumps),
    (Point.RETURN_LOAD, returning.hv_reloads),
    (Point.RETURN_IRET, returning.hv_returns),
    (Point.ENABLE_TEST, returning.code_looks),
    (Point.HALT_TEST, returning.hv_looks),
    (Point.HALT_JUMP, returning.hv_jumps),
    (Point.HALT_ENABLE, halting.halt_enables),
    (Point.HALT, halting.halt_stops),
    (Point.HALT_END, halting.halt_ends),
    (Point.LEAVE_TEST, returning.hv_looks),
    (Point.LEAVE_JUMP, returning.hv_jumps),
    (Point.LEAVE_REQUEST, halting.leave_requests),
    (Point.LEAVE, halting.leave_exits),
    (Point.LEAVE_END, halting.leave_ends),
)
"""The program: the step at each point."""


def start(
    rules: HvRules = CAREFUL_HANDLER,
    choices: HandlerChoices = USUAL,
    knobs: Knobs = DEFAULT_KNOBS,
    *,
    honest: bool = True,
) -> HvWorld:
    """A task with interrupts enabled, and a page that is registered."""
    handlers: Map[Vector, bool] = Map(False)
    world = started(replace(MILAN, knobs=knobs))
    cpu = replace(world.cpu, interrupts=True, looks=False)
    return replace(
        world,
        rules=rules,
        choices=choices,
        honest=honest,
        registered=True,
        handlers=handlers.set(LOW, True).set(HIGH, True),
        cpu=cpu,
        room=40,
    )


def at(point: Point) -> Callable[[HvWorld], NoOperands | None]:
    """Where the processor has to be."""
    return lambda world: NONE if world.cpu.pc == point else None


def in_code(op: Any, *, interrupts: bool | None = None, task: bool = False) -> Callable[[HvWorld], Any]:
    """Operands of a step of ordinary code; of a task only, or with a given IF."""

    def operands(world: HvWorld) -> Any:
        cpu = world.cpu
        elsewhere = cpu.pc != Point.CODE or (task and cpu.nesting > 0)
        return None if elsewhere or interrupts not in (None, cpu.interrupts) else op

    return operands


def program() -> Iterator[Move[HvWorld]]:
    """The steps at fixed points, #HV, and the end of interrupt handlers."""
    for point, step in AT:
        yield Move(step, at(point))
    yield Move(delivery.hv_is_taken, lambda world: NONE if world.signalled else None)
    yield Move(dispatch.handler_returns, in_code(NONE, interrupts=True))


def masking() -> Iterator[Move[HvWorld]]:
    """A task disables and enables interrupts."""
    yield Move(code.code_disables, in_code(NONE, interrupts=True, task=True))
    yield Move(code.code_enables, in_code(NONE, interrupts=False, task=True))


def guards() -> Iterator[Move[HvWorld]]:
    """A task raises its TPR above the lower class, and lowers it again."""
    yield Move(code.code_raises_tpr, in_code(code.Priority(2), task=True))
    yield Move(code.code_lowers_tpr, in_code(code.Priority(0), task=True))


def waiting() -> Iterator[Move[HvWorld]]:
    """A task halts, or has another VMPL run."""
    yield Move(code.code_idles, in_code(NONE, interrupts=False, task=True))
    yield Move(code.code_leaves, in_code(NONE, interrupts=False, task=True))
    yield Move(host.host_runs_again, lambda world: NONE if world.away else None)
    yield Move(host.host_wakes, lambda world: NONE if world.halted else None)


def faulting() -> Iterator[Move[HvWorld]]:
    """A task has an exception of its own."""
    yield Move(code.code_faults, in_code(NONE, task=True))


def posting(*vectors: int, most: int = 2, nmi: bool = False) -> Iterator[Move[HvWorld]]:
    """An honest host has so many interrupts for the guest, and perhaps NMIs before the first of them."""
    for vector in vectors:
        yield Move(host.host_posts_interrupt, few(host.Interrupt(vector), most))
    if nmi:
        yield Move(host.host_posts_nmi, few(NONE, 1))
    yield Move(host.host_tells, lambda world: NONE if world.untold else None)


def few(op: Any, most: int) -> Callable[[HvWorld], Any]:
    """Operands, as long as fewer vectors have been written to the page."""
    return lambda world: op if world.events.posted < most else None


def key(world: HvWorld) -> Hashable:
    """What tells two states apart: the live part of the stacks, not what was popped."""
    places = range(1, world.depth + 1)
    stack = tuple(world.stack[place] for place in places)
    shadow = tuple(world.shadow[place] for place in range(1, world.shadow_depth + 1))
    own = world.ist if world.cpu.pc == Point.IST_ENTRY else None
    flags = (world.registered, world.signalled, world.untold, world.halted, world.away, world.stopped)
    return (world.doorbell, world.cpu, stack, shadow, own, flags, world.events)


def has_stopped(world: HvWorld) -> bool:
    """Nothing can follow."""
    return world.stopped
