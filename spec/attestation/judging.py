"""Judging an attestation report: every check of a careful relying party, in order.

No source fixes an order for relying parties. This one goes from the form of the bytes to who signed them, then to what
they say; nothing that they say is believed before the signature holds.
"""

from typing import Any

from spec.attestation.endorsement import (
    Endorsement,
    binding_faults,
    chain_faults,
    match_faults,
    revocation_faults,
    tcb_unendorsed,
)
from spec.attestation.reference import (
    Reference,
    floor_faults,
    measurement_faults,
    owner_faults,
    platform_faults,
    policy_faults,
    request_faults,
    signer_faults,
)
from spec.attestation.report import Report, form_faults, key_faults, requester_faults
from spec.attestation.rules import Diligence, asked
from spec.attestation.tcb import tcb_faults
from spec.logic import all_of, first_of, none_of
from spec.record import record
from spec.registry import Outcome
from spec.vocabulary import Evidence, Verdict


@record
class Presented:
    """What is laid before a relying party, as it reads the bytes."""

    report: Report
    unsigned_clear: bool
    """The bytes behind R and S, up to 4A0h, are zero. No signature covers them."""
    signature_holds: bool
    """R and S are a signature of bytes 0 to 29Fh with the leaf's key."""
    endorsement: Endorsement


def judged(state: Any, rules: Diligence, reference: Reference, given: Presented) -> Outcome:
    """The verdict; the state is left as it is."""
    report = given.report

    # 1. Firmware makes reports of this form.
    if cause := first_of(*form_faults(report)):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.MANUAL)

    # 2. Nobody has written behind the signature.
    if none_of(given.unsigned_clear):
        return Outcome(Verdict.REFUSED, "unsigned-bytes", state, Evidence.MANUAL)

    # 3. Firmware had a key, and says which.
    if cause := first_of(*key_faults(report)):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.MANUAL)

    # 4. The guest asked for it, from a level that exists; early firmware let a guest name any.
    if cause := first_of(*requester_faults(report)):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.MANUAL)
    return endorsed(state, rules, reference, given)


def endorsed(state: Any, rules: Diligence, reference: Reference, given: Presented) -> Outcome:
    """Who signed the report."""
    report, endorsement = given.report, given.endorsement

    # 5. AMD vouches for the key (rule V1), and has not taken that back (rule V2).
    if cause := first_of(*asked(rules.checks_chain, chain_faults(endorsement))):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.MANUAL)
    if cause := first_of(*asked(rules.checks_revocation, revocation_faults(endorsement, reference.list_required))):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.MANUAL)

    # 6. It is the key that the report names.
    if cause := first_of(*match_faults(report, endorsement)):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.AGREED)

    # 7. Report and certificate speak of one chip (rule V5) and one TCB version (rule V4).
    if cause := first_of(
        *asked(rules.binds_chip, binding_faults(report, endorsement, reference.masked_chip_accepted)),
        ("certificate-tcb", all_of(rules.binds_tcb, tcb_unendorsed(report, endorsement))),
    ):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.AGREED)

    # 8. It signed the report (rule V3).
    if all_of(rules.checks_signature, none_of(given.signature_holds)):
        return Outcome(Verdict.REFUSED, "signature", state, Evidence.MANUAL)

    # 9. TCB versions that firmware reports together.
    if cause := first_of(*tcb_faults(report, endorsement.product)):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.FIRMWARE)
    return asked_for(state, rules, reference, given)


def asked_for(state: Any, rules: Diligence, reference: Reference, given: Presented) -> Outcome:
    """Whether a genuine report says what this relying party wants to hear."""
    report, endorsement = given.report, given.endorsement

    # 10. The signer, and the firmware (rules V6, V7, V8).
    if cause := first_of(
        *signer_faults(rules, reference, report, endorsement),
        *asked(rules.asks_tcb, floor_faults(reference, report, endorsement.product)),
        *platform_faults(reference, report),
    ):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.AGREED)

    # 11. The guest (rules V9, V10).
    if cause := first_of(
        *asked(rules.asks_policy, policy_faults(reference, report)),
        *asked(rules.asks_measurement, measurement_faults(reference, report)),
        *owner_faults(reference, report),
    ):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.AGREED)

    # 12. Who in the guest asked, and when (rules V11, V12).
    if cause := first_of(*request_faults(rules, reference, report)):
        return Outcome(Verdict.REFUSED, cause, state, Evidence.AGREED)
    return Outcome(Verdict.ACCEPTED, "accepted", state, Evidence.AGREED)
