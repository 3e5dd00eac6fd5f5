"""Every mutant of the rules must be noticed: by the original's test cases, or else by a proof that fails.

Vectors first: the cases of the original (made anew, never from files) are run on the mutant, and any other result,
check, output or state kills it. What is left is proved; a verdict worse than the original's kills it too.
"""

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module

from proofs.cache import Cache
from proofs.examples import Example, examples
from proofs.mutate import Mutant, mutants
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


PARTS = ("result", "check", "state", "evidence", "output")


def difference(contents: Sequence[tuple[str, bytes]]) -> str:
    """The first case whose outcome differs, and in what; empty if none does."""
    for name, content in contents:
        try:
            module, function, before, op, expected = pickle.loads(content)  # noqa: S301 - made by this program
            found = tuple(getattr(import_module(module), function)(before, op))
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - any exception is a difference
            return f"{name}: {type(error).__name__}: {error}"
        for part, a, b in zip(PARTS, expected, found, strict=True):
            if a != b:
                return f"{name}: another {part}"
    return ""


def names_of(contents: Sequence[tuple[str, bytes]]) -> list[str]:
    """The transitions that the cases are of."""
    return list(dict.fromkeys(name.partition("-")[0] for name, _ in contents))


def fate_of(mutant: Mutant, contents: Sequence[tuple[str, bytes]], bad: frozenset[tuple[str, str, str]]) -> Fate:
    """Run the cases on a mutant, then prove it. `bad` are the obligations that the original does not prove."""
    with changed(mutant):
        try:
            with at_most(PATIENCE_S):
                noticed = difference(contents)
        except TimeoutError as late:
            noticed = str(late)
        if noticed:
            return Fate(mutant.name, BY_VECTORS, noticed)
        try:
            with at_most(PROOF_S):
                noticed = import_module("proofs.killing").worse(names_of(contents), bad)
        except TimeoutError as late:
            noticed = str(late)
    return Fate(mutant.name, BY_PROOF if noticed else SURVIVES, noticed)


def fate_by_name(name: str, contents: Sequence[tuple[str, bytes]], bad: frozenset[tuple[str, str, str]]) -> Fate:
    """`fate_of`, where only the name of the mutant travels."""
    return fate_of(next(m for m in known() if m.name == name), contents, bad)


_KNOWN: list[Mutant] = []


def known() -> list[Mutant]:
    """The mutants, made once in each process."""
    if not _KNOWN:
        _KNOWN.extend(mutants())
    return _KNOWN


def selected(files: Sequence[str]) -> list[Mutant]:
    """The mutants of these files, or of all."""
    return [mutant for mutant in known() if not files or mutant.file in files]


def unproved(jobs: int, cache: Cache | None, transitions: set[str]) -> frozenset[tuple[str, str, str]]:
    """What the original does not prove; a mutant must do worse to be noticed."""
    owners = {transition_info(t).name: suite.name for suite, t in targets()}
    answers = prove([Piece(owners[name], name) for name in sorted(transitions)], jobs=jobs, cache=cache)
    return frozenset(
        (a.piece.suite, a.piece.transition, v.claim) for a in answers for v in a.verdicts if v.status != PROVED
    )


def fates(
    files: Sequence[str], *, jobs: int, cache: Cache | None, progress: Callable[[Fate], None] = lambda _: None
) -> Iterator[Fate]:
    """The fate of each mutant, as it is known."""
    chosen = selected(files)
    found_cases = examples({mutant.file for mutant in chosen}, jobs, cache)
    work = [(mutant, reaching(mutant, found_cases)) for mutant in chosen]
    touched = {e.name.partition("-")[0] for _, found in work for e in found}
    bad = unproved(jobs, cache, touched)
    with ProcessPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(fate_by_name, mutant.name, [(e.name, e.content) for e in found], bad)
            for mutant, found in work
            if found
        ]
        for future in as_completed(futures):
            progress(future.result())
            yield future.result()
    for mutant, found in work:
        if not found:
            yield Fate(mutant.name, UNREACHED)
