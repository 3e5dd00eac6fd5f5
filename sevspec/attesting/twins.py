"""One judgement, by the machine on bytes and by the specification on what the bytes mean. The two must agree."""

from dataclasses import dataclass
from datetime import datetime

from impl.attestation.certificates import Bundle
from impl.attestation.chain import chain_for
from impl.attestation.reference import Reference
from impl.attestation.report import SignedReport
from impl.attestation.verifier import Judgement, verify
from sevspec.attesting.abstraction import presented, reference_of
from spec.attestation.judging import judged
from spec.attestation.rules import DILIGENT
from spec.vocabulary import Evidence


class Disagreement(Exception):
    """Machine and specification say different things of one report."""


@dataclass(frozen=True)
class Agreed:
    """The judgement, and what the deciding check rests on."""

    judgement: Judgement
    evidence: Evidence


def judge(report: SignedReport, bundle: Bundle, reference: Reference, at: datetime) -> Agreed:
    """Judge a report twice."""
    judgement = verify(report, bundle, reference, at)
    given = presented(report, chain_for(report.fields, bundle), reference, at)
    outcome = judged(None, DILIGENT, reference_of(reference), given)
    if (outcome.result, outcome.check) != (judgement.verdict, judgement.decided):
        raise Disagreement(f"specification: {outcome.check}; machine: {judgement.decided}")
    return Agreed(judgement, outcome.evidence)
