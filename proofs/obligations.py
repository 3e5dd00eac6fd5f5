"""The obligations of a transition: it preserves every invariant, its numbers fit, each of its checks can decide."""

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import z3

from proofs.context import Context
from proofs.explore import Path, explore, run, unknown
from proofs.induction import ROUNDS, Claim, Predicate, claim, facts_for, is_about_outcomes, is_state_invariant
from proofs.symbolic import bool_term, conjunction
from spec.registry import Outcome, invariant_info, operands_of, transition_info

Transition = Callable[..., Outcome]
Assumption = Callable[[Any, Any], Any]
"""A predicate of state and operands that is assumed of every step, by name."""
Hint = Callable[[Any, Any, dict[str, Any]], Iterable[tuple[Any, Any]]]
"""From state, operands and a claim's arbitrary values: (type, value) pairs at which hypotheses are worth using."""

PROVED, FAILED, UNKNOWN = "proved", "failed", "unknown"
REDUNDANT = "outside the invariants only"
"""A check that decides in some state, but in none that satisfies the invariants and assumptions."""
ORDER = (REDUNDANT, UNKNOWN, PROVED)
"""Of several paths to one check the best counts."""
TIMEOUT_MS = 60_000


@dataclass(frozen=True)
class Verdict:
    """What became of one obligation."""

    transition: str
    claim: str
    status: str
    seconds: float
    path: str = ""
    """The check at which the path ends, where the obligation fails."""


@dataclass(frozen=True)
class Suite:
    """What is proved together: a kind of state, steps, invariants to preserve, and what is assumed."""

    name: str
    state_type: Any
    transitions: tuple[Transition, ...]
    invariants: tuple[Predicate, ...]
    hypotheses: tuple[Predicate, ...]
    """What may be assumed before a step at any values: state invariants, and premises of the operands alone."""
    assumptions: tuple[Assumption, ...] = ()
    hints: tuple[Hint, ...] = ()


@dataclass
class Query:
    """One question to a solver: the facts, and claims that must follow."""

    path: Path
    facts: list[z3.BoolRef]
    claims: list[Claim]
    solver: z3.Solver = field(repr=False)


def z3_solver() -> z3.Solver:
    """A z3 solver for uninterpreted functions over bit vectors; a time-out is a failure."""
    solver = z3.SolverFor("QF_UFBV")
    solver.set("timeout", TIMEOUT_MS)
    return solver


MAKE_SOLVER: ContextVar[Callable[[], Any]] = ContextVar("solver", default=z3_solver)
"""What answers the queries; `proofs/solvers.py` has others, with the methods of z3's."""


def new_solver() -> Any:
    """A solver for uninterpreted functions over bit vectors."""
    return MAKE_SOLVER.get()()


def status_of(answer: z3.CheckSatResult) -> str:
    """`unsat` proves; `sat` fails; anything else is unknown, and that fails too."""
    return PROVED if answer == z3.unsat else FAILED if answer == z3.sat else UNKNOWN


def about(suite: Suite, transition: Transition) -> list[Predicate]:
    """The invariants that speak of a transition."""
    info = transition_info(transition)
    return [i for i in suite.invariants if is_state_invariant(i) or invariant_info(i).speaks_of(info)]


def query_of(
    suite: Suite,
    transition: Transition,
    state: Any,
    op: Any,
    path: Path,
    uniformity: bool = False,
    near: bool = False,
) -> Query:
    """Claims and facts of one path.

    With `near`, only the claimed invariants are assumed, and only at the keys that the path itself reads: fewer facts,
    which often do. With `uniformity`, more than usual.
    """
    context = path.context
    context.forks = False

    def attempt(invariant: Predicate) -> tuple[Claim | None, bool]:
        fresh = context.fresh_count
        one = claim(invariant, state, op, path.outcome)
        kept = not framed(one, state, context, fresh)
        return (one if kept else None), kept

    def build() -> tuple[list[z3.BoolRef], list[Claim]]:
        changed = path.outcome.system is not state
        spoken = [i for i in about(suite, transition) if changed or is_about_outcomes(i)]
        tried = [context.trial(lambda i=i: attempt(i)) for i in spoken]  # type: ignore[misc]  # binds the loop's value
        claims = [one for one in tried if one is not None]
        if none_left(claims, context):
            return [*context.conditions, *context.axioms], []
        assumed = [bool_term(assumption(state, op)) for assumption in suite.assumptions]
        hinted = [pair for hint in suite.hints for one in claims for pair in hint(state, op, one.values)]
        claimed = {one.name for one in claims}
        used = [i for i in suite.hypotheses if not near or i.__name__ in claimed or not is_state_invariant(i)]
        rounds = 1 if near else ROUNDS
        return [*assumed, *facts_for(context, state, op, used, claims, hinted, uniformity, rounds)], claims

    facts, claims = run(context, build)
    solver = new_solver()
    solver.add(facts)
    return Query(path, facts, claims, solver)


def none_left(claims: list[Claim], context: Context) -> bool:
    """Whether a path has nothing to prove: no invariant speaks of what it changes, and no number has to fit."""
    return len(claims) + len(context.obligations) == 0


def framed(one: Claim, state: Any, context: Context, fresh: int) -> bool:
    """Whether the step touches nothing that the invariant speaks of: before it the claim is the same, word by word.

    Witnesses are numbered from `fresh`, as they were for the claim.
    """
    if not is_state_invariant(one.invariant):
        return False
    reached, context.fresh_count = context.fresh_count, fresh
    before = context.trial(lambda: (bool_term(one.invariant(state, **one.values)), False))
    context.fresh_count = max(reached, context.fresh_count)
    return bool(one.holds.eq(before))


def feasibility(path: Path) -> z3.CheckSatResult:
    """Whether a path's branches can be taken together in some state, an invariant one or not."""
    solver = new_solver()
    solver.add(*path.context.conditions, *path.context.axioms)
    return solver.check()


def feasible(path: Path) -> bool:
    """Whether no solver has refuted a path."""
    return bool(feasibility(path) != z3.unsat)


def decide(solver: z3.Solver, *negated: z3.BoolRef) -> str:
    """Whether the negation is impossible."""
    solver.push()
    solver.add(*negated)
    answer = status_of(solver.check())
    solver.pop()
    return answer


def prove_path(query: Query, transition: str) -> list[Verdict]:
    """Invariants as one conjunction, split only when it fails; then every number's fit."""
    begun = perf_counter()
    check = query.path.outcome.check
    together = decide(query.solver, z3.Not(conjunction(c.holds for c in query.claims)))
    share = (perf_counter() - begun) / max(1, len(query.claims))
    verdicts = []
    for one in query.claims:
        status = together if together == PROVED else decide(query.solver, z3.Not(one.holds))
        verdicts.append(Verdict(transition, one.name, status, share, check if status != PROVED else ""))
    for obligation in query.path.context.obligations:
        begun = perf_counter()
        status = decide(query.solver, *obligation.under, z3.Not(obligation.claim))
        path = f"{check}: {obligation.what}" if status != PROVED else ""
        verdicts.append(Verdict(transition, "numbers-fit", status, perf_counter() - begun, path))
    return verdicts


def proved_path(suite: Suite, transition: Transition, state: Any, op: Any, path: Path) -> tuple[list[Verdict], Any]:
    """The verdicts of one path, with as few facts as do, and whether it is reachable under the last facts used."""
    name = transition_info(transition).name
    for facts, patience in (({"near": True}, 3_000), ({}, 9_000), ({"uniformity": True}, TIMEOUT_MS)):
        query = query_of(suite, transition, state, op, path, **facts)
        query.solver.set("timeout", patience)
        begun = perf_counter()
        if holds_together(query):
            return all_proved(query, name, perf_counter() - begun), query.solver.check()
    return prove_path(query, name), query.solver.check()


def all_proved(query: Query, transition: str, seconds: float) -> list[Verdict]:
    """The verdicts of a path of which one question proved everything; each has its share of the time."""
    names = [*(one.name for one in query.claims), *("numbers-fit" for _ in query.path.context.obligations)]
    return [Verdict(transition, name, PROVED, seconds / len(names)) for name in names]


def holds_together(query: Query) -> bool:
    """Whether everything that is claimed of a path follows at once."""
    claims = [z3.Not(one.holds) for one in query.claims]
    fits = [z3.And(*one.under, z3.Not(one.claim)) for one in query.path.context.obligations]
    return decide(query.solver, z3.Or(*claims, *fits)) == PROVED


def prove_transition(suite: Suite, transition: Transition) -> list[Verdict]:
    """Every obligation of one transition. A path that leaves the state as it is preserves every invariant."""
    name = transition_info(transition).name
    state = unknown(suite.state_type, "s")
    op = unknown(operands_of(transition), "op")
    verdicts: list[Verdict] = []
    reachable: dict[str, str] = {}
    asks_outcomes = any(is_about_outcomes(invariant) for invariant in about(suite, transition))
    for path in explore(transition, state, op):
        live = feasibility(path)
        if live == z3.unsat:
            continue
        if path.outcome.system is not state or path.context.obligations or asks_outcomes:
            found, live = proved_path(suite, transition, state, op, path)
            verdicts += found
        status = PROVED if live == z3.sat else REDUNDANT if live == z3.unsat else UNKNOWN
        reachable[path.outcome.check] = max(status, reachable.get(path.outcome.check, status), key=ORDER.index)
    verdicts += [
        Verdict(name, f"reachable:{check}", PROVED if status == REDUNDANT else status, 0.0, status)
        for check, status in reachable.items()
    ]
    return summed(suite, transition, verdicts)


def summed(suite: Suite, transition: Transition, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """One verdict for each claim: the worst of its paths. What no path touches is preserved by frame."""
    info = transition_info(transition)
    expected = [invariant.__name__ for invariant in about(suite, transition)]
    worst: dict[str, Verdict] = {name: Verdict(info.name, name, PROVED, 0.0) for name in [*expected, "numbers-fit"]}
    for verdict in verdicts:
        old = worst.get(verdict.claim)
        time = verdict.seconds + (old.seconds if old else 0.0)
        bad = verdict if old is None or old.status == PROVED else old
        worst[verdict.claim] = Verdict(info.name, verdict.claim, bad.status, time, bad.path)
    return list(worst.values())


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many obligations there are of each status."""
    found = [verdict.status for verdict in verdicts]
    return {"obligations": len(found)} | {status: found.count(status) for status in (PROVED, FAILED, UNKNOWN)}
