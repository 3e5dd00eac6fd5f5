"""Obligations as a JUnit file, for the front ends of other people's CI."""

import xml.etree.ElementTree as Xml
from collections.abc import Sequence
from pathlib import Path

from proofs.solving import FAILED, PROVED
from sevspec.proving import Row, totals
from sevspec.refused import Refused


def write(path: Path, rows: Sequence[Row], seconds: float) -> None:
    """One test case for each obligation; what is unknown is an error."""
    save(path, suite_of(rows, seconds))


def suite_of(rows: Sequence[Row], seconds: float) -> Xml.Element:
    """The obligations as one suite."""
    numbers = totals(rows, seconds)
    suite = Xml.Element(
        "testsuite",
        name="sevspec prove",
        tests=str(numbers["obligations"]),
        failures=str(numbers["failed"]),
        errors=str(numbers["unknown"]),
        time=f"{seconds:.3f}",
    )
    for row in rows:
        verdict = row.verdict
        case = Xml.SubElement(
            suite,
            "testcase",
            classname=f"{row.suite}.{verdict.transition}",
            name=verdict.claim,
            time=f"{verdict.seconds:.6f}",
        )
        if verdict.status != PROVED:
            kind = "failure" if verdict.status == FAILED else "error"
            Xml.SubElement(case, kind, message=f"{verdict.status} on path {verdict.path}")
    return suite


def save(path: Path, suite: Xml.Element) -> None:
    """Write a suite."""
    try:
        Xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise Refused(f"--junit: cannot write {path}: {error.strerror}") from error
