"""`sevspec check`: the main job. Proves everything, launches the example image, cross-checks, plays attacks reports."""

import xml.etree.ElementTree as Xml
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from proofs.cache import Cache
from sevspec import junit as junit_file
from sevspec import proving
from sevspec.checking.example import launch_examples
from sevspec.checking.part import Finding, Part
from sevspec.checking.parts import crosscheck_part, ladder_part, planned_parts, proofs_part
from sevspec.checking.report import Checked, assumptions, document, suites_of, write_html
from sevspec.cli import verbs
from sevspec.commands.prove import verdict, with_progress
from sevspec.terminal import console, grid, print_json
from sevspec.topic import Table

HELP = """Prove everything, launch the example image, cross-check, play all attacks; print a table, write report.html.

Examples:

    sevspec check

    sevspec check --json --junit check.xml --report out/report.html
"""


def check(
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each processor.")] = 0,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit file too.")] = None,
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path("report.html"),
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Ask the solver again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    checked = run(jobs, None if no_cache else Cache())
    write_html(report, checked)
    if junit is not None:
        write_junit(junit, checked)
    if json:
        print_json(document(checked))
    else:
        show(checked, report)
    return 0 if checked.holds else 1


check.__doc__ = HELP


def run(jobs: int, cache: Cache | None) -> Checked:
    """All parts in turn."""
    begun = perf_counter()
    answers = with_progress(proving.selected([], ["z3"]), jobs, cache)
    seconds = perf_counter() - begun
    rows = proving.rows(answers)
    examples = launch_examples()
    parts = [proofs_part(rows, seconds), *(example.part for example in examples), crosscheck_part(), ladder_part()]
    return Checked([*parts, *planned_parts(verbs())], rows, answers, seconds, examples)


def show(checked: Checked, report: Path) -> None:
    """The table of claims, the assumptions, the parts."""
    out = console()
    claims = [
        (n.identifier, n.claim, n.guarantor, n.needs, suites_of(n.claim), verdict(n), f"{n.seconds:.2f} s")
        for n in checked.lines
    ]
    columns = ("Id", "Claim", "Guaranteed by", "Needs", "Suite", "Verdict", "Time")
    out.print(grid(Table("theorems and invariants", columns, claims)))
    assumed = [(a.suite, a.name, a.text) for a in assumptions()]
    out.print(grid(Table("what the proofs assume", ("Suite", "Assumption", "In words"), assumed)))
    for text in (*checked.counterexamples, *checked.unproved):
        out.print(text, markup=False, soft_wrap=True)
    parts = [(p.name, p.finding.value, p.detail, took(p)) for p in checked.parts]
    out.print(grid(Table("parts", ("Part", "Finding", "What was found", "Time"), parts)))
    word = "everything that is built holds" if checked.holds else "something FAILS"
    out.print(f"{word}; {report}", markup=False, soft_wrap=True)


def took(part: Part) -> str:
    """The time of a part that was done."""
    return f"{part.seconds:.1f} s" if part.seconds else ""


def write_junit(path: Path, checked: Checked) -> None:
    """The obligations, and each other part as a test case; what is not done is skipped, by name."""
    suite = junit_file.suite_of(checked.rows, checked.seconds)
    for part in checked.parts[1:]:
        case = Xml.SubElement(suite, "testcase", classname="check", name=part.name, time=f"{part.seconds:.3f}")
        if part.finding is Finding.FAILS:
            Xml.SubElement(case, "failure", message=part.detail)
        elif part.finding is not Finding.HOLDS:
            Xml.SubElement(case, "skipped", message=f"{part.finding.value}: {part.detail}")
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        suite.set(attribute, str(len(list(suite.iter(tag)))))
    junit_file.save(path, suite)
