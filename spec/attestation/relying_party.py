"""The relying party: it draws a nonce, and judges whatever it is given."""

from spec.attestation.endorsement import Endorsement, chain_faults
from spec.attestation.judging import Presented, judged
from spec.attestation.parties import Parties, SignatureNumber, Signer
from spec.attestation.report import Report
from spec.attestation.tcb import as_number
from spec.logic import all_of, any_of, ite, none_of, same
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Evidence, GuestAction


@record
class Challenge:
    """A relying party begins anew."""


@record
class Offered:
    """What the adversary lays before the relying party."""

    report: Report
    unsigned_clear: bool
    signature: SignatureNumber
    endorsement: Endorsement
    self_made: bool
    """With a key of his own, if the chain does not forbid it."""


def is_amds(parties: Parties, endorsement: Endorsement) -> bool:
    """Whether the leaf's key is of AMD's making: each signature of the chain holds, and the ASK signs nothing else."""
    faults = any_of(*(holds for _, holds in chain_faults(endorsement)))
    return none_of(faults, parties.losses.ask)


def is_signed(parties: Parties, op: Offered) -> bool:
    """Whether the offered signature is one of the offered report with the certified key."""
    made, endorsement = parties.signatures[op.signature], op.endorsement
    holder = ite(endorsement.is_vlek, endorsement.service, endorsement.hw_id)
    certified = as_number(endorsement.tcb, endorsement.product)
    signer = Signer(endorsement.is_vlek, holder, endorsement.product, certified)
    genuine = all_of(made.made, same(made.signer, signer), same(made.report, op.report))
    return ite(is_amds(parties, endorsement), genuine, op.self_made)


@transition(actor=Actor.RELYING_PARTY, manual='Firmware ABI (56860), "Attestation"')
def relying_party_challenges(parties: Parties, op: Challenge) -> Outcome:  # noqa: ARG001 - every step has operands
    """A nonce that nobody has seen before; an earlier one is not waited for any more."""
    reference = replace(parties.reference, report_data=parties.next_nonce)
    after = replace(parties, reference=reference, next_nonce=parties.next_nonce + 1)
    return Outcome(GuestAction.CONTINUES, "nonce-made", after, Evidence.AGREED)


@transition(actor=Actor.RELYING_PARTY, manual='Firmware ABI (56860), "Attestation"; 57230')
def relying_party_judges(parties: Parties, op: Offered) -> Outcome:
    """The checks of `spec/attestation/judging.py`."""
    given = Presented(op.report, op.unsigned_clear, is_signed(parties, op), op.endorsement)
    return judged(parties, parties.rules, parties.reference, given)
