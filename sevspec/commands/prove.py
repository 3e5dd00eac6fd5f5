"""`sevspec prove`: every transition preserves every invariant; or a counterexample."""

import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from proofs.cache import Cache
from proofs.session import Answer, Piece
from proofs.session import prove as prove_pieces
from proofs.solving import PROVED
from sevspec import junit as junit_file
from sevspec import mutation_report, proving, theorem_report
from sevspec.proving import Row
from sevspec.refused import Refused
from sevspec.terminal import console, grid, print_json
from sevspec.topic import Table

HELP = """Prove that every transition preserves every invariant, for memory without bounds.

Examples:

    sevspec prove

    sevspec prove rmpupdate RMP-I9 --solver all

    sevspec prove --without rmpupdate:immutable

    sevspec prove T1 --without S1

    sevspec prove --mutants --changed spec/rmp/psmash.py
"""


def prove(
    names: Annotated[
        list[str] | None, typer.Argument(help="Theorems, transitions, invariants or identifiers; default: all.")
    ] = None,
    solver: Annotated[str, typer.Option(help="z3, cvc5, bitwuzla, or all of them.")] = "z3",
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each processor.")] = 0,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit file too.")] = None,
    without: Annotated[str, typer.Option(help="TRANSITION:CHECK or a theorem's rule: without it.")] = "",
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Change the rules one by one: each must be noticed.")
    ] = False,
    changed: Annotated[list[str] | None, typer.Option(help="With --mutants: only those of this file.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Ask the solver again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    if changed and not mutants:
        raise Refused("--changed goes with --mutants")
    if mutants:
        if names or without or junit:
            raise Refused("--mutants stands alone, but for --changed, --jobs, --no-cache and --json")
        return mutation_report.run(changed or [], jobs, None if no_cache else Cache(), json)
    if without and ":" not in without:
        return theorem_report.without(names or [], without, json)
    theorems = theorem_report.theorems_in(names or [])
    wanted = proving.selected(theorem_report.with_claims(names or []), proving.solvers_named(solver))
    begun = perf_counter()
    if without:
        answers = mutation_report.prove_without(without, wanted)
    else:
        answers = with_progress(wanted, jobs, None if no_cache else Cache())
    seconds = perf_counter() - begun
    rows = proving.rows(answers)
    if junit is not None:
        junit_file.write(junit, rows, seconds)
    if json:
        said = [theorem_report.premises(theorem) for theorem in theorems]
        print_json(proving.document(rows, answers, seconds, said))
    else:
        for theorem in theorems:
            theorem_report.show_premises(theorem)
        show(rows, answers, seconds)
        if not names:
            for table in proving.beside():
                console().print(grid(table))
    return 0 if all(row.verdict.status == PROVED for row in rows) else 1


prove.__doc__ = HELP


def with_progress(wanted: list[Piece], jobs: int, cache: Cache | None) -> list[Answer]:
    """Prove with a progress bar on a terminal's standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # No refreshing thread: worker processes are forked.
    bar = Progress(*columns, transient=True, auto_refresh=False, disable=not sys.stderr.isatty())
    with bar:
        task = bar.add_task("proving", total=len(wanted))

        def tell(answer: Answer) -> None:
            bar.update(task, advance=1, description=f"proved {answer.piece.transition}", refresh=True)

        return prove_pieces(wanted, jobs=jobs, cache=cache, progress=tell)


def show(rows: list[Row], answers: list[Answer], seconds: float) -> None:
    """The table, what fails, and one line of totals."""
    lines = [
        (
            line.identifier,
            line.claim,
            line.guarantor,
            line.needs,
            str(line.transitions),
            verdict(line),
            f"{line.seconds:.2f} s",
        )
        for line in proving.table(rows)
    ]
    out = console()
    columns = ("Id", "Claim", "Guaranteed by", "Needs", "Transitions", "Verdict", "Time")
    out.print(grid(Table("", columns, tuple(lines))))
    for text in (text for answer in answers for text in answer.counterexamples):
        out.print(text, markup=False, soft_wrap=True)
    explained = " ".join(text for answer in answers for text in answer.counterexamples)
    for row in rows:
        v = row.verdict
        if v.status != PROVED and f"{v.transition} preserves {v.claim} " not in explained:
            out.print(
                f"{v.status.upper():<7} {v.transition} {v.claim}   on path: {v.path}", markup=False, soft_wrap=True
            )
    numbers = proving.totals(rows, seconds)
    cached = sum(answer.cached for answer in answers)
    note = f" ({cached} of {len(answers)} transitions from the cache)" if cached else ""
    told = "{proved} proved, {failed} failed, {unknown} unknown in {seconds:.1f} s".format(**numbers)
    out.print(told + note, markup=False)


def verdict(line: proving.Line) -> str:
    """One word, or how many transitions break it."""
    return PROVED if not line.bad else f"FAILS in {line.bad}"
