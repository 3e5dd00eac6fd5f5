"""A judgement as text and as JSON: each check with what was seen and what the check rests on."""

from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from impl.attestation.report import AttestationReport
from impl.attestation.verifier import ACCEPTED
from sevspec.attesting.twins import Agreed
from sevspec.checks import Check, checks_of
from sevspec.source import function_of
from sevspec.topic import Table
from spec.attestation.judging import judged

SCHEMA = "sevspec.verify-report/1"


@cache
def known_checks() -> dict[str, Check]:
    """The checks of the specification by name, in order; the last is that everything holds."""
    return {check.name: check for check in checks_of(function_of(judged))}


def table(agreed: Agreed) -> Table:
    """The checks that were made."""
    rows = [
        (str(number), one.name, "holds" if one.holds else "FAILS", one.says, evidence_of(one.name))
        for number, one in enumerate(agreed.judgement.checks, 1)
    ]
    return Table("", ("Nr", "Check", "Verdict", "Seen", "Evidence"), rows)


def evidence_of(name: str) -> str:
    """What a check rests on."""
    evidence = known_checks()[name].evidence
    return evidence.value if evidence else ""


def sentence(path: Path, agreed: Agreed) -> str:
    """The verdict in a line or two."""
    judgement = agreed.judgement
    decided = judgement.decided
    if decided == ACCEPTED:
        return f"ACCEPTED  {path}: all {len(judgement.checks)} checks hold"
    total = len(known_checks()) - 1
    check = known_checks()[decided]
    return (
        f"REFUSED  {path}: check {len(judgement.checks)} of {total}, {decided}: {judgement.checks[-1].says}\n"
        f"  {check.sentence.text} ({check.place})"
    )


def field_values(report: AttestationReport) -> dict[str, Any]:
    """Every field of a report; byte strings in hexadecimal."""
    values = {each.name: getattr(report, each.name) for each in fields(report) if each.name != "reserved_set"}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


def field_table(report: AttestationReport) -> Table:
    """The same for people."""
    rows = [(name, value if isinstance(value, str) else hex(value)) for name, value in field_values(report).items()]
    return Table("fields", ("Field", "Value"), rows)


def document(agreed: Agreed, report: AttestationReport) -> dict[str, Any]:
    """The judgement for machines."""
    return {
        "schema": SCHEMA,
        "verdict": agreed.judgement.verdict.value,
        "check": agreed.judgement.decided,
        "checks": [
            {"name": one.name, "holds": one.holds, "says": one.says, "evidence": evidence_of(one.name)}
            for one in agreed.judgement.checks
        ],
        "report": field_values(report),
    }
