"""Every mutant of the rules must be noticed: by the original's test cases, or else by a proof that fails.

Vectors first: the cases of the original (made anew, never from files) are run on the mutant, and any other result,
check, output or state kills it. A function that no transition runs is called by itself. What is left is compared with
the original by z3, which proves that it is equivalent or does not; what is not is proved, and a verdict worse than the
original's kills it too.
"""

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter

from proofs.cache import Cache
from proofs.equivalence import equivalent
from proofs.examples import Example, examples, examples_of_functions, running
from proofs.functions import step_named
from proofs.mutate import Mutant, mutants
from proofs.obligations import prove_transition
from proofs.session import Piece, prove
from proofs.solving import PROVED
from proofs.universe import at_most, changed
from proofs.vectors import targets
from spec.registry import transition_info

PATIENCE_S = 20
"""For one mutant's cases; they take milliseconds."""
PROOF_S = 120
BY_VECTORS, BY_PROOF, SURVIVES = "killed by vectors", "killed by proof", "survives"
UNREACHED = "outside every transition"


@dataclass(frozen=True)
class Fate:
    """What became of a mutant, and what noticed it."""

    mutant: str
    status: str
    noticed: str = ""


def reaching(mutant: Mutant, known_cases: Sequence[Example]) -> list[Example]:
    """The cases that run the function that is changed."""
    return [
        e for e in known_cases if any(f == mutant.file and mutant.first <= line <= mutant.last for f, line in e.reached)
    ]


def steps_of(found: Sequence[Example]) -> list[str]:
    """The transitions and functions that these are cases of."""
    return list(dict.fromkeys(example.name.partition("-")[0] for example in found))


PARTS = ("result", "check", "state", "evidence", "output")


def difference(contents: Sequence[tuple[str, bytes]]) -> str:
    """The first case whose outcome differs, and in what; empty if none does."""
    for name, content in contents:
        try:
            module, function, arguments, expected, is_step = pickle.loads(content)  # noqa: S301 - made by this program
            given = attrgetter(function)(import_module(module))(**arguments)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - any exception is a difference
            return f"{name}: {type(error).__name__}: {error}"
        parts = zip(PARTS, expected, given, strict=True) if is_step else [("value", expected[0], given)]
        for part, a, b in parts:
            if a != b:
                return f"{name}: another {part}"
    return ""


def noticed_by(mutant: Mutant, reached: Sequence[Example]) -> str:
    """What the cases notice of a mutant."""
    with changed(mutant):
        try:
            with at_most(PATIENCE_S):
                return difference([(example.name, example.content) for example in reached])
        except TimeoutError as late:
            return str(late)


def compared(name: str, names: Sequence[str]) -> str:
    """Where z3 proves that a mutant is equivalent; empty if it does not."""
    try:
        with at_most(PROOF_S):
            return equivalent(named(name), names)
    except TimeoutError:
        return ""


def judged(name: str, names: Sequence[str], bad: frozenset[tuple[str, str]]) -> Fate:
    """What the proofs of these transitions notice of a mutant; one that takes too long notices nothing."""
    try:
        with changed(named(name)), at_most(PROOF_S):
            noticed = import_module("proofs.killing").worse(names, bad)
    except TimeoutError as late:
        return Fate(name, SURVIVES, f"undecided: {late}")
    except Exception as error:  # noqa: BLE001 - a rule that cannot be explored is noticed
        return Fate(name, BY_PROOF, f"{type(error).__name__}: {error}")
    return Fate(name, BY_PROOF if noticed else SURVIVES, noticed)


_KNOWN: list[Mutant] = []


def known() -> list[Mutant]:
    """The mutants, made once in each process."""
    if not _KNOWN:
        _KNOWN.extend(mutants())
    return _KNOWN


def selected(files: Sequence[str]) -> list[Mutant]:
    """The mutants of these files, or of all."""
    return [mutant for mutant in known() if not files or mutant.file in files]


def unproved(jobs: int, cache: Cache | None, names: set[str]) -> frozenset[tuple[str, str]]:
    """What the original does not prove of these steps; a mutant must do worse to be noticed."""
    owners = {transition_info(t).name: suite.name for suite, t in targets()}
    answers = prove([Piece(owners[name], name) for name in sorted(names & set(owners))], jobs=jobs, cache=cache)
    verdicts = [(a.piece.transition, v) for a in answers for v in a.verdicts]
    verdicts += [(name, v) for name in sorted(names - set(owners)) for v in prove_transition(*step_named(name))]
    return frozenset((name, v.claim) for name, v in verdicts if v.status != PROVED)


_WORK: dict[str, tuple[Mutant, list[Example]]] = {}
"""What the processes of a pool inherit: the mutants that are tried, with the cases that reach them."""


def tried(name: str) -> str:
    """`noticed_by`, in another process."""
    return noticed_by(*_WORK[name])


def killed(work: Sequence[tuple[Mutant, list[Example]]], jobs: int) -> Iterator[Fate]:
    """The fates of the mutants that these cases notice."""
    _WORK.clear()
    _WORK.update({mutant.name: (mutant, reached) for mutant, reached in work})
    with ProcessPoolExecutor(jobs) as pool:
        for name, noticed in zip(_WORK, pool.map(tried, _WORK, chunksize=8), strict=True):
            if noticed:
                yield Fate(name, BY_VECTORS, noticed)


def fates(chosen: Sequence[Mutant], *, jobs: int, cache: Cache | None, proofs: bool = True) -> Iterator[Fate]:
    """The fate of each mutant, as it is known: a few transitions at a time, until nothing is left to notice."""
    pending = {mutant.name: mutant for mutant in chosen}
    steps = running({mutant.file for mutant in pending.values()})
    reached: dict[str, list[str]] = {}
    first, size = 0, jobs
    while steps[first:] and pending:
        made = examples(steps[first : first + size], jobs, cache)
        work = [(mutant, found) for mutant in pending.values() if (found := reaching(mutant, made))]
        for mutant, found in work:
            reached.setdefault(mutant.name, []).extend(steps_of(found))
        for fate in killed(work, jobs):
            del pending[fate.mutant]
            yield fate
        # More at once when more is left to notice: the longest of a few would keep all processes waiting.
        first, size = first + size, 2 * size
    alone = [mutant for name, mutant in pending.items() if name not in reached]
    files = sorted({mutant.file for mutant in alone})
    made = examples(files, jobs, cache, examples_of_functions)
    work = [(mutant, found) for mutant in alone if (found := reaching(mutant, made))]
    reached.update({mutant.name: steps_of(found) for mutant, found in work})
    for fate in killed(work, jobs):
        del pending[fate.mutant]
        yield fate
    for name in [name for name in pending if name not in reached]:
        del pending[name]
        yield Fate(name, UNREACHED)
    yield from judgements(list(pending), reached, jobs, cache) if proofs else (Fate(name, SURVIVES) for name in pending)


def judgements(left: Sequence[str], reached: dict[str, list[str]], jobs: int, cache: Cache | None) -> Iterator[Fate]:
    """The fates of the mutants that no case notices: equivalent ones survive, others must fail a proof."""
    steps = [reached[name] for name in left]
    with ProcessPoolExecutor(jobs) as pool:
        where = dict(zip(left, pool.map(compared, left, steps), strict=True))
    yield from (Fate(name, SURVIVES, f"equivalent {found}") for name, found in where.items() if found)
    others = [name for name in left if not where[name]]
    if others:
        bad = unproved(jobs, cache, {step for name in others for step in reached[name]})
        with ProcessPoolExecutor(jobs) as pool:
            futures = [pool.submit(judged, name, reached[name], bad) for name in others]
            yield from (future.result() for future in as_completed(futures))


def named(name: str) -> Mutant:
    """The mutant of this name."""
    return next(mutant for mutant in known() if mutant.name == name)
