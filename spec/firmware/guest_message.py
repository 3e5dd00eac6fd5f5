"""Messages between a guest and firmware, which the host carries (ABI, "SNP_GUEST_REQUEST"; "Guest Messages").

Encryption is ideal: a message is authentic exactly if it was sealed under the guest's key for this VMPCK and number.
"""

from typing import Annotated

from spec.firmware.command import (
    PageAddress,
    context_of,
    has_entry,
    is_context_page,
    is_page_aligned,
    refused_address,
    refused_early,
    refused_uncovered,
)
from spec.firmware.message_counts import LAST_COUNT, count_of
from spec.firmware.state import KeyId
from spec.logic import all_of, any_of, first_of, none_of
from spec.record import record
from spec.registry import Outcome
from spec.rmp.page_state import is_firmware
from spec.system.state import System
from spec.vocabulary import Bits, Evidence, GuestState, PageSize, Status

HEADER_SIZE = 0x60
PAGE_BYTES = 0x1000
AES_256_GCM = 1
VMPCKS = 4


@record
class GuestMessage:
    """The command buffer of SNP_GUEST_REQUEST, and the header that stands at the request's address."""

    context: PageAddress
    request: PageAddress
    response: PageAddress
    header_version: Annotated[int, Bits(8)]
    header_size: Annotated[int, Bits(16)]
    algorithm: Annotated[int, Bits(8)]
    size: Annotated[int, Bits(16)]
    """MSG_SIZE: bytes of payload behind the header."""
    vmpck: Annotated[int, Bits(8)]
    version: Annotated[int, Bits(8)]
    sequence: Annotated[int, Bits(64)]
    sealed_under: KeyId
    """The VMPCKs of whoever sealed this message, for this VMPCK and number; the host cannot choose a guest's."""
    response_fits: bool
    """The answer does not run over the end of the response page."""


def refused_message(system: System, op: GuestMessage) -> Outcome | None:
    """The checks up to the payload; these refusals are the host's to see. None: firmware goes on."""
    # 1. Reserved bits, platform state, the three pages.
    if (refused := refused_early(system, reserved=none_of(is_page_aligned(op.context)))) is not None:
        return refused
    if (refused := refused_pages(system, op)) is not None:
        return refused

    # 2. The guest runs.
    context = context_of(system, op.context)
    if context.state != GuestState.RUNNING:
        return Outcome(Status.INVALID_GUEST_STATE, "guest-state", system, Evidence.FIRMWARE)

    # 3. The header, and where the payload ends.
    if (cause := wrong_header(op)) is not None:
        return Outcome(Status.INVALID_PARAM, cause, system, Evidence.FIRMWARE)

    # 4. The message is this guest's.
    if op.sealed_under != context.vmpcks:
        return Outcome(Status.BAD_MEASUREMENT, "authentic", system, Evidence.FIRMWARE)

    # 5. It is the next one under its VMPCK.
    count = count_of(context.message_counts, op.vmpck)
    if cause := first_of(("count", count == LAST_COUNT), ("sequence", op.sequence != count + 1)):
        return Outcome(Status.AEAD_OFLOW, cause, system, Evidence.FIRMWARE)

    # 6. Its version is known.
    if op.version != 1:
        return Outcome(Status.INVALID_PARAM, "message-version", system, Evidence.FIRMWARE)
    return None


def refused_pages(system: System, op: GuestMessage) -> Outcome | None:
    """All three entries are read before the first is judged. The request page's state does not matter."""
    if (refused := refused_address(system, op.context, op.request, op.response)) is not None:
        return refused
    if none_of(is_context_page(system, op.context)):
        return Outcome(Status.INVALID_GUEST, "context", system, Evidence.FIRMWARE)
    request, response = system.rmp[op.request.page], system.rmp[op.response.page]
    if none_of(all_of(has_entry(system, op.response), is_firmware(response))):
        return Outcome(Status.INVALID_PAGE_STATE, "response-state", system, Evidence.FIRMWARE)
    if (refused := refused_uncovered(system, op.request)) is not None:
        return refused
    if any_of(request.page_size != PageSize.SIZE_4K, response.page_size != PageSize.SIZE_4K):
        return Outcome(Status.INVALID_PAGE_SIZE, "page-size", system, Evidence.FIRMWARE)
    return None


def wrong_header(op: GuestMessage) -> str | None:
    """What is wrong with the header, or with where it stands."""
    offset = op.request.spa & (PAGE_BYTES - 1)
    return first_of(
        ("header-in-page", offset + HEADER_SIZE > PAGE_BYTES),
        ("header-version", op.header_version != 1),
        ("header-size", op.header_size != HEADER_SIZE),
        ("algorithm", op.algorithm != AES_256_GCM),
        ("message-size", any_of(op.size == 0, op.size & 0xF != 0)),
        ("payload-in-page", offset + HEADER_SIZE + op.size > PAGE_BYTES),
        ("vmpck", op.vmpck >= VMPCKS),
    )
