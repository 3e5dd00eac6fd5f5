"""The graph of page states, derived: z3 is asked which steps take a page from which state to which.

A page is *named* by a step if the operands give its address, alone or as part of a 2 MiB page, or if firmware has
reached it in a list of ranges. Edges of named pages are the graph; what a step does to any other page is a second
graph. States are those of effective entries, and an edge from a state to itself is drawn only where some field of the
effective entry changes (the sub-page count of a region is bookkeeping, and does not count).
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import networkx as nx
import z3

from proofs.explore import Path, explore, run, unknown
from proofs.induction import Predicate, free_parameters, instances
from proofs.questions import Asked
from proofs.solving import MAKE_SOLVER, PROVED
from proofs.suite import Suite, Transition
from proofs.suites import RMP
from proofs.symbolic import bool_term, conjunction
from spec.everything import TRANSITIONS
from spec.firmware.command import PageAddress
from spec.firmware.gctx_create import GctxCreate
from spec.firmware.page_set_state_walk import PageSetStateWalk, page_under
from spec.firmware.page_unsmash import PageUnsmash
from spec.knobs import DEFAULT_KNOBS, Knobs
from spec.logic import all_of, any_of, iff, implies, ite, none_of, same
from spec.record import fields_of, is_record, replace
from spec.registry import operands_of, transition_info
from spec.rmp.authority import effective, head_of, is_2m, page_of
from spec.rmp.coverage import REGION_SHIFT
from spec.rmp.entry import RmpEntry
from spec.rmp.invariants import unchanged
from spec.rmp.page_state import PREDICATES, is_context
from spec.rmp.translation import Translation
from spec.system.state import System
from spec.vocabulary import TAG_SHIFT, Actor, PageSize, PageState, Pfn

STATES = (*(state for state, _ in PREDICATES), PageState.INVALID, PageState.DEFAULT)
"""A state's number is its place here."""
LAST_UNTAGGED = (1 << TAG_SHIFT) - 1
SIZED = ("page", "address", "source", "destination", "translation", "spa")
"""Operands that name a page of the size that the step's PAGE_SIZE gives, where it has one; others are of the size that
the entry has."""


class Edge(NamedTuple):
    """One edge: who, by which step, and the page's state before and after."""

    actor: Actor
    command: str
    before: PageState
    after: PageState


class StateGraph(NamedTuple):
    """Edges of the pages that steps name, and of all other pages."""

    named: "nx.MultiDiGraph[PageState]"
    others: "nx.MultiDiGraph[PageState]"


# --- what is assumed of every page, and proved of every step by `WELL_FORMED` ---


def every_page_has_a_state(system: System, page: Pfn) -> bool:
    """No effective entry is INVALID."""
    entry = effective(system.rmp, page)
    return any_of(*(holds(entry) for _, holds in PREDICATES))


def lock_follows_immutable(system: System, page: Pfn) -> bool:
    """The lock bit of an assigned page's effective entry equals Immutable."""
    entry = effective(system.rmp, page)
    return implies(entry.assigned, iff(entry.lock, entry.immutable))


def contexts_have_a_frame(system: System, page: Pfn) -> bool:
    """No guest context stands where METADATA pages cannot name it: at frame 0, their tag aside."""
    return implies(is_context(effective(system.rmp, page)), page & LAST_UNTAGGED != 0)


def contexts_are_made_elsewhere(system: System, op: Any) -> bool:  # noqa: ARG001 - an assumption has both
    """Assumed of SNP_GCTX_CREATE: the host does not put a context there. Firmware does not refuse it."""
    return op.context.page & LAST_UNTAGGED != 0 if isinstance(op, GctxCreate) else True


def default_knobs(system: System, op: Any) -> bool:  # noqa: ARG001 - an assumption has both
    """Every knob has its default."""
    return same(system.platform.knobs, DEFAULT_KNOBS)


OF_PAGES = tuple(h for h in RMP.hypotheses if [*free_parameters(h)] == ["page"])
"""Of all that may be assumed before a step, what speaks of a page; counters and guests decide no state."""
PAGE_FACTS = (every_page_has_a_state, lock_follows_immutable, contexts_have_a_frame)
WELL_FORMED = Suite(
    name="page states",
    state_type=System,
    transitions=TRANSITIONS,
    invariants=PAGE_FACTS,
    hypotheses=(*RMP.hypotheses, *PAGE_FACTS),
    assumptions=(default_knobs, contexts_are_made_elsewhere),
)
"""What the derivation assumes of every page is preserved by every step."""


# --- states and names as terms ---


def state_number(entry: RmpEntry, covered: bool) -> Any:
    """The number of the state: the first predicate that holds, in firmware's order."""
    number: Any = STATES.index(PageState.INVALID)
    for place in range(len(PREDICATES) - 1, -1, -1):
        number = ite(PREDICATES[place][1](entry), place, number)
    return ite(covered, number, STATES.index(PageState.DEFAULT))


@cache
def unknown_system(knobs: Knobs | None = DEFAULT_KNOBS) -> Any:
    """A state of which nothing is known but its knobs (None: not these either)."""
    system = unknown(System, "s")
    if knobs is None:
        return system
    return replace(system, platform=replace(system.platform, knobs=knobs))


def named_pages(op: Any) -> Iterator[tuple[Any, str, Any]]:
    """The pages whose addresses stand in the operands: the record, the field's name, and the page."""
    for field, value in zip(fields_of(type(op)), op, strict=True):
        if field.type is PageAddress:
            yield op, field.name, value.page
        elif field.type is Translation:
            yield op, field.name, page_of(value.spa)
        elif field.name == "spa":
            yield op, field.name, page_of(value)
        elif is_record(field.type):
            yield from named_pages(value)


def is_named(system: System, op: Any, page: Any) -> Any:
    """Whether the operands name the page; of a list of ranges, whether firmware has reached it."""
    if isinstance(op, PageSetStateWalk):
        return page == page_under(system.firmware.walk)
    return any_of(*(is_part(system, holder, name, first, page) for holder, name, first in named_pages(op)))


def is_part(system: System, op: Any, name: str, first: Any, page: Any) -> Any:
    """Whether the page is the one at an operand's address, or belongs to the 2 MiB page there."""
    if isinstance(op, PageUnsmash):
        large: Any = True
    elif name in SIZED and hasattr(op, "page_size"):
        large = op.page_size == PageSize.SIZE_2M
    else:
        large = is_2m(system.rmp[head_of(first)])
    return any_of(page == first, all_of(large, page >> REGION_SHIFT == first >> REGION_SHIFT))


# --- the edges ---


def edges_of(transition: Transition, system: Any) -> tuple[set[Edge], set[Edge]]:
    """The edges of one step: of named pages, and of others."""
    op = unknown(operands_of(transition), "op")
    named: set[Edge] = set()
    others: set[Edge] = set()
    for path in explore(transition, system, op):
        if path.outcome.system.rmp is not system.rmp:
            of_path = path_edges(transition, system, op, path)
            named |= of_path[0]
            others |= of_path[1]
    return named, others


def path_edges(transition: Transition, system: Any, op: Any, path: Path) -> tuple[set[Edge], set[Edge]]:
    """The edges of one path."""
    info = transition_info(transition)
    page = unknown(Pfn, "any page")
    path.context.forks = False

    def build() -> tuple[Any, ...]:
        after = path.outcome.system
        covered = system.covered[page >> REGION_SHIFT]
        entries = effective(system.rmp, page), effective(after.rmp, page)
        numbers = tuple(state_number(entry, covered) for entry in entries)
        changes = any_of(numbers[0] != numbers[1], all_of(covered, none_of(unchanged(*entries))))
        assumed = bool_term(contexts_are_made_elsewhere(system, op))
        return numbers, bool_term(is_named(system, op, page)), [assumed, bool_term(changes)]

    (before, after), name, given = run(path.context, build)
    asked = asked_of_page(path, system, op, given, page)
    found = []
    for condition in (name, z3.Not(name)):
        pairs = every_value(asked, condition, (before.z, after.z))
        found.append({Edge(info.actor, info.name, STATES[a], STATES[b]) for a, b in pairs})
    return found[0], found[1]


def asked_of_page(
    path: Path, system: Any, op: Any, given: list[z3.BoolRef], page: Any, more: tuple[Predicate, ...] = ()
) -> Asked:
    """Questions about one page on a path: what holds of every page is assumed."""
    context = path.context
    found = instances(context, system, op, (*OF_PAGES, *PAGE_FACTS, *more), hints=[(Pfn, page)])
    return Asked([*given, *context.conditions, *context.axioms], found)


def every_value(asked: Asked, condition: z3.BoolRef, terms: tuple[z3.BitVecRef, ...]) -> Iterator[tuple[int, ...]]:
    """All values that the terms can have together under a condition; when it ends, every other has been refuted."""
    while True:
        answer, model = asked.settled(condition)
        if answer == z3.unknown or (model is None and asked.confirmed(condition, PROVED) != PROVED):
            raise RuntimeError("the solver does not know whether there is another edge")
        if model is None:
            return
        values = tuple(model.eval(term, model_completion=True).as_long() for term in terms)
        yield values
        condition = z3.And(condition, z3.Not(conjunction(t == v for t, v in zip(terms, values, strict=True))))


def graph_of(edges: Iterable[Edge]) -> "nx.MultiDiGraph[PageState]":
    """Edges as a graph whose nodes are all states; an edge's key is the command."""
    graph: nx.MultiDiGraph[PageState] = nx.MultiDiGraph()
    graph.add_nodes_from(STATES)
    for edge in sorted(edges, key=lambda e: (e.command, STATES.index(e.before), STATES.index(e.after))):
        graph.add_edge(edge.before, edge.after, key=edge.command, actor=edge.actor)
    return graph


def edges_in(graph: "nx.MultiDiGraph[PageState]") -> set[Edge]:
    """The edges of a graph."""
    return {
        Edge(data["actor"], command, before, after)
        for before, after, command, data in graph.edges(keys=True, data=True)
    }


def derived(transitions: Iterable[Callable[..., Any]] = TRANSITIONS, knobs: Knobs = DEFAULT_KNOBS) -> StateGraph:
    """The graphs of these steps; the knobs have the given setting."""
    system = unknown_system(knobs)
    named: set[Edge] = set()
    others: set[Edge] = set()
    for transition in transitions:
        of_step = edges_of(transition, system)
        named |= of_step[0]
        others |= of_step[1]
    return StateGraph(graph_of(named), graph_of(others))


def page_state_graph() -> StateGraph:
    """The graph of all steps of the registry under the default knobs."""
    return graph_by(MAKE_SOLVER.get())


@cache
def graph_by(solver: Callable[[], Any]) -> StateGraph:  # noqa: ARG001 - each solver derives its own
    """The same, derived once with the solver in use."""
    return derived()
