"""Prove everything: each transition of each suite is one piece of work, done in parallel, answered from a cache.

A piece is cached under a hash of every source text of `spec/` and `proofs/`, the solver with its version, and what was
asked; a solver that gave up is asked again.
"""

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from time import perf_counter

from proofs.cache import Cache
from proofs.counterexample import counterexamples
from proofs.everything import EVERYTHING
from proofs.hv_graph import prove_graphs
from proofs.liveness import prove_liveness
from proofs.measured_launch import LAUNCH, T7, prove_measured_launch
from proofs.memory_suite import MEMORY
from proofs.obligations import Verdict, prove_transition
from proofs.solvers import SOLVERS
from proofs.solving import MAKE_SOLVER, UNKNOWN
from proofs.suite import Suite, Transition
from proofs.two_runs import prove_two_runs
from spec.registry import InvariantInfo, transition_info
from spec.vocabulary import Guarantor


@dataclass(frozen=True)
class Piece:
    """One transition of one suite, for one solver; of all its claims, or of the invariants named."""

    suite: str
    transition: str
    solver: str = "z3"
    invariants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What became of a piece: a verdict for each obligation, and a replayed counterexample for each that fails."""

    piece: Piece
    verdicts: tuple[Verdict, ...]
    seconds: float
    counterexamples: tuple[str, ...] = ()
    cached: bool = False


LIVENESS, HV_GRAPHS = "liveness", "hv-graphs"
"""The suites of theorem T9, and of the second half of T6: arguments over graphs of states, and not inductions."""
TWO_RUNS = "two-runs"
"""The suite of theorem T2, which speaks of two runs of a step."""
T9 = InvariantInfo(
    name="donated_pages_can_return",
    identifier="RMP-T9",
    guarantor=Guarantor.HOST,
    manual='Firmware ABI (56860), "Page States" and "SNP_PAGE_RECLAIM"',
)


def liveness() -> list[Verdict]:
    """The obligations of T9 under the theorem's name; what each is about stands where other claims have their step."""
    return [replace(v, transition=f"{v.transition}: {v.claim}", claim=T9.name) for v in prove_liveness()]


T6 = InvariantInfo(
    name="posted_events_are_taken",
    identifier="HV-T6-GRAPHS",
    guarantor=Guarantor.HOST,
    manual='GHCB (56421), "#HV Exception"',
)


def graphs() -> list[Verdict]:
    """The obligations of T6 on bounded instances, under the theorem's name."""
    return [replace(v, claim=T6.name) for v in prove_graphs()]


ARGUMENTS: dict[str, tuple[InvariantInfo, Callable[[], list[Verdict]]]] = {
    LIVENESS: (T9, liveness),
    HV_GRAPHS: (T6, graphs),
    LAUNCH: (T7, prove_measured_launch),
}
"""What is proved in one piece: the claim, and its obligations."""


def pieces(solvers: Iterable[str] = ("z3",), suites: Sequence[Suite] = EVERYTHING) -> list[Piece]:
    """All there is to prove, in the order of the registry."""
    return [
        Piece(suite.name, transition_info(transition).name, solver)
        for solver in solvers
        for suite in suites
        for transition in suite.transitions
    ] + [piece for solver in solvers for piece in (*arguments(solver), *two_runs(solver))]


def arguments(solver: str) -> list[Piece]:
    """Theorems that are no induction over transitions."""
    return [Piece(argument, argument, solver) for argument in ARGUMENTS]


def two_runs(solver: str) -> list[Piece]:
    """Theorem T2, transition by transition."""
    return [Piece(TWO_RUNS, transition_info(t).name, solver) for t in MEMORY.transitions]


def found(piece: Piece, suites: Sequence[Suite] = EVERYTHING) -> tuple[Suite, Transition]:
    """The suite, narrowed to the invariants asked for, and the transition of a piece."""
    if piece.suite == TWO_RUNS:
        return MEMORY, next(t for t in MEMORY.transitions if transition_info(t).name == piece.transition)
    suite = next(s for s in suites if s.name == piece.suite)
    transition = next(t for t in suite.transitions if transition_info(t).name == piece.transition)
    if piece.invariants:
        suite = replace(suite, invariants=tuple(i for i in suite.invariants if i.__name__ in piece.invariants))
    return suite, transition


def work(piece: Piece) -> Answer:
    """Prove one piece."""
    begun = perf_counter()
    token = MAKE_SOLVER.set(SOLVERS[piece.solver])
    try:
        if piece.suite in ARGUMENTS:
            return Answer(piece, tuple(ARGUMENTS[piece.suite][1]()), perf_counter() - begun)
        suite, transition = found(piece)
        if piece.suite == TWO_RUNS:
            return Answer(piece, tuple(prove_two_runs(suite, transition)), perf_counter() - begun)
        verdicts = prove_transition(suite, transition)
    finally:
        MAKE_SOLVER.reset(token)
    if piece.invariants:
        verdicts = [v for v in verdicts if v.claim in piece.invariants]
    seconds = perf_counter() - begun
    shown = tuple(counterexamples(suite, transition, verdicts)) if piece.solver == "z3" else ()
    return Answer(piece, tuple(verdicts), seconds, shown)


LONG = 1 << 20
"""The weight of a piece that is known to take longest."""


def weight(piece: Piece) -> int:
    """How much work a piece is likely to be: the text of its transition's module is a fair measure."""
    if piece.suite in ARGUMENTS:
        return LONG
    _, transition = found(piece)
    return len(inspect.getsource(inspect.getmodule(inspect.unwrap(transition)) or transition))


def crashed(piece: Piece, error: BaseException) -> Answer:
    """A piece whose proof could not be carried out; nothing is known of it, and that fails."""
    verdict = Verdict(piece.transition, "can-be-explored", UNKNOWN, 0.0, f"{type(error).__name__}: {error}")
    return Answer(piece, (verdict,), 0.0)


def prove(
    wanted: Sequence[Piece],
    *,
    jobs: int | None = None,
    cache: Cache | None = None,
    progress: Callable[[Answer], None] = lambda _: None,
) -> list[Answer]:
    """Answers to all pieces, in their order; `progress` hears of each as it comes."""
    answers: dict[Piece, Answer] = {}
    for answer in stored(wanted, cache):
        answers[answer.piece] = answer
        progress(answer)
    open_pieces = sorted((p for p in wanted if p not in answers), key=weight, reverse=True)
    for answer in worked(open_pieces, jobs or os.cpu_count() or 1):
        answers[answer.piece] = answer
        if cache is not None and all(v.status != UNKNOWN for v in answer.verdicts):
            cache.store(asdict(answer.piece), as_data(answer))
        progress(answer)
    return [answers[piece] for piece in wanted]


def worked(wanted: Sequence[Piece], jobs: int) -> Iterator[Answer]:
    """Answers as they come, from this many processes."""
    if not wanted:
        return
    with ProcessPoolExecutor(min(jobs, len(wanted))) as pool:
        futures: dict[Future[Answer], Piece] = {pool.submit(work, piece): piece for piece in wanted}
        for future in as_completed(futures):
            error = future.exception()
            yield future.result() if error is None else crashed(futures[future], error)


def stored(wanted: Sequence[Piece], cache: Cache | None) -> Iterator[Answer]:
    """What the cache has."""
    for piece in wanted if cache is not None else ():
        data = cache.load(asdict(piece)) if cache is not None else None
        if data is not None:
            verdicts = tuple(Verdict(**verdict) for verdict in data["verdicts"])
            yield Answer(piece, verdicts, data["seconds"], tuple(data["counterexamples"]), cached=True)


def as_data(answer: Answer) -> dict[str, object]:
    """What the cache keeps of an answer."""
    return {
        "verdicts": [asdict(verdict) for verdict in answer.verdicts],
        "seconds": answer.seconds,
        "counterexamples": list(answer.counterexamples),
    }
