"""Guest messages: each is answered once (RMP-I44), no IV is used twice, no level speaks for a higher one (RMP-I45)."""

from spec.attestation.exchange import (
    LAST_COUNT,
    Exchange,
    MessageSlot,
    Vmpck,
    sequence_of,
    vmpck_of,
)
from spec.firmware.guest_request import GuestRequest, MessageType
from spec.firmware.message_counts import count_of
from spec.firmware.state import ContextPage, GuestContext
from spec.logic import all_of, any_of, implies, none_of, same
from spec.registry import Outcome, invariant
from spec.system.state import System
from spec.vocabulary import Guarantor, Status

FW = Guarantor.FIRMWARE
MESSAGES = 'Firmware ABI (56860), "Guest Messages"'
SPEAKING = (
    "guest_request",
    "guest_request_export",
    "guest_request_import",
    "guest_request_absorb",
    "guest_request_absorb_noma",
    "guest_request_vmrk",
)
"""Commands that open a guest's message."""
REKEYING = (*SPEAKING, "gctx_create", "launch_start", "decommission")
"""Commands that change keys or counts of a context."""


@invariant("RMP-I44", guarantor=FW, manual=MESSAGES)
def no_request_was_answered_twice(exchange: Exchange) -> bool:
    """Whichever context has the guest's keys, it answers a request once. It may execute one more often: where an answer
    found no room, the request can be made again.
    """
    return none_of(exchange.ghost.twice)


@invariant("RMP-I44-IV", guarantor=Guarantor.GUEST, manual=MESSAGES)
def no_number_got_a_second_plaintext(exchange: Exchange) -> bool:
    """What the guest seals under a number that it has used is what it sealed there before (rule S12)."""
    return none_of(exchange.ghost.resealed)


def has_keys(exchange: Exchange, context: GuestContext) -> bool:
    """A context has the guest's VMPCKs."""
    return all_of(exchange.guest.keys != 0, context.vmpcks == exchange.guest.keys)


@invariant("RMP-I44-COUNTED", guarantor=FW, manual=MESSAGES)
def answered_requests_are_counted(exchange: Exchange, slot: MessageSlot, page: ContextPage) -> bool:
    """Whatever context has the guest's keys has counted every request that was answered."""
    context = exchange.system.firmware.contexts[page]
    there = all_of(has_keys(exchange, context), exchange.ghost.answered[slot])
    return implies(there, sequence_of(slot) < count_of(context.message_counts, vmpck_of(slot)))


@invariant("RMP-I44-ONE", guarantor=Guarantor.CRYPTOGRAPHY, manual=MESSAGES)
def one_context_has_the_keys(exchange: Exchange, page: ContextPage, other: ContextPage) -> bool:
    """No second context has the guest's keys; a copy brought by a migration agent would."""
    contexts = exchange.system.firmware.contexts
    return implies(all_of(has_keys(exchange, contexts[page]), has_keys(exchange, contexts[other])), page == other)


@invariant("RMP-I44-DRAWN", guarantor=Guarantor.CRYPTOGRAPHY, manual=MESSAGES)
def keys_of_contexts_were_drawn(exchange: Exchange, page: ContextPage) -> bool:
    """No context has the keys before they are drawn."""
    there = has_keys(exchange, exchange.system.firmware.contexts[page])
    return implies(there, exchange.guest.keys < exchange.system.firmware.next_key)


@invariant("RMP-I44-AFTER", guarantor=Guarantor.CRYPTOGRAPHY, manual=MESSAGES)
def keys_that_answered_were_drawn(exchange: Exchange, slot: MessageSlot) -> bool:
    """Nothing is answered under keys before they are drawn."""
    return implies(exchange.ghost.answered[slot], exchange.guest.keys < exchange.system.firmware.next_key)


@invariant("RMP-I44-ODD", guarantor=FW, manual=MESSAGES)
def counts_are_even(exchange: Exchange, page: ContextPage, vmpck: Vmpck) -> bool:
    """Requests have odd numbers and responses even ones, so no two messages of one key have the same."""
    counts = exchange.system.firmware.contexts[page].message_counts
    return count_of(counts, vmpck) & 1 == 0


@invariant("RMP-I44-REST", guarantor=FW, manual=MESSAGES, unless=REKEYING)
def keys_and_counts_stay(before: System, after: System, page: ContextPage) -> bool:
    """No other command, and no instruction, touches VMPCKs or counts, or draws a key."""
    old, new = before.firmware.contexts[page], after.firmware.contexts[page]
    kept = all_of(new.vmpcks == old.vmpcks, same(new.message_counts, old.message_counts))
    return all_of(kept, after.firmware.next_key == before.firmware.next_key)


@invariant("RMP-I44-USED", guarantor=Guarantor.GUEST, manual=MESSAGES)
def used_numbers_are_remembered(exchange: Exchange, slot: MessageSlot) -> bool:
    """A number that was used is behind the guest, or is that of the request that waits, or its key is wiped."""
    channel = exchange.guest.channels[vmpck_of(slot)]
    behind = sequence_of(slot) <= channel.count
    waits = all_of(
        channel.waiting,
        sequence_of(slot) == channel.count + 1,
        exchange.ghost.sealed[slot] == channel.plaintext,
    )
    return implies(exchange.ghost.used[slot], any_of(behind, waits, channel.wiped))


@invariant("RMP-I44-GUEST-ODD", guarantor=Guarantor.GUEST, manual=MESSAGES)
def guests_counts_are_even(exchange: Exchange, vmpck: Vmpck) -> bool:
    """The guest seals odd numbers only, and has numbers left for request and response."""
    channel = exchange.guest.channels[vmpck]
    return all_of(channel.count & 1 == 0, channel.count <= LAST_COUNT)


@invariant(
    "RMP-I45", guarantor=FW, manual='Firmware ABI (56860), "MSG_REPORT_REQ" and "MSG_KEY_REQ"', by=("guest_request",)
)
def no_level_speaks_for_a_higher_one(op: GuestRequest, outcome: Outcome) -> bool:
    """A report, and a derived key, is for no more privileged VMPL than that of the key which sealed the request."""
    named = any_of(op.message_type == MessageType.REPORT, op.message_type == MessageType.KEY)
    given = False if outcome.output is None else outcome.output.status == Status.SUCCESS
    return implies(all_of(named, given), op.vmpl >= op.message.vmpck)


INVARIANTS = (
    no_request_was_answered_twice,
    answered_requests_are_counted,
    one_context_has_the_keys,
    keys_of_contexts_were_drawn,
    keys_that_answered_were_drawn,
    counts_are_even,
    no_number_got_a_second_plaintext,
    used_numbers_are_remembered,
    guests_counts_are_even,
)
"""Of the exchange."""
OF_THE_MACHINE = (keys_and_counts_stay, no_level_speaks_for_a_higher_one)
