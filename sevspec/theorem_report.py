"""`sevspec prove T1`, `T4`: a theorem's premises beside its claims, and `--without RULE`: the run that comes back."""

from collections.abc import Sequence
from typing import Any

from proofs.theorem import Run, Theorem
from proofs.theorems import THEOREMS, knobs_of, named
from sevspec.proving import unknown_name
from sevspec.refused import Refused
from sevspec.terminal import console, print_json

SCHEMA = 1


def theorems_in(names: Sequence[str]) -> list[Theorem]:
    """The theorems among the names."""
    return [theorem for name in names if (theorem := named(name)) is not None]


def with_claims(names: Sequence[str]) -> list[str]:
    """The names, with the claims of each theorem in its place."""
    found: list[str] = []
    for name in names:
        theorem = named(name)
        found += [name] if theorem is None else theorem.claims
    return found


def premises(theorem: Theorem) -> dict[str, Any]:
    """What a theorem says and rests on, as data."""
    return {
        "name": theorem.name,
        "title": theorem.title,
        "words": theorem.words,
        "rules": list(theorem.rules),
        "knobs": list(knobs_of(theorem)),
        "given": list(theorem.given),
    }


def show_premises(theorem: Theorem) -> None:
    """The same, printed."""
    data, out = premises(theorem), console()
    out.print(f"{theorem.name}, {theorem.title}: {theorem.words}", markup=False, soft_wrap=True)
    for label, items in (
        ("rules", data["rules"]),
        ("knobs at their defaults", data["knobs"]),
        ("given", data["given"]),
    ):
        out.print(f"  {label}: {'; '.join(items) or 'none'}", markup=False, soft_wrap=True)


def runs(names: Sequence[str], rule: str) -> list[Run]:
    """What comes back without a rule, in the theorems that are named, or in all."""
    wanted = theorems_in(names)
    if len(wanted) < len(names):
        raise Refused("--without RULE goes with theorems alone: " + ", ".join(t.name for t in THEOREMS))
    among = wanted or list(THEOREMS)
    found = [run for theorem in among for run in theorem.without(rule)]
    if not found:
        rules = sorted({known for theorem in among for run in theorem.runs for known in run.rules})
        unknown = unknown_name(rule, rules).replace("transition or invariant", "rule")
        raise Refused(f"--without: {unknown}; for a check write TRANSITION:CHECK")
    return found


def without(names: Sequence[str], rule: str, json: bool) -> int:
    """Show the runs; a claim fails, so the exit code is 1."""
    found = runs(names, rule)
    if json:
        shown = [{"claim": run.claim, "run": run.text().splitlines()} for run in found]
        print_json({"schema": SCHEMA, "without": rule.upper(), "runs": shown})
    else:
        for run in found:
            console().print(f"FAILED  {run.claim}\n{run.text()}", markup=False, soft_wrap=True)
    return 1
