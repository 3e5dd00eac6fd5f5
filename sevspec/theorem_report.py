"""`sevspec prove T1`: the premises of a theorem, and what happens where one is dropped."""

from collections.abc import Sequence
from typing import Any

from proofs.kept import named
from proofs.theorems import THEOREMS, Theorem, dropped
from sevspec.refused import Refused
from sevspec.terminal import console, grid, print_json
from sevspec.topic import Table
from spec.memory.premises import Premise

SCHEMA = 1


def theorems_in(names: Sequence[str]) -> list[Theorem]:
    """The theorems among the names that were given."""
    return [THEOREMS[name.upper()] for name in names if name.upper() in THEOREMS]


def premises_of(theorem: Theorem) -> list[Premise]:
    """Its premises, in the order of the table."""
    return [premise for premise in named(*theorem.premises) if premise.name in theorem.premises]


def show(names: Sequence[str]) -> None:
    """What each theorem says and rests on: rules, and what is assumed of every step."""
    for theorem in theorems_in(names):
        rules = [(", ".join(p.names), p.words) for p in premises_of(theorem)]
        console().print(f"{theorem.name}: {theorem.words}", markup=False, soft_wrap=True)
        console().print(grid(Table("premises", ("Rule", "What is kept"), tuple(rules))))
        assumed = [(a.__name__, (a.__doc__ or "").partition("\n")[0]) for a in theorem.assumptions]
        console().print(grid(Table("assumed of every step", ("Assumption", "In words"), tuple(assumed))))


def run_without(names: Sequence[str], name: str, *, json: bool) -> int:
    """The trace against each theorem where a premise is dropped, and exit code 1: it does not hold then."""
    wanted = theorems_in(names)
    if not wanted or len(wanted) != len(names):
        raise Refused(f"--without {name}: write TRANSITION:CHECK, or name a theorem: {' or '.join(THEOREMS)}")
    found = [(theorem, premise) for theorem in wanted for premise in dropped(theorem, name)]
    if not found:
        known = ", ".join(p.name for theorem in wanted for p in premises_of(theorem))
        raise Refused(f"--without: {wanted[0].name} has no premise '{name}'; it has {known}")
    shown = [(t, p, t.traces[p.name]()) for t, p in found if p.name in t.traces]
    if not shown:
        raise Refused(f"--without: no trace shows what {found[0][0].name} needs {found[0][1].name} for")
    if json:
        print_json({"schema": SCHEMA, "traces": [data(*one) for one in shown]})
        return 1
    for theorem, premise, trace in shown:
        console().print(f"{theorem.name} fails without {premise.name}: {premise.words}", markup=False, soft_wrap=True)
        console().print(trace, markup=False, soft_wrap=True)
    return 1


def data(theorem: Theorem, premise: Premise, trace: str) -> dict[str, Any]:
    """One trace, for machines."""
    return {"theorem": theorem.name, "premise": premise.name, "trace": trace.splitlines()}
