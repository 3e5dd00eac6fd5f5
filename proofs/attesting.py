"""What is assumed where reports are judged: the rules that are kept, and that lists of the relying party are true."""

from typing import Any

from spec.attestation.parties import LAST_NONCE, LAST_NUMBER, Care, Parties
from spec.attestation.reference import Floors, Reference
from spec.attestation.rules import is_diligent
from spec.attestation.tcb import at_least
from spec.logic import all_of, any_of, implies, none_of
from spec.record import fields_of
from spec.vocabulary import VMPLS, GuestPolicy

DANGEROUS = GuestPolicy.DEBUG | GuestPolicy.MIGRATE_MA
"""What lets others into a guest."""


def rules_are_kept(parties: Parties, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """The relying party keeps rules V1 to V12, measured guests keep S12 and D10."""
    cared = (getattr(parties.care, field.name) for field in fields_of(Care))
    return all_of(is_diligent(parties.rules), *cared)


def everything_is_asked_for(parties: Parties, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """The reference values name chips, services, measurements, a VMPL and a nonce, and forbid debugging and moving."""
    return is_definite(parties.reference)


def is_definite(wanted: Reference) -> bool:
    """The reference values leave nothing open that a rule asks for."""
    open_values = (wanted.any_chip, wanted.masked_chip_accepted, wanted.any_service, wanted.any_measurement)
    return all_of(
        none_of(*open_values, wanted.any_vmpl, wanted.any_report_data),
        wanted.list_required,
        wanted.forbidden_policy & DANGEROUS == DANGEROUS,
        wanted.vmpl <= VMPLS[-1],
    )


def lists_are_true(parties: Parties, op: Any) -> bool:
    """No accepted product, and no accepted TCB version, is one whose keys can be had; a lost ASK is revoked; and of
    what is offered, no listed chip or service was opened.
    """
    losses, wanted = parties.losses, parties.reference
    products = (
        implies(wanted.milan_accepted, none_of(losses.milan)),
        implies(wanted.genoa_accepted, none_of(losses.genoa)),
        implies(wanted.turin_accepted, none_of(losses.turin)),
    )
    floors = (at_least(getattr(wanted.floors, f.name), getattr(losses.floors, f.name)) for f in fields_of(Floors))
    return all_of(*products, *floors, offered_is_whole(parties, op))


def offered_is_whole(parties: Parties, op: Any) -> bool:
    """The same of the chip, the service and the ASK that an offered report speaks of."""
    if not hasattr(op, "endorsement"):
        return True
    losses, wanted, endorsement = parties.losses, parties.reference, op.endorsement
    return all_of(
        implies(all_of(losses.ask, endorsement.list_in_force), endorsement.revoked),
        implies(wanted.chips[op.report.chip_id], none_of(losses.opened[op.report.chip_id])),
        implies(wanted.services[endorsement.service], none_of(losses.opened[endorsement.service])),
    )


def nonces_are_not_guessed(parties: Parties, op: Any) -> bool:
    """Nobody names a nonce that was not made yet."""
    if not hasattr(op, "data"):
        return True
    return any_of(op.data > LAST_NONCE, op.data < parties.next_nonce)


def numbers_remain(parties: Parties, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """Fewer than 2**48 requests and signatures, and 2**64 nonces, are ever made."""
    counted = (parties.next_request < LAST_NUMBER, parties.next_signature < LAST_NUMBER)
    return all_of(*counted, parties.next_nonce < LAST_NONCE)


ASSUMPTIONS = (rules_are_kept, everything_is_asked_for, lists_are_true, nonces_are_not_guessed, numbers_remain)
