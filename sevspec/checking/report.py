"""Everything that `sevspec check` found: as a document for machines, and as one HTML page that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import getdoc
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from proofs.attestation_suites import ATTESTATION_SUITES
from proofs.everything import SUITES
from proofs.session import Answer
from proofs.solving import PROVED
from sevspec import proving
from sevspec.checking.example import Example
from sevspec.checking.part import Finding, Part
from sevspec.launch import report as launch_report
from sevspec.manuals import MANUALS, version_text
from sevspec.proving import Row
from sevspec.refused import Refused

SCHEMA = 1


@dataclass(frozen=True)
class Assumption:
    """What the proofs of a suite rest on."""

    suite: str
    name: str
    text: str


@dataclass(frozen=True)
class Checked:
    """The results of all parts."""

    parts: Sequence[Part]
    rows: Sequence[Row]
    answers: Sequence[Answer]
    seconds: float
    """Of the proofs."""
    examples: Sequence[Example]

    @property
    def holds(self) -> bool:
        """Nothing fails; what is not built yet, or not here, is named and does not count."""
        return all(part.finding is not Finding.FAILS for part in self.parts)

    @property
    def lines(self) -> list[proving.Line]:
        """The table of claims."""
        return proving.table(self.rows)

    @property
    def counterexamples(self) -> list[str]:
        """Of all claims that fail."""
        return [text for answer in self.answers for text in answer.counterexamples]

    @property
    def unproved(self) -> list[str]:
        """A line for each obligation that is not proved."""
        verdicts = [row.verdict for row in self.rows if row.verdict.status != PROVED]
        return [f"{v.status.upper():<7} {v.transition} {v.claim}   on path: {v.path}" for v in verdicts]


def assumptions() -> list[Assumption]:
    """Of every suite, by name."""
    return [
        Assumption(suite.name, assumption.__name__, " ".join((getdoc(assumption) or "").split()))
        for suite in (*SUITES, *ATTESTATION_SUITES)
        for assumption in suite.assumptions
    ]


def suites_of(claim: str) -> str:
    """The suites in which a claim is proved; of the engine's own claims, all."""
    every = (*SUITES, *ATTESTATION_SUITES)
    named = [suite.name for suite in every if any(i.__name__ == claim for i in suite.invariants)]
    return ", ".join(named or [suite.name for suite in every])


def document(checked: Checked) -> dict[str, Any]:
    """For machines."""
    return {
        "schema": SCHEMA,
        "holds": checked.holds,
        "parts": [
            {"name": p.name, "finding": p.finding.value, "detail": p.detail, "seconds": round(p.seconds, 3)}
            for p in checked.parts
        ],
        "proofs": proving.totals(checked.rows, checked.seconds),
        "claims": [
            {
                "identifier": line.identifier or None,
                "claim": line.claim,
                "guarantor": line.guarantor,
                "needs": line.needs,
                "suites": suites_of(line.claim),
                "transitions": line.transitions,
                "broken_by": line.bad,
                "seconds": round(line.seconds, 3),
            }
            for line in checked.lines
        ],
        "assumptions": [vars(assumption) for assumption in assumptions()],
        "launches": [
            launch_report.document(e.launched, e.prepared.plan, e.prepared.notes)
            for e in checked.examples
            if e.launched is not None and e.prepared is not None
        ],
    }


def html(checked: Checked) -> str:
    """The page."""
    loader = Environment(
        loader=PackageLoader("sevspec"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    launches = [
        (e.part, e.launched, launch_report.life_table(e.launched), launch_report.step_table(e.launched))
        for e in checked.examples
        if e.launched is not None
    ]
    return loader.get_template("report.html.j2").render(
        checked=checked,
        finding=Finding,
        version=version_text().splitlines()[0],
        manuals=MANUALS,
        totals=proving.totals(checked.rows, checked.seconds),
        assumptions=assumptions(),
        suites_of=suites_of,
        launches=launches,
    )


def write_html(path: Path, checked: Checked) -> None:
    """Write the page."""
    try:
        path.write_text(html(checked), encoding="utf-8")
    except OSError as error:
        raise Refused(f"--report: cannot write {path}: {error.strerror}") from error
