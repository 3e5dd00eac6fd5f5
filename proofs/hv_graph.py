"""T6 on bounded instances: the whole graph of states of a small guest and an honest host, by plain runs alone.

It shares no code with the solver. An event can wait for ever on a cycle of states in all of which it stands in the
page, where nothing follows, and where a task or another VMPL runs for ever. If it is not masked there, it is lost.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

import networkx as nx

from proofs.induction import Predicate, is_state_invariant
from proofs.obligations import Verdict
from proofs.search import Move, steps
from proofs.small_hv import HIGH, LOW, USUAL, faulting, guards, key, masking, posting, program, start, waiting
from proofs.solving import FAILED, PROVED
from proofs.witnesses import fails_in, fails_of
from spec.hv.doorbell import is_due
from spec.hv.honest import (
    enabled_code_leaves_nothing_waiting,
    halted_processor_has_nothing_waiting,
    no_event_is_lost,
    nothing_is_left_behind,
    page_is_what_the_host_posted,
)
from spec.hv.points import Point
from spec.hv.rules import CAREFUL_HANDLER, HandlerChoices, HvRules
from spec.hv.safety import masked_interrupts_are_not_dispatched
from spec.hv.world import HvWorld, in_flight
from spec.knobs import DEFAULT_KNOBS, Knobs
from spec.record import replace
from spec.registry import invariant_info

STATEMENTS: tuple[Predicate, ...] = (
    masked_interrupts_are_not_dispatched,
    no_event_is_lost,
    page_is_what_the_host_posted,
    enabled_code_leaves_nothing_waiting,
    halted_processor_has_nothing_waiting,
    nothing_is_left_behind,
)
"""What the variants of a handler are told apart by."""
LOST = "lost for ever"


@dataclass
class StateGraph:
    """States by number, steps between them, and which statements are false somewhere."""

    states: list[HvWorld] = field(default_factory=list)
    graph: "nx.DiGraph[int]" = field(default_factory=nx.DiGraph)
    broken: set[str] = field(default_factory=set)


def whole(first: HvWorld, moves: Iterable[Move[HvWorld]], statements: Iterable[Predicate] = STATEMENTS) -> StateGraph:
    """Every state that can be reached, with every step."""
    known, found = list(moves), StateGraph([first])
    of_states = [s for s in statements if is_state_invariant(s)]
    of_steps = [s for s in statements if not is_state_invariant(s)]
    number: dict[Hashable, int] = {key(first): 0}
    found.graph.add_node(0)
    for at, state in enumerate(found.states):
        found.broken |= {invariant_info(s).identifier for s in of_states if fails_in(s, state)}
        if state.stopped:
            continue
        for taken in steps(state, known):
            after = taken.outcome.system
            if after is state:
                continue
            found.broken |= {invariant_info(s).identifier for s in of_steps if fails_of(s, state, taken)}
            mark = key(after)
            if mark not in number:
                number[mark] = len(found.states)
                found.states.append(after)
            found.graph.add_edge(at, number[mark])
    return found


def is_enabled(world: HvWorld) -> bool:
    """Nothing of the guest's keeps a #HV from being worked on, and none is on its way."""
    enabled = world.halted or world.away or (world.cpu.pc == Point.CODE and world.cpu.interrupts)
    return enabled and not in_flight(world)


def has_due_vector(world: HvWorld) -> bool:
    """A vector stands in the page, and the TPR does not mask it."""
    return is_due(world.doorbell.vector, world.cpu.tpr)


EVENTS: tuple[tuple[Callable[[HvWorld], bool], Callable[[HvWorld], bool]], ...] = (
    (lambda world: world.doorbell.vector != 0, has_due_vector),
    (lambda world: world.doorbell.nmi, lambda world: world.doorbell.nmi),
)
"""That an event is there, and that it is not masked."""


def lost(found: StateGraph) -> list[HvWorld]:
    """The states in which an event that is not masked can wait for ever.

    That is: where nothing follows, where it may stay, or on a cycle of states in all of which the event is there.
    """
    return [found.states[number] for is_there, due in EVENTS for number in waiting_for_ever(found, is_there, due)]


def may_stay(world: HvWorld) -> bool:
    """A task computes, or another VMPL runs, and nobody says that it ends."""
    return world.away or world.cpu.pc == Point.CODE


def waiting_for_ever(
    found: StateGraph, is_there: Callable[[HvWorld], bool], due: Callable[[HvWorld], bool]
) -> Iterator[int]:
    """The states in which one kind of event can wait for ever."""
    there = found.graph.subgraph([n for n, state in enumerate(found.states) if is_there(state)])
    for component in nx.strongly_connected_components(there):
        for number in component:
            stays = may_stay(found.states[number]) or found.graph.out_degree(number) == 0
            if (stays or len(component) > 1) and due(found.states[number]) and is_enabled(found.states[number]):
                yield number


def instance(
    rules: HvRules = CAREFUL_HANDLER,
    choices: HandlerChoices = USUAL,
    knobs: Knobs = DEFAULT_KNOBS,
    *,
    guarded: bool = True,
) -> StateGraph:
    """Two interrupts of two classes and NMIs; a task that masks, halts, leaves, has exceptions, and takes guards."""
    moves = [*program(), *masking(), *waiting(), *faulting(), *posting(LOW, HIGH, nmi=True)]
    return whole(start(rules, choices, knobs), [*moves, *guards()] if guarded else moves)


def found_in(graph: StateGraph) -> frozenset[str]:
    """The identifiers of what is false somewhere, and whether an event is lost."""
    return frozenset(graph.broken | ({LOST} if lost(graph) else set()))


INSTANCES: tuple[tuple[str, Callable[[], StateGraph]], ...] = (
    ("usual handler", instance),
    ("windows tested before IF", lambda: instance(choices=HandlerChoices(tests_windows_first=True))),
    ("#HV has a stack of its own", lambda: instance(choices=HandlerChoices(uses_ist=True))),
    ("K-HV-POST otherwise", lambda: instance(knobs=replace(DEFAULT_KNOBS, hv_posted_in_one_step=False))),
    ("K-HV-REPLACE otherwise", lambda: instance(knobs=replace(DEFAULT_KNOBS, hv_replaces_lower=True))),
)
"""Whatever a careful handler and an honest host may choose."""


def prove_graphs() -> list[Verdict]:
    """The obligations of T6 on bounded instances: nothing is broken, and no event is lost."""
    return [verdict(name, make) for name, make in INSTANCES]


def verdict(name: str, make: Callable[[], StateGraph]) -> Verdict:
    """One instance."""
    begun = perf_counter()
    wrong = ", ".join(sorted(found_in(make())))
    return Verdict(f"state graph: {name}", "T6", FAILED if wrong else PROVED, perf_counter() - begun, wrong)
