"""What `sevspec prove` is asked for, and its answers as data: pieces by name, agreement of solvers, totals."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from proofs.attestation_suites import ATTESTATION_SUITES
from proofs.everything import EVERYTHING, SUITES
from proofs.hv_premises import OF_ANY_HOST
from proofs.obligations import Verdict
from proofs.premises import OF_NOTHING
from proofs.session import ARGUMENTS, HV_GRAPHS, LIVENESS, TWO_RUNS, Answer, Piece, pieces
from proofs.solvers import PACKAGES, SOLVERS, version_of
from proofs.solving import FAILED, PROVED, UNKNOWN
from proofs.two_runs import T2
from proofs.witnesses import shown
from sevspec.catalogue import catalogue
from sevspec.documented import doc_line
from sevspec.refused import Refused
from sevspec.topic import Table
from spec.not_stated import NOT_STATED
from spec.registry import InvariantInfo, invariant_info

SCHEMA = 1
ENGINE = {"numbers-fit": "sums and ranges fit their fields", "can-be-explored": "the proof can be carried out"}

THEOREMS = {"T6": {"hv", "hv-initial", "events", "events-initial", HV_GRAPHS}, "T9": {LIVENESS}}
"""The suites that together prove a theorem."""
NOTHING = (*OF_NOTHING, *OF_ANY_HOST)
"""Traces to what is no invariant."""


@dataclass(frozen=True)
class Row:
    """One obligation, after all solvers that were asked."""

    suite: str
    verdict: Verdict


def invariants() -> dict[str, InvariantInfo]:
    """Every invariant of every suite, by name."""
    of_suites = {i.__name__: invariant_info(i) for suite in (*SUITES, *ATTESTATION_SUITES) for i in suite.invariants}
    return of_suites | {info.name: info for info in (T2, *(info for info, _ in ARGUMENTS.values()))}


def solvers_named(name: str) -> list[str]:
    """The solvers of `--solver`."""
    if name not in (*SOLVERS, "all"):
        raise Refused(f"--solver: no solver '{name}'; there are {', '.join(SOLVERS)} and all")
    wanted = list(SOLVERS) if name == "all" else [name]
    for solver in wanted:
        if version_of(solver) is None:
            raise Refused(f"--solver: {solver} is not installed; pip install {PACKAGES[solver]}")
    return wanted


def selected(names: Sequence[str], solvers: Sequence[str]) -> list[Piece]:
    """The pieces that the names select: transitions or suites, and within them invariants; all of what is not named."""
    known = invariants()
    every = pieces(solvers)
    suites, transitions = {p.suite for p in every}, {p.transition for p in every}
    steps: set[str] = set()
    claims: set[str] = set()
    for name in names:
        by_identifier = {i for i, info in known.items() if name.upper() == info.identifier.upper()}
        if name.upper() in THEOREMS:
            steps |= THEOREMS[name.upper()]
        elif name.lower() in suites | transitions:
            steps.add(name.lower())
        elif name in known or by_identifier:
            claims |= by_identifier or {name}
        else:
            raise Refused(unknown_name(name, [*suites, *transitions, *known, *(i.identifier for i in known.values())]))
    chosen = [p for p in every if not steps or p.suite in steps or p.transition in steps]
    return [narrowed for piece in chosen for narrowed in with_claims(piece, claims)]


def with_claims(piece: Piece, claims: set[str]) -> list[Piece]:
    """A piece with those of the claims that it has; nothing, if it has none of them."""
    if not claims:
        return [piece]
    if piece.suite in ARGUMENTS:
        return [piece] if ARGUMENTS[piece.suite][0].name in claims else []
    if piece.suite == TWO_RUNS:
        return [piece] if T2.name in claims else []
    suite = next(s for s in EVERYTHING if s.name == piece.suite)
    own = tuple(sorted(i.__name__ for i in suite.invariants if i.__name__ in claims))
    return [replace(piece, invariants=own)] if own else []


def unknown_name(name: str, known: Iterable[str]) -> str:
    """One line that says what may have been meant, or why there is nothing to prove."""
    for item in NOT_STATED:
        if item.identifier.upper() == name.upper():
            return f"{item.identifier} is not stated yet: {item.waits_for}"
    if name.upper() in {witness.identifier.upper() for witness in NOTHING}:
        return f"{name.upper()} is not an invariant; `sevspec explain {name.upper()}` shows why"
    by_fold: dict[str, str] = {word.lower(): word for word in known}
    close = difflib.get_close_matches(name.lower(), by_fold, n=3)
    meant = f"; did you mean {' or '.join(by_fold[word] for word in close)}?" if close else ""
    return f"no transition or invariant '{name}'{meant}"


def rows(answers: Iterable[Answer]) -> list[Row]:
    """One row for each obligation; where solvers differ, or one gave up, it says which."""
    by_claim: dict[tuple[str, str, str, str], dict[str, Verdict]] = {}
    solvers: dict[tuple[str, str], set[str]] = {}
    for answer in answers:
        piece = answer.piece
        solvers.setdefault((piece.suite, piece.transition), set()).add(piece.solver)
        for verdict in answer.verdicts:
            key = (piece.suite, piece.transition, verdict.transition, verdict.claim)
            by_claim.setdefault(key, {})[piece.solver] = verdict
    return [Row(suite, agreed(given, solvers[suite, piece])) for (suite, piece, _, _), given in by_claim.items()]


def agreed(given: dict[str, Verdict], solvers: set[str]) -> Verdict:
    """The verdict of all solvers that were asked: what they agree on, or unknown with each one's answer."""
    first = next(iter(given.values()))
    answers = {solver: given[solver].status if solver in given else "no answer" for solver in sorted(solvers)}
    seconds = sum(v.seconds for v in given.values())
    if len(set(answers.values())) == 1:
        return replace(first, seconds=seconds)
    told = ", ".join(f"{solver}: {status}" for solver, status in answers.items())
    return replace(first, status=UNKNOWN, seconds=seconds, path=f"{first.path} (solvers differ: {told})".strip())


def totals(found: Sequence[Row], seconds: float) -> dict[str, Any]:
    """The counts that `--json` begins with."""
    counted = Counter(row.verdict.status for row in found)
    numbers = {"obligations": len(found), **{s: counted[s] for s in (PROVED, FAILED, UNKNOWN)}}
    return {**numbers, "seconds": round(seconds, 3)}


def document(
    found: Sequence[Row], answers: Sequence[Answer], seconds: float, theorems: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Everything, for machines; with the premises of the theorems that were asked for."""
    known = invariants()
    return {
        "schema": SCHEMA,
        **totals(found, seconds),
        "cached": sum(answer.cached for answer in answers),
        "solvers": {s: version_of(s) for s in dict.fromkeys(a.piece.solver for a in answers)},
        "theorems": list(theorems),
        "counterexamples": [text for answer in answers for text in answer.counterexamples],
        "not_invariants": [{"identifier": w.identifier, "trace": w.text().splitlines()} for w in NOTHING],
        "not_stated": [vars(item) for item in NOT_STATED],
        "list": [
            {
                "suite": row.suite,
                "transition": row.verdict.transition,
                "claim": row.verdict.claim,
                "identifier": known[row.verdict.claim].identifier if row.verdict.claim in known else None,
                "status": row.verdict.status,
                "path": row.verdict.path,
                "seconds": round(row.verdict.seconds, 6),
            }
            for row in found
        ],
    }


def beside() -> tuple[Table, Table]:
    """What stands beside the claims: what is no invariant, with the length of its trace, and what is not stated yet."""
    known = {prop.info.identifier: prop for prop in catalogue().properties}
    no = [
        (w.identifier, doc_line(known[w.identifier].function.node), f"fails after {len(shown(w).trace)} steps")
        for w in NOTHING
    ]
    missing = [(item.identifier, item.words, item.waits_for) for item in NOT_STATED]
    return (
        Table("no invariants; `sevspec explain` shows each trace", ("Id", "Claim", "Trace"), no),
        Table("not stated yet", ("Id", "Claim", "Waits for"), missing),
    )


@dataclass(frozen=True)
class Line:
    """One claim over all transitions, for the table."""

    identifier: str
    claim: str
    guarantor: str
    needs: str
    transitions: int
    bad: int
    seconds: float


def table(found: Sequence[Row]) -> list[Line]:
    """A line for each invariant, in the order of the registry, then one for each obligation of the engine."""
    known = invariants()
    groups: dict[str, list[Verdict]] = {name: [] for name in known}
    for row in found:
        claim = "reachable" if row.verdict.claim.startswith("reachable:") else row.verdict.claim
        groups.setdefault(claim, []).append(row.verdict)
    return [line(name, verdicts, known.get(name)) for name, verdicts in groups.items() if verdicts]


def line(name: str, verdicts: list[Verdict], info: InvariantInfo | None) -> Line:
    """One line of the table."""
    steps = len({v.transition for v in verdicts})
    bad = sum(v.status != PROVED for v in verdicts)
    seconds = sum(v.seconds for v in verdicts)
    if info is None:
        return Line("", name, "the model", ENGINE.get(name, "each check can decide"), steps, bad, seconds)
    return Line(info.identifier, name, info.guarantor.value, ", ".join(info.needs), steps, bad, seconds)
