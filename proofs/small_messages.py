"""Guest messages, small enough to be searched whole: a guest, its migration agent, an empty context, two plaintexts."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from proofs.lifting import overheard
from proofs.search import Move
from proofs.small_world import CONTEXT_PAGE, at
from proofs.templates import nothing
from spec.attestation.exchange import Channel, Correspondent, Exchange, Sent, Thrift, slot_of
from spec.attestation.guest_messages import Hearing, Sealing, guest_hears_answer, guest_seals_request
from spec.features import MILAN
from spec.firmware.command import PageAddress
from spec.firmware.guest_import import IncomingMessage, guest_request_import
from spec.firmware.guest_message import AES_256_GCM, HEADER_SIZE, GuestMessage
from spec.firmware.guest_request import GuestRequest, MessageType, guest_request
from spec.firmware.state import EMPTY_CONTEXT, EMPTY_METADATA
from spec.maps import Map
from spec.record import replace
from spec.rmp.entry import UNASSIGNED
from spec.system.initial import booted
from spec.vocabulary import GuestState, PlatformState

KEYS, AGENT_KEYS = 9, 5
AGENT_PAGE, EMPTY_PAGE, ANSWER_PAGE = CONTEXT_PAGE + 1, CONTEXT_PAGE + 2, CONTEXT_PAGE + 3
PLAINTEXTS = (1, 2)
MOST_MESSAGES = 4


def corresponding(rules: Thrift) -> Exchange:
    """A running guest and a migration agent on a machine; no message was sent."""
    system = booted(MILAN)
    owned = replace(UNASSIGNED, assigned=True, immutable=True, lock=True)
    rmp = system.rmp.set(ANSWER_PAGE, owned)
    for page in (CONTEXT_PAGE, AGENT_PAGE, EMPTY_PAGE):
        rmp = rmp.set(page, replace(owned, vmsa=True))
    guest = replace(EMPTY_CONTEXT, state=GuestState.RUNNING, vmpcks=KEYS)
    contexts = system.firmware.contexts.set(CONTEXT_PAGE, guest)
    contexts = contexts.set(AGENT_PAGE, replace(guest, vmpcks=AGENT_KEYS))
    firmware = replace(system.firmware, state=PlatformState.INIT, contexts=contexts, next_key=KEYS + 1)
    plain: Channel = nothing(Channel)
    unsent: Sent = nothing(Sent)
    return Exchange(replace(system, rmp=rmp, firmware=firmware), Correspondent(KEYS, Map(plain), rules), unsent)


def message(page: int, keys: int, sequence: int) -> GuestMessage:
    """A message as its header says."""
    answer: PageAddress = at(ANSWER_PAGE)
    return GuestMessage(
        context=at(page),
        request=at(ANSWER_PAGE + 1),
        response=answer,
        header_version=1,
        header_size=HEADER_SIZE,
        algorithm=AES_256_GCM,
        size=0x60,
        vmpck=0,
        version=1,
        sequence=sequence,
        sealed_under=keys,
        response_fits=True,
    )


def sealing_moves() -> Iterator[Move[Exchange]]:
    """Either plaintext, at any time; what comes back is the right answer or none."""
    for plaintext in PLAINTEXTS:
        yield Move(guest_seals_request, while_few(Sealing(0, plaintext)))
    yield Move(guest_hears_answer, lambda _: Hearing(0, 0, 0))
    yield Move(guest_hears_answer, right_answer)


def while_few(op: Sealing) -> Callable[[Exchange], Any]:
    """A few messages will do."""
    return lambda exchange: op if exchange.guest.channels[0].count < MOST_MESSAGES else None


def right_answer(exchange: Exchange) -> Hearing | None:
    """What firmware sealed, if it did."""
    count = exchange.guest.channels[0].count
    return Hearing(0, KEYS, count + 2) if exchange.ghost.answered[slot_of(0, count + 1)] else None


def carrying_moves() -> Iterator[Move[Exchange]]:
    """The hypervisor takes any request that was sealed to either context, as often as it likes."""
    plain: GuestRequest = nothing(GuestRequest)
    for page in (CONTEXT_PAGE, EMPTY_PAGE):
        for sequence in (1, 3):
            op = replace(plain, message=message(page, KEYS, sequence), message_type=MessageType.TSC_INFO)
            yield Move(overheard(guest_request), if_sealed(op, sequence))


def if_sealed(op: GuestRequest, sequence: int) -> Callable[[Exchange], Any]:
    """The guest alone seals requests."""
    return lambda exchange: op if exchange.ghost.used[slot_of(0, sequence)] else None


def copying_moves() -> Iterator[Move[Exchange]]:
    """The migration agent puts the guest, as it was at first, into the empty context."""
    arriving = replace(EMPTY_CONTEXT, vmpcks=KEYS, root_metadata=replace(EMPTY_METADATA, valid=True))
    by_agent = message(AGENT_PAGE, AGENT_KEYS, 1)
    op = IncomingMessage(by_agent, at(EMPTY_PAGE), arriving, format_valid=True, reserved=False)
    yield Move(overheard(guest_request_import), lambda _: op)


def message_moves() -> list[Move[Exchange]]:
    """Guest, firmware and hypervisor."""
    return [*sealing_moves(), *carrying_moves()]


def message_moves_with_copies() -> list[Move[Exchange]]:
    """And the migration agent."""
    return [*message_moves(), *copying_moves()]


def message_key(exchange: Exchange) -> Hashable:
    """What tells states apart."""
    contexts = tuple(exchange.system.firmware.contexts[page] for page in (CONTEXT_PAGE, AGENT_PAGE, EMPTY_PAGE))
    known = tuple((c.vmpcks, c.message_counts.vmpck0, c.state) for c in contexts)
    tables: tuple[Map[int, Any], ...] = (exchange.ghost.used, exchange.ghost.sealed, exchange.ghost.answered)
    sent = tuple(frozenset(table.changed()) for table in tables)
    channel: Any = exchange.guest.channels[0]
    return known, tuple(channel), sent, exchange.ghost.twice, exchange.ghost.resealed
