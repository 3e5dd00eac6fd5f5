"""The guest's end of guest messages: one VMPCK, its count, and what a guest does if no answer comes (rule S12).

Under AES-GCM two plaintexts with one IV give the key away. The IV is the sequence number, and whether firmware has seen
a message only an answer can tell. So a message that was not answered is sent again as it is, or the key is wiped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from impl.firmware.guest_message import (
    AES_256_GCM,
    HEADER_BYTES,
    HEADER_VERSION,
    MESSAGE_VERSION,
    MessageHeader,
    MessageType,
    opened,
    sealed,
)
from impl.firmware.layout import parse

LAST_COUNT = (1 << 64) - 2
MOST_TRIES = 8
"""How often one message is sent before the guest gives up."""
MOST_PAGES = 16
"""For certificates, whatever the hypervisor asks for."""


class VmmError(IntEnum):
    """INFO2[63:32] of a guest request: what the hypervisor says of it (GHCB 56421, "SNP Guest Request")."""

    NONE = 0
    INVALID_LENGTH = 1
    """The pages for certificates are too few; firmware has not seen the message."""
    BUSY = 2
    """The same, for now."""


@dataclass(frozen=True)
class Carried:
    """What comes back from the hypervisor: anything."""

    vmm_error: int
    firmware_status: int
    response: bytes
    certificates: bytes = b""
    pages_needed: int = 0


Carry = Callable[[bytes, int], Carried]
"""Carries a sealed message, with room for so many pages of certificates."""


class KeyWiped(Exception):
    """The channel is closed for good. The message says why."""


@dataclass
class Channel:
    """One communication key of a guest."""

    vmpck: int
    key: bytes | None
    """None once it was wiped."""
    count: int = 0
    """Messages exchanged, requests and responses together."""

    def request(self, kind: MessageType, payload: bytes, carry: Carry, pages: int = 0) -> tuple[bytes, bytes]:
        """Send a request until it is answered: the answer's payload, and the hypervisor's certificate table."""
        if self.key is None:
            raise KeyWiped("the key was wiped before")
        if self.count == LAST_COUNT:
            raise self._wiped("all sequence numbers are used")
        header = MessageHeader(
            msg_seqno=self.count + 1,
            algo=AES_256_GCM,
            hdr_version=HEADER_VERSION,
            hdr_size=HEADER_BYTES,
            msg_type=kind,
            msg_version=MESSAGE_VERSION,
            msg_vmpck=self.vmpck,
        )
        message = sealed(self.key, header, payload)
        for _ in range(MOST_TRIES):
            carried = carry(message, pages)
            if carried.vmm_error == VmmError.INVALID_LENGTH:
                pages = min(carried.pages_needed, MOST_PAGES)
            elif carried.vmm_error != VmmError.BUSY:
                return self._answer(header, carried), carried.certificates
        raise self._wiped(f"no answer after {MOST_TRIES} tries")

    def _answer(self, request: MessageHeader, carried: Carried) -> bytes:
        """The payload of a response, if it is the one to this request."""
        if carried.vmm_error or carried.firmware_status:
            raise self._wiped(f"the request failed: {carried.vmm_error:#x}, {carried.firmware_status:#x}")
        assert self.key is not None, "the request was sealed with it"
        header = parse(MessageHeader, carried.response)
        expected = (request.msg_seqno + 1, request.msg_type + 1, self.vmpck, AES_256_GCM, HEADER_VERSION, HEADER_BYTES)
        found = (header.msg_seqno, header.msg_type, header.msg_vmpck, header.algo, header.hdr_version, header.hdr_size)
        content = carried.response[HEADER_BYTES : HEADER_BYTES + header.msg_size]
        payload = opened(self.key, carried.response[:HEADER_BYTES], header.msg_seqno, content, header.auth_tag)
        if found != expected or payload is None:
            raise self._wiped("the response is not the one to this request")
        self.count += 2
        return payload

    def _wiped(self, why: str) -> KeyWiped:
        self.key = None
        return KeyWiped(why)
