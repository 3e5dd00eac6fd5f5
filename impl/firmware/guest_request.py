"""SNP_GUEST_REQUEST: the hypervisor carries a sealed message from a guest to the firmware, and the answer back."""

from impl.firmware.buffers import GuestRequestBuffer
from impl.firmware.guest_context import VMPCKS, GuestContext
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
from impl.firmware.message_handlers import HANDLERS, answer
from impl.firmware.refusal import Refused, require
from impl.firmware.state import Firmware
from impl.memory.engine import PAGE_BYTES
from spec.vocabulary import GuestState, Limit, PageSize, PageState, Status

KNOWN_MESSAGES = tuple(HANDLERS)
LAST_COUNT = (1 << 64) - 2
_PAYLOAD_ALIGNMENT = 16


def guest_request(firmware: Firmware, buffer: GuestRequestBuffer) -> str:
    """Firmware ABI (56860), SNP_GUEST_REQUEST. Checks here answer the hypervisor; those of the message, the guest."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context. All pages are looked up before any is judged.
    context = firmware.page(buffer.gctx_paddr)
    request, response = firmware.page(buffer.request_paddr), firmware.page(buffer.response_paddr)
    guest = firmware.context(context)

    # 4. The response goes to a donated page; the request may come from any.
    firmware.require_state(response, PageState.FIRMWARE, check="response-page-state")

    # 5. Both are 4 KiB pages.
    firmware.require_size(request, PageSize.SIZE_4K)
    firmware.require_size(response, PageSize.SIZE_4K)

    # 6. The guest runs.
    firmware.require_guest_state(guest, GuestState.RUNNING)
    raw_header, header, sealed_payload = _read_request(firmware, buffer.request_paddr)
    key = guest.vmpcks[header.msg_vmpck]

    # 11. The guest sealed the message.
    payload = opened(key, raw_header, header.msg_seqno, sealed_payload, header.auth_tag)
    if payload is None:
        raise Refused(Status.BAD_MEASUREMENT, "auth-tag")
    _require_next(guest, header)
    content, check = answer(firmware, guest, header.msg_type, payload, header.msg_vmpck)

    # 15. The response lies in one page. What the handler did stays done.
    fits = buffer.response_paddr % PAGE_BYTES + HEADER_BYTES + len(content) <= PAGE_BYTES
    require(fits, Status.INVALID_PARAM, "response-crosses-page")
    reply = MessageHeader(
        msg_seqno=header.msg_seqno + 1,
        algo=AES_256_GCM,
        hdr_version=HEADER_VERSION,
        hdr_size=HEADER_BYTES,
        msg_type=header.msg_type + 1,
        msg_version=MESSAGE_VERSION,
        msg_vmpck=header.msg_vmpck,
    )
    guest.message_counts[header.msg_vmpck] += 2
    firmware.write(buffer.response_paddr, sealed(key, reply, content))
    return check


def _read_request(firmware: Firmware, spa: int) -> tuple[bytes, MessageHeader, bytes]:
    """The raw header, the header, and the sealed payload."""
    # 7. The header lies in one page.
    offset = spa % PAGE_BYTES
    require(offset <= PAGE_BYTES - HEADER_BYTES, Status.INVALID_PARAM, "header-crosses-page")
    raw_header = firmware.read(spa, HEADER_BYTES)
    header = parse(MessageHeader, raw_header)

    # 8. The header is of the known version, and the payload a whole number of blocks.
    known = (header.hdr_version, header.hdr_size, header.algo) == (HEADER_VERSION, HEADER_BYTES, AES_256_GCM)
    blocks = header.msg_size != 0 and header.msg_size % _PAYLOAD_ALIGNMENT == 0
    require(known and blocks, Status.INVALID_PARAM, "header")

    # 9. The payload lies in the same page.
    fits = offset + HEADER_BYTES + header.msg_size <= PAGE_BYTES
    require(fits, Status.INVALID_PARAM, "payload-crosses-page")
    payload = firmware.read(spa + HEADER_BYTES, header.msg_size)

    # 10. The communication key exists.
    require(header.msg_vmpck < VMPCKS, Status.INVALID_PARAM, "vmpck")
    return raw_header, header, payload


def _require_next(guest: GuestContext, header: MessageHeader) -> None:
    # 12. It is the next message under its key, and not the last that the key may seal.
    count = guest.message_counts[header.msg_vmpck]
    require(count != LAST_COUNT and header.msg_seqno == count + 1, Status.AEAD_OFLOW, "sequence")

    # 13. The version is supported. No newer version of any message is.
    require(header.msg_version == MESSAGE_VERSION, Status.INVALID_PARAM, "message-version")

    # 14. The type is supported.
    require(header.msg_type in tuple(MessageType), Status.INVALID_PARAM, "message-type")
    if header.msg_type not in KNOWN_MESSAGES:
        raise Refused(Limit.NOT_MODELLED, "message-type")
