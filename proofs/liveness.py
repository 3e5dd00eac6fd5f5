"""T9: every page that the host donated can be returned to it, by a finite sequence of host and firmware steps.

The derived graph of page states gives the ranking: from each state with an exit one command, chosen here, leads to a
state nearer to HYPERVISOR. That the command is accepted, and leads there, is proved for every system that satisfies the
invariants: the host needs nobody's consent. The guest's context need not even be decommissioned first.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import z3

from proofs.explore import Path, explore, run, unknown
from proofs.obligations import Verdict
from proofs.page_state_graph import (
    STATES,
    StateGraph,
    asked_of_page,
    edges_in,
    page_state_graph,
    state_number,
    unknown_system,
)
from proofs.solving import FAILED, MAKE_SOLVER, PROVED, UNKNOWN
from proofs.suite import Transition
from proofs.symbolic import SymBits, SymBool, bool_term
from proofs.templates import nothing
from spec.everything import TRANSITIONS
from spec.firmware.command import PageAddress
from spec.firmware.decommission import Decommission, decommission
from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.logic import all_of, implies, ite, none_of
from spec.record import fields_of, is_record, replace
from spec.registry import Outcome, operands_of, transition_info
from spec.rmp.authority import effective, head_of, is_2m
from spec.rmp.coverage import REGION_SHIFT
from spec.rmp.cpu import HOST_CPU
from spec.rmp.page_state import is_firmware
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.system.state import System
from spec.vocabulary import PAGE_SHIFT, Actor, Eax, PageSize, PageState, Pfn, PlatformState, Status

REBUILDS = ("snp_init", "snp_init_ex")
"""Steps that build the table anew: no way to return one page."""
AFTER_SHUTDOWN = ("iommu_page_release",)
"""Steps that exist only after SNP_SHUTDOWN_EX gave the RMP up."""
WITHOUT_EXIT = frozenset({PageState.HV_FIXED, PageState.FIRMWARE_IOMMU, PageState.INVALID})
"""Documented: HV_FIXED until the next SNP_INIT, an IOMMU's buffers until SNP_SHUTDOWN_EX; no page is INVALID. The RMP's
own pages are FIRMWARE and without exit, too: see `rmp_pages_stay`."""
NOT_DONATED = frozenset({PageState.DEFAULT})


# --- the commands that return pages, with their operands ---


class Place(NamedTuple):
    """Where the entry stands that speaks for a page, and its size."""

    page: Any
    size: Any


def place_of(system: System, page: Any) -> Place:
    """The head of a 2 MiB page, or the page itself."""
    large = is_2m(system.rmp[head_of(page)])
    return Place(ite(large, head_of(page), page), ite(large, PageSize.SIZE_2M, PageSize.SIZE_4K))


def address(place: Place) -> PageAddress:
    """A page that the host may name to the firmware."""
    return PageAddress(place.page << PAGE_SHIFT, in_rmp=False, forbidden=False)


def taking_back(place: Place) -> RmpUpdate:
    """RMPUPDATE with ASSIGNED=0."""
    plain: RmpUpdate = nothing(RmpUpdate)
    return replace(plain, cpu=HOST_CPU, spa=place.page << PAGE_SHIFT, page_size=place.size)


WAYS: dict[str, tuple[Transition, Callable[[Place], Any]]] = {
    "rmpupdate": (rmpupdate, taking_back),
    "page_reclaim": (page_reclaim, lambda place: PageReclaim(address(place), place.size, reserved=False)),
    "decommission": (decommission, lambda place: Decommission(address(place))),
}


# --- the ranking ---


class Way(NamedTuple):
    """What to do with a page in a state: the command, and the state that follows."""

    state: PageState
    command: str
    after: PageState


def ways_out(graph: StateGraph) -> list[Way]:
    """The first step of a shortest way to HYPERVISOR by the commands of `WAYS`, for each state; nearest first."""
    edges = [e for e in edges_in(graph.named) if e.command in WAYS and e.before is not e.after]
    rank = {PageState.HYPERVISOR: 0}
    ways: list[Way] = []
    for distance in range(1, len(STATES)):
        for state in STATES:
            steps = [e for e in edges if e.before is state and rank.get(e.after) == distance - 1]
            if state not in rank and steps:
                ways.append(Way(state, steps[0].command, steps[0].after))
        rank |= {way.state: distance for way in ways if way.state not in rank}
    return ways


def states_without_exit(graph: StateGraph, without: Iterable[str] = (*REBUILDS, *AFTER_SHUTDOWN)) -> set[PageState]:
    """The states from which no host and firmware steps lead to HYPERVISOR."""
    left_out = set(without)
    edges = [e for e in edges_in(graph.named) if e.actor is not Actor.GUEST and e.command not in left_out]
    returned = {PageState.HYPERVISOR}
    while new := {e.before for e in edges if e.after in returned} - returned:
        returned |= new
    return set(STATES) - returned - NOT_DONATED


# --- one step of the way ---


def idle(page: Any) -> Callable[..., bool]:
    """No virtual processor runs on the page: VMRUN holds neither it nor, of a 2 MiB page, any other part."""

    def nothing_is_held(system: System, page: Pfn) -> bool:
        here, there = place_of(system, page), place_of(system, given)
        return implies(here.page == there.page, none_of(system.in_use[page]))

    given = page
    return nothing_is_held


def accepted(outcome: Outcome) -> bool:
    """The step was done."""
    return outcome.result in (Eax.SUCCESS, Status.SUCCESS)


def prove_way(way: Way) -> Verdict:
    """From every system with the page in this state, of either size, the command is accepted and leads on."""
    begun = perf_counter()
    transition, operands = WAYS[way.command]
    system, page = unknown_system(), unknown(Pfn, "any page")
    statuses, refused = [], ""
    reached: set[PageSize] = set()
    for path in explore(lambda s, op: transition(s, operands(place_of(s, op))), system, page):
        given, claim, large = conditions(way, system, page, path)
        asked = asked_of_page(path, system, (), [given], page, (idle(page),))
        if accepted(path.outcome):
            sizes = {PageSize.SIZE_2M: large, PageSize.SIZE_4K: z3.Not(large)}
            reached |= {size for size, condition in sizes.items() if asked.answer(condition) == FAILED}
            status = asked.answer(z3.Not(claim))
        else:
            status = asked.answer(z3.BoolVal(True))
        statuses.append(status)
        refused = refused if status == PROVED else path.outcome.check
    if reached != set(PageSize):
        statuses.append(FAILED)
    name = f"T9:{way.state.value}-becomes-{way.after.value}"
    return Verdict(way.command, name, worst(statuses), perf_counter() - begun, refused)


def conditions(way: Way, system: Any, page: Any, path: Path) -> tuple[z3.BoolRef, z3.BoolRef, z3.BoolRef]:
    """What is given on a path, what has to hold after it, and whether the page is part of a 2 MiB page."""
    path.context.forks = False

    def build() -> tuple[z3.BoolRef, z3.BoolRef, z3.BoolRef]:
        after, covered = path.outcome.system, system.covered[page >> REGION_SHIFT]
        given = all_of(
            state_number(effective(system.rmp, page), covered) == STATES.index(way.state),
            system.platform.features.snp_enabled,
            system.firmware.state == PlatformState.INIT,
        )
        claim = all_of(
            state_number(effective(after.rmp, page), covered) == STATES.index(way.after),
            after.firmware.state == PlatformState.INIT,
            after.in_use is system.in_use,
            after.covered is system.covered,
            after.platform is system.platform,
        )
        return bool_term(given), bool_term(claim), bool_term(is_2m(system.rmp[head_of(page)]))

    built: tuple[z3.BoolRef, z3.BoolRef, z3.BoolRef] = run(path.context, build)
    return built


def worst(statuses: Iterable[str]) -> str:
    """Failed before unknown before proved."""
    found = set(statuses)
    return FAILED if FAILED in found else UNKNOWN if UNKNOWN in found else PROVED


# --- the RMP's own pages ---


def is_rmp_page(page: Any) -> Any:
    """Whether the page is part of the RMP: anywhere, but always the same pages."""
    term = SymBits(page.z, page.width) if isinstance(page, SymBits) else page
    return SymBool(z3.Function("is-rmp-page", z3.BitVecSort(40), z3.BoolSort())(term.widened(40)))


def truthful(op: Any) -> Iterator[Any]:
    """What the operands say of the memory map is true, of the pages that they name."""
    for field, value in zip(fields_of(type(op)), op, strict=True):
        if field.type is PageAddress:
            yield value.in_rmp == is_rmp_page(value.page)
        elif is_record(field.type):
            yield from truthful(value)


def rmp_pages_stay(transition: Transition) -> Verdict:
    """No step changes the state of the RMP's own pages: each has a 4 KiB entry of its own, in FIRMWARE."""
    begun = perf_counter()
    system, page = unknown_system(), unknown(Pfn, "any page")
    op = unknown(operands_of(transition), "op")
    statuses, changed = [], ""
    for path in explore(transition, system, op):
        if path.outcome.system.rmp is system.rmp:
            continue
        path.context.forks = False

        def build(path: Path = path) -> tuple[z3.BoolRef, z3.BoolRef]:
            after = path.outcome.system.rmp
            small = none_of(is_2m(system.rmp[head_of(page)]))
            known = system.firmware.walk.rmp_pages[page]  # as SNP_PAGE_SET_STATE took it from its operands
            given = all_of(is_rmp_page(page), known, small, is_firmware(system.rmp[page]), *truthful(op))
            return bool_term(given), z3.Not(bool_term(is_firmware(effective(after, page))))

        given, left = run(path.context, build)
        statuses.append(asked_of_page(path, system, op, [given], page).answer(left))
        changed = changed if statuses[-1] == PROVED else path.outcome.check
    name = transition_info(transition).name
    return Verdict(name, "T9:rmp-pages-stay", worst(statuses), perf_counter() - begun, changed)


# --- the theorem ---


def of_graph(claim: str, broken: Iterable[str]) -> Verdict:
    """A claim about the derived graph; what breaks it is named."""
    names = ", ".join(sorted(broken))
    return Verdict("page states", f"T9:{claim}", FAILED if names else PROVED, 0.0, names)


def graph_verdicts(graph: StateGraph) -> list[Verdict]:
    """What the graph itself shows."""
    stuck, ranked = states_without_exit(graph), {way.state for way in ways_out(graph)} | {PageState.HYPERVISOR}
    given = set(STATES) - NOT_DONATED - WITHOUT_EXIT
    by_guest = [e for e in edges_in(graph.named) if e.actor is Actor.GUEST]
    return [
        of_graph("only-documented-states-have-no-exit", (s.value for s in stuck ^ WITHOUT_EXIT)),
        of_graph("every-other-state-has-a-way", (s.value for s in given ^ ranked)),
        of_graph(
            "no-guest-step-leads-to-a-state-without-exit",
            (f"{e.command}: {e.after.value}" for e in by_guest if e.after not in ranked),
        ),
        of_graph(
            "iommu-pages-return-after-shutdown",
            (s.value for s in states_without_exit(graph, REBUILDS) & {PageState.FIRMWARE_IOMMU}),
        ),
    ]


@cache
def steps_verdicts(ways: tuple[Way, ...], solver: Callable[[], Any]) -> tuple[Verdict, ...]:  # noqa: ARG001 - told apart
    """Each command of the ways is accepted, says this solver."""
    return tuple(prove_way(way) for way in ways)


def prove_liveness(graph: StateGraph | None = None) -> list[Verdict]:
    """Every obligation of T9."""
    graph = page_state_graph() if graph is None else graph
    touching = {edge.command for part in graph for edge in edges_in(part)} - set(REBUILDS)
    own = [rmp_pages_stay(t) for t in TRANSITIONS if transition_info(t).name in touching]
    return [*graph_verdicts(graph), *steps_verdicts(tuple(ways_out(graph)), MAKE_SOLVER.get()), *own]
