"""A relying party: every check of a report in order, up to the first that fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from impl.attestation.certificates import Bundle
from impl.attestation.chain import chain_for
from impl.attestation.chain_checks import signer_checks
from impl.attestation.checks import Checked, form_checks, key_checks
from impl.attestation.reference import Reference
from impl.attestation.reference_checks import reference_checks
from impl.attestation.report import SignedReport
from spec.vocabulary import Verdict

ACCEPTED = "accepted"


@dataclass(frozen=True)
class Judgement:
    """What became of a report: the checks that were made, the last of which failed if any did."""

    checks: tuple[Checked, ...]

    @property
    def verdict(self) -> Verdict:
        """Accepted if every check holds."""
        return Verdict.ACCEPTED if self.checks[-1].holds else Verdict.REFUSED

    @property
    def decided(self) -> str:
        """The check that failed, or `ACCEPTED`."""
        return ACCEPTED if self.checks[-1].holds else self.checks[-1].name


def verify(report: SignedReport, bundle: Bundle, reference: Reference, at: datetime) -> Judgement:
    """Judge a report at a time."""
    made = []
    for checked in _all_checks(report, bundle, reference, at):
        made.append(checked)
        if not checked.holds:
            break
    return Judgement(tuple(made))


def _all_checks(report: SignedReport, bundle: Bundle, reference: Reference, at: datetime) -> Iterator[Checked]:
    yield from form_checks(report)
    yield from key_checks(report)
    yield from signer_checks(report, bundle, reference, at)
    chain = chain_for(report.fields, bundle)
    assert chain is not None, "the checks before would have failed"
    yield from reference_checks(report.fields, chain, reference)
