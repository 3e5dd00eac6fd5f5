"""Guest messages: the header, and AES-256-GCM under a communication key (firmware ABI 56860, "Guest Messages").

The additional data are the header from ALGO on; AUTHTAG and MSG_SEQNO are outside of it. The IV is MSG_SEQNO.
"""

from dataclasses import dataclass, replace
from enum import IntEnum, unique
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from impl.firmware.layout import Layout, raw, u8, u16, u64

HEADER_BYTES = 0x60
HEADER_VERSION = 1
AES_256_GCM = 1
"""ALGO"""
MESSAGE_VERSION = 1
"""The newest version of every message that firmware 1.55 knows."""
_ASSOCIATED = slice(0x30, 0x60)
_TAG_BYTES = 16
_IV_BYTES, _IV_COUNT_BYTES = 12, 8


@unique
class MessageType(IntEnum):
    """MSG_TYPE; a response is its request plus one."""

    CPUID_REQ = 0x01
    KEY_REQ = 0x03
    REPORT_REQ = 0x05
    EXPORT_REQ = 0x07
    IMPORT_REQ = 0x09
    ABSORB_REQ = 0x0B
    VMRK_REQ = 0x0D
    ABSORB_NOMA_REQ = 0x0F
    TSC_INFO_REQ = 0x11


@dataclass(frozen=True, kw_only=True)
class MessageHeader(Layout):
    """The first 60h bytes of a message; the payload follows."""

    LENGTH: ClassVar[int] = HEADER_BYTES
    auth_tag: bytes = raw(0x00, _TAG_BYTES)
    msg_seqno: int = u64(0x20)
    algo: int = u8(0x30)
    hdr_version: int = u8(0x31)
    hdr_size: int = u16(0x32)
    msg_type: int = u8(0x34)
    msg_version: int = u8(0x35)
    msg_size: int = u16(0x36)
    """Bytes of payload."""
    msg_vmpck: int = u8(0x3C)


def opened(key: bytes, header: bytes, sequence: int, payload: bytes, tag: bytes) -> bytes | None:
    """The plaintext of a payload behind the raw `header`, or None if the tag does not fit."""
    try:
        return AESGCM(key).decrypt(_iv(sequence), payload + tag, header[_ASSOCIATED])
    except InvalidTag:
        return None


def sealed(key: bytes, header: MessageHeader, payload: bytes) -> bytes:
    """A whole message. The header is given without its tag and size."""
    sized = replace(header, msg_size=len(payload))
    ciphertext = AESGCM(key).encrypt(_iv(header.msg_seqno), payload, sized.pack()[_ASSOCIATED])
    tagged = replace(sized, auth_tag=ciphertext[-_TAG_BYTES:])
    return tagged.pack() + ciphertext[:-_TAG_BYTES]


def _iv(sequence: int) -> bytes:
    """The sequence number, little-endian, and four zero bytes."""
    return sequence.to_bytes(_IV_COUNT_BYTES, "little").ljust(_IV_BYTES, b"\0")
