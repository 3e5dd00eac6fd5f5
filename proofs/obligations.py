"""The obligations of a transition: it preserves every invariant, its numbers fit, each of its checks can decide."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import z3

from proofs.explore import Path, explore, unknown
from proofs.induction import is_about_outcomes
from proofs.joined import joined
from proofs.questions import Asked, Query, Reachable, feasibilities, query_of
from proofs.solving import FAILED, PROVED, UNKNOWN
from proofs.suite import Suite, Transition, about
from proofs.symbolic import conjunction
from spec.registry import operands_of, transition_info

REDUNDANT = "outside the invariants only"
"""A check that decides in some state, but in none that satisfies the invariants and assumptions."""
ORDER = (REDUNDANT, UNKNOWN, PROVED)
"""Of several paths to one check the best counts."""
ANY_CHANGE = "any-change"
"""Fails where every path that changes the state is REDUNDANT."""
POSSIBLE = {True: PROVED, False: REDUNDANT, None: UNKNOWN}


@dataclass(frozen=True)
class Verdict:
    """What became of one obligation."""

    transition: str
    claim: str
    status: str
    seconds: float
    path: str = ""
    """The check at which the path ends, where the obligation fails."""


def prove_path(query: Query, asked: Asked, transition: str) -> list[Verdict]:
    """Everything that is claimed of a path: each invariant, and that each number fits."""
    path = query.path
    check = path.outcome.check
    begun = perf_counter()
    claimed = [(one.name, check, z3.Not(one.holds)) for one in query.claims if not z3.is_true(one.holds)]
    claimed += [
        ("numbers-fit", f"{check}: {one.what}", conjunction([*one.under, z3.Not(one.claim)]))
        for one in path.context.obligations
    ]
    statuses = asked.impossible([refuted for _, _, refuted in claimed])
    share = (perf_counter() - begun) / max(1, len(claimed))
    return [
        Verdict(transition, name, status, share, where if status != PROVED else "")
        for (name, where, _), status in zip(claimed, statuses, strict=True)
    ]


# --- one transition ---


def prove_transition(suite: Suite, transition: Transition) -> list[Verdict]:
    """Every obligation of one transition. A path that leaves the state as it is preserves every state invariant."""
    name = transition_info(transition).name
    state = suite.state()
    op = unknown(operands_of(transition), "op")
    of_results = any(is_about_outcomes(invariant) for invariant in about(suite, transition))
    paths = explore(transition, state, op)
    live = [(path, answer) for path, answer in feasibilities(paths) if answer != z3.unsat]
    reachable = reachability(suite, state, op, live)
    verdicts = [] if live else [Verdict(name, "can-be-taken", FAILED, 0.0, "no path")]
    for path in joined((path for path, _ in live), with_results=of_results):
        query = query_of(suite, transition, state, op, path)
        verdicts += prove_path(query, Asked(query.facts, query.instances), name)
    verdicts += [
        Verdict(name, f"reachable:{check}", PROVED if status == REDUNDANT else status, 0.0, status)
        for check, status in reachable.items()
    ]
    return summed(suite, transition, verdicts)


def reachability(suite: Suite, state: Any, op: Any, live: Sequence[tuple[Path, z3.CheckSatResult]]) -> dict[str, str]:
    """For each check whether it can decide; of several paths to one check the best counts.

    A path that changes the state has to be possible in a state of which the hypotheses hold. If none is, though there
    are such paths, the hypotheses contradict each other or the step, and everything would follow.
    """
    found: dict[str, str] = {}
    within = Reachable(suite, state, op)
    for path, answer in live:
        check = path.outcome.check
        if found.get(check) != PROVED:
            changed = path.outcome.system is not state
            possible = within.is_possible(path) if changed else True if answer == z3.sat else None
            found[check] = max(POSSIBLE[possible], found.get(check, REDUNDANT), key=ORDER.index)
    changing = {found[path.outcome.check] for path, _ in live if path.outcome.system is not state}
    return found | ({ANY_CHANGE: FAILED} if changing == {REDUNDANT} else {})


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
