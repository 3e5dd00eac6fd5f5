"""What is proved of attestation: reports and who believes them, and the guest's end of its messages to firmware."""

from typing import Any

from proofs import attesting
from proofs.induction import is_state_invariant
from proofs.initial import attestation_reset, messages_reset
from proofs.lifting import overheard
from proofs.suite import Suite
from spec.attestation.exchange import Exchange
from spec.attestation.guest_messages import TRANSITIONS as MESSAGE_TRANSITIONS
from spec.attestation.invariants import INVARIANTS as REPORT_INVARIANTS
from spec.attestation.message_invariants import INVARIANTS as MESSAGE_INVARIANTS
from spec.attestation.message_invariants import REKEYING
from spec.attestation.parties import Parties
from spec.attestation.transitions import TRANSITIONS as REPORT_TRANSITIONS
from spec.everything import TRANSITIONS
from spec.firmware.keys import fresh_keys_remain
from spec.logic import all_of
from spec.registry import transition_info

STATES_OF_REPORTS = tuple(i for i in REPORT_INVARIANTS if is_state_invariant(i))
STATES_OF_MESSAGES = tuple(i for i in MESSAGE_INVARIANTS if is_state_invariant(i))

ATTESTATION = Suite(
    name="attestation",
    state_type=Parties,
    transitions=REPORT_TRANSITIONS,
    invariants=REPORT_INVARIANTS,
    hypotheses=STATES_OF_REPORTS,
    assumptions=attesting.ASSUMPTIONS,
)


def no_copy_arrives(exchange: Exchange, op: Any) -> bool:
    """No migration agent brings the guest's VMPCKs to a context, and what arrives was exported: its counts are even."""
    if not hasattr(op, "incoming"):
        return True
    even = (count & 1 == 0 for count in op.incoming.message_counts)
    return all_of(op.incoming.vmpcks != exchange.guest.keys, *even)


def new_keys_remain(exchange: Exchange, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """Fewer than 2**32 keys are ever drawn: identities of keys do not run out."""
    return fresh_keys_remain(exchange.system)


def guest_keeps_s12(exchange: Exchange, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """The guest keeps both halves of rule S12."""
    rules = exchange.guest.rules
    return all_of(rules.resends_unchanged, rules.wipes_on_failure)


MESSAGES = Suite(
    name="messages",
    state_type=Exchange,
    transitions=(
        *MESSAGE_TRANSITIONS,
        *(overheard(t) for t in TRANSITIONS if transition_info(t).name in REKEYING),
    ),
    invariants=MESSAGE_INVARIANTS,
    hypotheses=STATES_OF_MESSAGES,
    assumptions=(no_copy_arrives, new_keys_remain, guest_keeps_s12),
)
"""Of the other steps RMP-I44-REST says, in the machine, that they touch nothing that is spoken of here."""

ATTESTATION_SUITES = (ATTESTATION, MESSAGES)
"""Their states are no machine's, or followed by a rule of the machine: they have no test vectors of their own."""
ATTESTATION_INITIAL = (
    Suite("attestation-initial", Parties, (attestation_reset,), STATES_OF_REPORTS, ()),
    Suite("messages-initial", Exchange, (messages_reset,), STATES_OF_MESSAGES, ()),
)
"""Initial states."""
