"""What an accepted report means, and what has to hold of requests and signatures for that."""

from spec.attestation.parties import (
    Parties,
    RequestNumber,
    SignatureNumber,
    exposes_keys,
    is_lost,
    is_measured,
)
from spec.attestation.relying_party import Offered
from spec.attestation.report import ReportData
from spec.logic import all_of, any_of, implies
from spec.registry import Outcome, invariant
from spec.vocabulary import HOST_REQUESTED, Guarantor, Verdict

NO_NONCE = 1 << 64
"""Report data from here on is no nonce."""
REPORTS = 'Firmware ABI (56860), "Attestation" and "MSG_REPORT_REQ"'


@invariant("ATT-ACCEPTED", guarantor=Guarantor.RELYING_PARTY, manual=REPORTS, by=("relying_party_judges",))
def accepted_reports_were_asked_for(before: Parties, op: Offered, outcome: Outcome) -> bool:
    """Where a diligent relying party accepts a report, the expected guest asked for it at the expected VMPL or a more
    privileged one, after the relying party's nonce was made.
    """
    request = before.requests[before.signatures[op.signature].request]
    wanted = before.reference
    asked = all_of(
        request.made,
        request.by_guest,
        is_measured(before, before.guests[request.guest]),
        request.level <= wanted.vmpl,
        request.data == wanted.report_data,
        wanted.report_data < request.asked_at,
    )
    return implies(outcome.result == Verdict.ACCEPTED, asked)


@invariant("ATT-SIGNED", guarantor=Guarantor.FIRMWARE, manual=REPORTS)
def signed_reports_answer_requests(parties: Parties, number: SignatureNumber) -> bool:
    """A report that was not signed with a lost key answers a request by a key of the guest that it speaks of, or the
    host.
    """
    made = parties.signatures[number]
    request = parties.requests[made.request]
    guest = parties.guests[request.guest]
    answers = all_of(
        request.made,
        made.report.measurement == guest.measurement,
        made.report.policy == guest.policy,
        made.report.report_data == request.data,
        made.report.vmpl == request.vmpl,
        request.vmpl >= request.vmpck,
    )
    of_host = all_of(made.by_host, made.report.vmpl == HOST_REQUESTED)
    stolen = all_of(made.stolen, is_lost(parties.losses, made.signer))
    return implies(made.made, any_of(answers, of_host, stolen))


@invariant("ATT-ASKED", guarantor=Guarantor.GUEST, manual=REPORTS)
def requests_come_from_their_level(parties: Parties, number: RequestNumber) -> bool:
    """A request under a measured guest's key comes from software at that key's level or a more privileged one."""
    request = parties.requests[number]
    guest = parties.guests[request.guest]
    kept = all_of(is_measured(parties, guest), parties.care.strips_keys)
    from_level = all_of(request.by_guest, implies(kept, request.level <= request.vmpck))
    return implies(request.made, any_of(from_level, exposes_keys(parties, guest)))


@invariant("ATT-NONCE", guarantor=Guarantor.CRYPTOGRAPHY, manual=REPORTS)
def requested_nonces_had_been_made(parties: Parties, number: RequestNumber) -> bool:
    """A request that names a nonce was made after the nonce."""
    request = parties.requests[number]
    data: ReportData = request.data
    return implies(request.made, any_of(data >= NO_NONCE, data < request.asked_at))


@invariant("ATT-WAITED", guarantor=Guarantor.RELYING_PARTY, manual=REPORTS)
def awaited_nonce_was_made(parties: Parties) -> bool:
    """The relying party waits for a nonce of its own."""
    return parties.reference.report_data < parties.next_nonce


@invariant("ATT-NUMBERED", guarantor=Guarantor.CRYPTOGRAPHY, manual=REPORTS)
def next_numbers_are_free(parties: Parties, number: SignatureNumber, request: RequestNumber) -> bool:
    """Signatures and requests are told apart: neither is replaced by a later one."""
    signature_before = implies(parties.signatures[number].made, number < parties.next_signature)
    return all_of(signature_before, implies(parties.requests[request].made, request < parties.next_request))


INVARIANTS = (
    accepted_reports_were_asked_for,
    signed_reports_answer_requests,
    requests_come_from_their_level,
    requested_nonces_had_been_made,
    awaited_nonce_was_made,
    next_numbers_are_free,
)
