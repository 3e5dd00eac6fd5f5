"""The guest's end of guest messages (firmware ABI 56860, "Guest Messages"; GHCB 56421, "SNP Guest Request"; rule S12).

Whether firmware has seen a request only an answer can tell; what the hypervisor says of it is not believed.
"""

from typing import Annotated

from spec.attestation.exchange import LAST_COUNT, Exchange, Plaintext, Vmpck, sealing, with_channel
from spec.firmware.state import KeyId
from spec.logic import all_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Bits, Evidence, GuestAction

SOURCE = 'Firmware ABI (56860), "Guest Messages"; GHCB (56421), "SNP Guest Request"'


@record
class Sealing:
    """A request that the guest wants to make."""

    vmpck: Vmpck
    plaintext: Plaintext


@record
class Hearing:
    """What the hypervisor brings: perhaps a response, perhaps not the one to this request, perhaps an error."""

    vmpck: Vmpck
    sealed_under: KeyId
    """The VMPCKs with which the response was sealed; 0 if there is none."""
    sequence: Annotated[int, Bits(64)]


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def guest_seals_request(exchange: Exchange, op: Sealing) -> Outcome:
    """A new request, or one that was not answered once more."""
    # 1. There is a key, and a number that was not used.
    channel = exchange.guest.channels[op.vmpck]
    if channel.wiped:
        return Outcome(GuestAction.REFRAINS, "wiped", exchange, Evidence.AGREED)
    if channel.count >= LAST_COUNT:
        return Outcome(GuestAction.REFRAINS, "count", exchange, Evidence.AGREED)

    # 2. While an answer is missing, nothing else is sealed under its request's number (rule S12).
    other = all_of(channel.waiting, op.plaintext != channel.plaintext)
    if all_of(exchange.guest.rules.resends_unchanged, other):
        return Outcome(GuestAction.REFRAINS, "unanswered", exchange, Evidence.AGREED)

    # 3. The request.
    return Outcome(GuestAction.CONTINUES, "sealed", sealing(exchange, op.vmpck, op.plaintext), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def guest_hears_answer(exchange: Exchange, op: Hearing) -> Outcome:
    """Something comes back. That the hypervisor is busy, or wants more room, is no answer: the guest asks again."""
    # 1. A request is under way.
    channel = exchange.guest.channels[op.vmpck]
    if none_of(channel.waiting):
        return Outcome(GuestAction.REFRAINS, "nothing-asked", exchange, Evidence.AGREED)

    # 2. The answer is firmware's, and to this request.
    if all_of(op.sealed_under == exchange.guest.keys, op.sequence == channel.count + 2):
        heard = replace(channel, count=channel.count + 2, waiting=False)
        return Outcome(GuestAction.CONTINUES, "answered", with_channel(exchange, op.vmpck, heard), Evidence.AGREED)

    # 3. Nothing tells whether the number was used: the key goes (rule S12).
    if exchange.guest.rules.wipes_on_failure:
        wiped = replace(channel, wiped=True, waiting=False)
        return Outcome(GuestAction.CONTINUES, "failed", with_channel(exchange, op.vmpck, wiped), Evidence.AGREED)

    # 4. A guest without the rule forgets the request.
    forgotten = with_channel(exchange, op.vmpck, replace(channel, waiting=False))
    return Outcome(GuestAction.CONTINUES, "forgotten", forgotten, Evidence.AGREED)


TRANSITIONS = (guest_seals_request, guest_hears_answer)
