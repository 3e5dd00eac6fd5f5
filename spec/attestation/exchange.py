"""The machine, and one guest's end of its guest messages: VMPCKs, counts, and what was sealed and answered."""

from typing import Annotated

from spec.firmware.guest_message import GuestMessage
from spec.firmware.state import KeyId
from spec.logic import all_of, any_of, ite
from spec.maps import Map
from spec.record import record, replace
from spec.system.state import System
from spec.vocabulary import Bits

Vmpck = Annotated[int, Bits(2, "VMPCK")]
"""One of the four keys of a guest."""
Plaintext = Annotated[int, Bits(64)]
"""The identity of what a message says, header included."""
MessageSlot = Annotated[int, Bits(66, "message")]
"""A number under a key of the guest: VMPCK * 2**64 + MSG_SEQNO. The IV of AES-256-GCM is made of nothing else."""
SEQUENCE_BITS = 64
LAST_COUNT = (1 << 64) - 2


@record
class Channel:
    """What the guest remembers of one key."""

    count: Annotated[int, Bits(64)]
    """Messages exchanged: two for a request and its response."""
    wiped: bool
    """The key is gone for good."""
    waiting: bool
    """A request was sealed, and no answer has come."""
    plaintext: Plaintext
    """What that request says."""


@record
class Thrift:
    """Rule S12, in its two halves."""

    resends_unchanged: bool = True
    """S12: what was not answered is sealed again only as it is."""
    wipes_on_failure: bool = True
    """S12: where no answer can be expected any more, the key is wiped."""


THRIFTY = Thrift()


@record
class Correspondent:
    """The guest."""

    keys: KeyId
    """Its VMPCKs, as its secrets page has them."""
    channels: Map[Vmpck, Channel]
    rules: Thrift


@record
class Sent:
    """Ghost state: what was sealed under the guest's keys, and which requests were answered."""

    used: Map[MessageSlot, bool]
    sealed: Map[MessageSlot, Plaintext]
    """What the guest sealed there, where `used`."""
    answered: Map[MessageSlot, bool]
    """By firmware, whichever context has the keys."""
    twice: bool
    """Some request was answered although it had been answered."""
    resealed: bool
    """Some number was used for a second plaintext: with AES-GCM the key is as good as lost."""


@record
class Exchange:
    """The state."""

    system: System
    guest: Correspondent
    ghost: Sent


def slot_of(vmpck: Vmpck, sequence: Annotated[int, Bits(64)]) -> int:
    """The slot of a message."""
    return vmpck << SEQUENCE_BITS | sequence


def vmpck_of(slot: MessageSlot) -> int:
    """The key of a slot."""
    return slot >> SEQUENCE_BITS


def sequence_of(slot: MessageSlot) -> int:
    """The sequence number of a slot."""
    return slot & ((1 << SEQUENCE_BITS) - 1)


def answering(before: Exchange, op: GuestMessage, after: Exchange) -> Exchange:
    """Firmware has sealed a response to a request; it counts if the guest's keys were used."""
    context = before.system.firmware.contexts[op.context.page]
    slot = slot_of(op.vmpck & 3, op.sequence)
    own = all_of(context.vmpcks == before.guest.keys, before.guest.keys != 0)
    already = before.ghost.answered[slot]
    answered = before.ghost.answered.set(slot, any_of(own, already))
    twice = any_of(before.ghost.twice, all_of(own, already))
    return replace(after, ghost=replace(before.ghost, answered=answered, twice=twice))


def with_channel(exchange: Exchange, vmpck: Vmpck, channel: Channel) -> Exchange:
    """The state with one channel replaced."""
    channels = exchange.guest.channels.set(vmpck, channel)
    return replace(exchange, guest=replace(exchange.guest, channels=channels))


def sealing(exchange: Exchange, vmpck: Vmpck, plaintext: Plaintext) -> Exchange:
    """The guest has sealed a request under the next number; what was sealed there first is remembered."""
    channel = exchange.guest.channels[vmpck]
    slot = slot_of(vmpck, channel.count + 1)
    used, first = exchange.ghost.used[slot], exchange.ghost.sealed[slot]
    ghost = replace(
        exchange.ghost,
        used=exchange.ghost.used.set(slot, True),
        sealed=exchange.ghost.sealed.set(slot, ite(used, first, plaintext)),
        resealed=any_of(exchange.ghost.resealed, all_of(used, first != plaintext)),
    )
    after = with_channel(exchange, vmpck, replace(channel, waiting=True, plaintext=plaintext))
    return replace(after, ghost=ghost)
