"""`sevspec prove --mutants` and `--without`: what notices a change of the rules."""

import os
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.progress import track

from proofs.cache import Cache
from proofs.mutants import SURVIVES, UNREACHED, Fate, fates, known, selected
from proofs.mutate import SPEC, Mutant
from proofs.session import Answer, Piece
from proofs.without import prove_changed
from sevspec.catalogue import ALL_TRANSITIONS
from sevspec.proving import unknown_name
from sevspec.refused import Refused
from sevspec.source import function_of, reached
from sevspec.terminal import console, print_json
from spec.registry import transition_info

SURVIVORS = SPEC.parent / "tests" / "data" / "mutants" / "survivors.toml"
SCHEMA = 1


def listed(table: str = "survivor") -> dict[str, str]:
    """The mutants that are known to survive (or, in the other table, not to be run), each with its reason."""
    if not SURVIVORS.is_file():
        return {}
    entries = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get(table, [])
    return {entry["mutant"]: entry["reason"] for entry in entries}


TABLES = {"survivor": SURVIVES, "unreached": UNREACHED}
"""The tables of the list, and what became of the mutants in each."""


def mistakes(found: Sequence[Fate], reasons: Mapping[str, Mapping[str, str]], files: Sequence[str]) -> list[str]:
    """Mutants that nothing noticed, or nothing runs, without a reason in their table; and the reverse."""
    names = {mutant.name for mutant in known()}
    wrong: list[str] = []
    for table, status in TABLES.items():
        given = set(reasons.get(table, {}))
        left = {fate.mutant for fate in found if fate.status == status}
        wrong += [f"{status}, and no reason is given: {name}" for name in sorted(left - given)]
        for name in sorted(given - left):
            if name not in names:
                wrong.append(f"is listed as {table}, but does not exist: {name}")
            elif not files or name.split(":")[1] in files:
                wrong.append(f"is listed as {table}, but is not: {name}")
    return wrong


def run(files: Sequence[str], jobs: int, cache: Cache | None, json: bool) -> int:
    """Every mutant's fate, and the exit code."""
    all_files = {mutant.file for mutant in known()}
    changed = [as_relative(file) for file in files]
    without_rules = [file for file in changed if file not in all_files and not (SPEC.parent / file).is_file()]
    if without_rules:
        raise Refused(
            f"--changed: {unknown_name(without_rules[0], all_files).replace('transition or invariant', 'file')}"
        )
    begun = perf_counter()
    chosen = selected(changed)
    running = fates(chosen, jobs=jobs or os.cpu_count() or 1, cache=cache)
    found = list(track(running, "mutants", len(chosen), console=None, transient=True, disable=not sys.stderr.isatty()))
    seconds = perf_counter() - begun
    wrong = mistakes(found, {table: listed(table) for table in TABLES}, changed)
    if json:
        print_json(document(found, wrong, seconds))
    else:
        show(found, wrong, seconds)
    return 1 if wrong else 0


def as_relative(file: str) -> str:
    """A file as mutants name it, relative to the folder that holds `spec/`."""
    path = Path(file).resolve()
    return path.relative_to(SPEC.parent).as_posix() if path.is_relative_to(SPEC.parent) else file


def document(found: Sequence[Fate], wrong: Sequence[str], seconds: float) -> dict[str, Any]:
    """Everything, for machines."""
    counted = Counter(fate.status for fate in found)
    listing = [
        {"mutant": f.mutant, "status": f.status, "noticed": f.noticed} for f in sorted(found, key=lambda f: f.mutant)
    ]
    return {
        "schema": SCHEMA,
        "mutants": len(found),
        **{status.replace(" ", "_"): number for status, number in sorted(counted.items())},
        "mistakes": list(wrong),
        "seconds": round(seconds, 3),
        "list": listing,
    }


def show(found: Sequence[Fate], wrong: Sequence[str], seconds: float) -> None:
    """What is wrong, which functions no transition reaches, and one line of totals."""
    out = console()
    for line in wrong:
        out.print(f"FAILED  {line}", markup=False, soft_wrap=True)
    unreached = Counter(fate.mutant.split(":")[1] for fate in found if fate.status == UNREACHED)
    for file, number in sorted(unreached.items()):
        out.print(f"not reached by any transition: {number} mutants of {file}", markup=False)
    counted = Counter(fate.status for fate in found)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counted.items()))
    out.print(f"{len(found)} mutants: {told or 'none'} in {seconds:.1f} s", markup=False)


def mutants_without(rule: str) -> list[Mutant]:
    """The changes that drop one check, wherever the transition makes it; `TRANSITION:CHECK`."""
    name, colon, check = rule.partition(":")
    if not colon:
        raise Refused("--without: write TRANSITION:CHECK, for example rmpupdate:immutable")
    transition = next((t for t in ALL_TRANSITIONS if transition_info(t).name == name), None)
    if transition is None:
        raise Refused(f"--without: {unknown_name(name, (transition_info(t).name for t in ALL_TRANSITIONS))}")
    places = {(f.text.file, f.node.lineno) for f in reached(function_of(transition))}
    drops = [m for m in known() if m.kind in ("drop-check", "drop-cause")]
    own = [m for m in drops if any(m.file == file and m.first <= line <= m.last for file, line in places)]
    found = [m for m in own if m.what == check]
    if not found:
        checks = ", ".join(sorted({m.what for m in own if " " not in m.what and "_" not in m.what}))
        raise Refused(f"--without: {name} has no check '{check}'; it has {checks}")
    return found


def prove_without(rule: str, wanted: Sequence[Piece]) -> list[Answer]:
    """The answers of the rules with one check dropped."""
    return prove_changed(mutants_without(rule), wanted)
