"""What the firmware answers to guest messages (firmware ABI 56860, "Guest Messages").

A handler's refusal reaches the guest in-band, in a response that the hypervisor cannot read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from impl.attestation.report import REPORT_BYTES
from impl.firmware.derived_key import KeyResponse, derive
from impl.firmware.guest_context import GuestContext
from impl.firmware.guest_message import MessageType
from impl.firmware.layout import Layout, parse, u32, u64
from impl.firmware.refusal import Refused, require
from impl.firmware.report_request import ReportResponse, report
from impl.firmware.state import Firmware
from impl.firmware.vmsa_page import tsc_scale_of
from spec.vocabulary import Status


@dataclass(frozen=True, kw_only=True)
class TscInfoRequest(Layout):
    """MSG_TSC_INFO_REQ: nothing but reserved bytes."""

    LENGTH: ClassVar[int] = 0x80


@dataclass(frozen=True, kw_only=True)
class TscInfoResponse(Layout):
    """MSG_TSC_INFO_RSP."""

    LENGTH: ClassVar[int] = 0x80
    status: int = u32(0x00)
    guest_tsc_scale: int = u64(0x08)
    guest_tsc_offset: int = u64(0x10)
    tsc_factor: int = u32(0x18)


def _tsc_info(firmware: Firmware, guest: GuestContext, payload: bytes, _vmpck: int) -> Layout:
    """MSG_TSC_INFO_REQ: how the guest's time-stamp counter is scaled."""
    # 1. Reserved bits.
    require(not parse(TscInfoRequest, payload).reserved_set, Status.INVALID_PARAM, "tsc-reserved-bits")
    environment = firmware.environment
    return TscInfoResponse(
        guest_tsc_scale=tsc_scale_of(guest.desired_tsc_khz, environment.tsc_reference_khz),
        guest_tsc_offset=guest.tsc_offset,
        tsc_factor=environment.tsc_factor,
    )


Handler = Callable[[Firmware, GuestContext, bytes, int], Layout]
HANDLERS: dict[int, tuple[Handler, Callable[[int], Layout]]] = {
    MessageType.KEY_REQ: (derive, lambda status: KeyResponse(status=status)),
    MessageType.REPORT_REQ: (report, lambda status: ReportResponse(status=status, report_size=REPORT_BYTES)),
    MessageType.TSC_INFO_REQ: (_tsc_info, lambda status: TscInfoResponse(status=status)),
}
"""By message type: who answers, and the response that carries nothing but a status."""


def answer(firmware: Firmware, guest: GuestContext, message: int, payload: bytes, vmpck: int) -> tuple[bytes, str]:
    """The response's payload, and the name of the check that decided."""
    handler, refusal = HANDLERS[message]
    try:
        return handler(firmware, guest, payload, vmpck).pack(), "answered"
    except Refused as refused:
        assert isinstance(refused.result, Status), "a handler that exists is modelled"
        return refusal(refused.result).pack(), refused.check
