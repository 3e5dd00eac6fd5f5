"""The hypervisor's obligations: what it must refuse of a guest. GHCB (56421), "VMGEXIT"."""

from typing import Any

import pytest

from impl.guest import layout
from impl.hypervisor.emulated import Emulated
from impl.hypervisor.flat_launch import NESTED_ROOT, OPERAND, FlatLaunch
from impl.hypervisor.generation import Generation
from impl.hypervisor.ghcb_scratch import request_span
from impl.hypervisor.ghcb_snapshot import Snapshot
from impl.hypervisor.honest import HonestHypervisor
from impl.hypervisor.msr_messages import MsrMessages, sev_info
from impl.hypervisor.page_states import GuestPages
from impl.machine import Machine
from spec.ghcb.vocabulary.answers import Answer, Malformed
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.msr import MsrCode
from spec.ghcb.vocabulary.page import GHCB_SIZE, GHCB_USAGE_OFFSET, SHARED_BUFFER_OFFSET, VALID_BITMAP_OFFSET, GhcbField
from spec.ghcb.vocabulary.page_state import PageStateError
from spec.vocabulary import PAGE_SHIFT

GPA = layout.GHCB.gpa
BUFFER = GPA + SHARED_BUFFER_OFFSET


def request(buffer: bytes = b"", usage: int = 0, **fields: int) -> Snapshot:
    page, bits = bytearray(GHCB_SIZE), 0
    for name, value in {"SW_EXITINFO1": 0, "SW_EXITINFO2": 0, **fields}.items():
        if value >= 0:
            page[GhcbField[name] : GhcbField[name] + 8] = value.to_bytes(8, "little")
            bits |= 1 << GhcbField[name] // 8
    page[VALID_BITMAP_OFFSET : VALID_BITMAP_OFFSET + 16] = bits.to_bytes(16, "little")
    page[GHCB_USAGE_OFFSET : GHCB_USAGE_OFFSET + 4] = usage.to_bytes(4, "little")
    page[SHARED_BUFFER_OFFSET : SHARED_BUFFER_OFFSET + len(buffer)] = buffer
    return Snapshot(bytes(page), GPA)


@pytest.fixture
def host() -> HonestHypervisor:
    return HonestHypervisor(Machine(), Emulated(), None)


MISSING = -1
REFUSED: list[tuple[dict[str, Any], Malformed]] = [
    ({"SW_EXITCODE": SvmExit.CPUID, "usage": 1}, Malformed.INVALID_USAGE),
    ({"SW_EXITCODE": SvmExit.CPUID, "SW_EXITINFO2": MISSING}, Malformed.MISSING_INPUT),
    ({"SW_EXITCODE": SvmExit.CPUID, "RAX": 1}, Malformed.MISSING_INPUT),
    ({"SW_EXITCODE": SvmExit.CPUID, "RAX": 0xD, "RCX": 0}, Malformed.MISSING_INPUT),
    ({"SW_EXITCODE": SvmExit.MSR, "SW_EXITINFO1": 1, "RCX": 0x277, "RAX": 0}, Malformed.MISSING_INPUT),
    ({"SW_EXITCODE": SvmExit.MSR, "SW_EXITINFO1": 2, "RCX": 0x277}, Malformed.INVALID_INPUT),
    ({"SW_EXITCODE": SvmExit.VMMCALL, "RAX": 0}, Malformed.MISSING_INPUT),
    ({"SW_EXITCODE": SvmExit.IOIO, "SW_EXITINFO1": 0x3F8 << 16 | 0x210}, Malformed.MISSING_INPUT),
    ({"SW_EXITCODE": SvmExit.IOIO, "SW_EXITINFO1": 0x3F8 << 16 | 0x231}, Malformed.INVALID_INPUT),
    ({"SW_EXITCODE": SvmExit.IOIO, "SW_EXITINFO1": 0x3F8 << 16 | 0x213}, Malformed.INVALID_INPUT),
    ({"SW_EXITCODE": SvmExit.IOIO, "SW_EXITINFO1": 0x3F8 << 16 | 0x215, "SW_EXITINFO2": 2033, "SW_SCRATCH": BUFFER},
     Malformed.BAD_SCRATCH),
    ({"SW_EXITCODE": SvmExit.IOIO, "SW_EXITINFO1": 0x3F8 << 16 | 0x214, "SW_EXITINFO2": 1 << 62, "SW_SCRATCH": BUFFER},
     Malformed.BAD_SCRATCH),
    ({"SW_EXITCODE": GhcbEvent.MMIO_READ, "SW_EXITINFO2": 9, "SW_SCRATCH": BUFFER}, Malformed.INVALID_INPUT),
    ({"SW_EXITCODE": GhcbEvent.MMIO_READ, "SW_EXITINFO2": 8}, Malformed.MISSING_INPUT),
    ({"SW_EXITCODE": GhcbEvent.MMIO_READ, "SW_EXITINFO2": 8, "SW_SCRATCH": BUFFER - 1}, Malformed.BAD_SCRATCH),
    ({"SW_EXITCODE": GhcbEvent.MMIO_WRITE, "SW_EXITINFO2": 8, "SW_SCRATCH": GPA + 0xFE9}, Malformed.BAD_SCRATCH),
    ({"SW_EXITCODE": GhcbEvent.MMIO_WRITE, "SW_EXITINFO2": 8, "SW_SCRATCH": layout.DATA.gpa}, Malformed.BAD_SCRATCH),
    ({"SW_EXITCODE": GhcbEvent.PAGE_STATE_CHANGE, "SW_SCRATCH": BUFFER}, Malformed.INVALID_EVENT),
    ({"SW_EXITCODE": 0x1234}, Malformed.INVALID_EVENT),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "reason"), REFUSED)
def test_a_malformed_request_is_refused_with_its_reason(
    host: HonestHypervisor, fields: dict[str, Any], reason: Malformed
) -> None:
    reply = host.answered(request(**fields))
    assert (reply.answer, reply.info2, dict(reply.outputs), reply.scratch) == (Answer.MALFORMED, reason, {}, None)
    assert host.emulated.traffic == []


def test_a_scratch_area_may_end_where_the_buffer_ends(host: HonestHypervisor) -> None:
    fields = {"SW_EXITINFO1": layout.BLOCK_DEVICE.gpa, "SW_EXITINFO2": 8, "SW_SCRATCH": GPA + 0xFE8}
    reply = host.answered(request(SW_EXITCODE=GhcbEvent.MMIO_READ, **fields))
    assert (reply.answer, reply.scratch) == (0, (0xFE8, (0x6B6C_6276_6573).to_bytes(8, "little")))


def test_a_string_is_sent_out_of_the_buffer_as_it_was(host: HonestHypervisor) -> None:
    info = 0x3F8 << 16 | 0x20C | 0x10
    fields = {"SW_EXITINFO1": info, "SW_EXITINFO2": 3, "SW_SCRATCH": BUFFER}
    assert host.answered(request(b"abcd", SW_EXITCODE=SvmExit.IOIO, **fields)).answer == 0
    assert bytes(host.emulated.serial.sent) == b"abc"


def test_an_unknown_msr_is_a_general_protection_fault(host: HonestHypervisor) -> None:
    reply = host.answered(request(SW_EXITCODE=SvmExit.MSR, RCX=0x1234))
    assert (reply.answer, reply.info2) == (Answer.EXCEPTION, 0x8000_0B0D)


# --- SNP ---


class Snp:
    def __init__(self) -> None:
        self.launch = FlatLaunch(Generation.SNP, b"\xf4")
        self.pages = GuestPages(self.launch.machine, self.launch.asid, NESTED_ROOT, OPERAND)
        self.host = HonestHypervisor(self.launch.machine, Emulated(), self.pages)
        self.host.messages.registered = GPA

    def assigned(self, gpa: int) -> bool:
        return self.launch.machine.rmp.load(self.launch.spa(gpa) >> PAGE_SHIFT).assigned

    def change(self, *entries: int, current: int = 0, end: int | None = None, reserved: int = 0) -> tuple[int, int]:
        """SW_EXITINFO2 and the new cur_entry."""
        header = current | (len(entries) - 1 if end is None else end) << 16 | reserved << 32
        buffer = b"".join(number.to_bytes(8, "little") for number in (header, *entries))
        reply = self.host.answered(request(buffer, SW_EXITCODE=GhcbEvent.PAGE_STATE_CHANGE, SW_SCRATCH=BUFFER))
        assert reply.answer == 0
        return reply.info2, int.from_bytes(reply.scratch[1], "little") if reply.scratch else -1


@pytest.fixture
def snp() -> Snp:
    return Snp()


SHARED, PRIVATE = 2 << 52, 1 << 52
FIRST, SECOND = layout.SHARED.gpa, layout.SHARED.gpa + 0x1000


def test_a_page_that_is_not_registered_is_no_ghcb(snp: Snp) -> None:
    snp.host.messages.registered = None
    reply = snp.host.answered(request(SW_EXITCODE=SvmExit.RDTSC))
    assert (reply.answer, reply.info2) == (Answer.MALFORMED, Malformed.NOT_REGISTERED)


def test_a_list_of_pages_changes_hands_in_order(snp: Snp) -> None:
    assert snp.change(SHARED | FIRST, SHARED | SECOND) == (0, 2)
    assert not snp.assigned(FIRST)
    assert not snp.assigned(SECOND)
    assert snp.change(PRIVATE | FIRST) == (0, 1)
    assert snp.assigned(FIRST)


@pytest.mark.parametrize(
    ("header", "error"),
    [({"end": 253}, PageStateError.INVALID_HEADER), ({"reserved": 1}, PageStateError.INVALID_HEADER)],
)
def test_a_header_that_cannot_be_changes_nothing(snp: Snp, header: dict[str, int], error: int) -> None:
    assert snp.change(SHARED | FIRST, **header)[0] == error
    assert snp.assigned(FIRST)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (5 << 52 | SECOND, PageStateError.INVALID_ENTRY),
        (SHARED | SECOND | 1 << 57, PageStateError.INVALID_ENTRY),
        (SHARED | SECOND | 1 << 56, PageStateError.INVALID_ENTRY),
        (SHARED | 0x7FFF_F000, PageStateError.GENERIC),
    ],
    ids=["operation", "reserved", "misaligned", "no memory"],
)
def test_a_bad_entry_stops_the_list_and_is_named_by_its_index(snp: Snp, entry: int, error: int) -> None:
    assert snp.change(SHARED | FIRST, entry) == (error, 1)
    assert not snp.assigned(FIRST)
    assert snp.assigned(SECOND)


# --- the MSR protocol ---


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (MsrCode.SEV_INFO_REQUEST, sev_info()),
        (MsrCode.PREFERRED_GPA_REQUEST, (1 << 64) - 0x1000 | MsrCode.PREFERRED_GPA_RESPONSE),
        (0x30 << 12 | MsrCode.REGISTER_GPA_REQUEST, 0x30 << 12 | MsrCode.REGISTER_GPA_RESPONSE),
        (MsrCode.HV_FEATURES_REQUEST, MsrCode.HV_FEATURES_RESPONSE),
        (0x8000_0000 << 32 | MsrCode.CPUID_REQUEST, 0x8000_001F << 32 | MsrCode.CPUID_RESPONSE),
        (2 << 52 | MsrCode.PAGE_STATE_REQUEST, 2 << 52 | MsrCode.PAGE_STATE_REQUEST),
        (0xABC, 0xABC),
    ],
)
def test_messages_of_an_sev_es_guest_are_answered(value: int, answer: int) -> None:
    assert MsrMessages(Emulated(), None).answer(value) == answer


@pytest.mark.parametrize(("operation", "error"), [(2, 0), (3, 1 << 63), (0, 1 << 63)])
def test_one_page_changes_by_message(snp: Snp, operation: int, error: int) -> None:
    value = operation << 52 | FIRST | MsrCode.PAGE_STATE_REQUEST
    assert snp.host.messages.answer(value) == error | MsrCode.PAGE_STATE_RESPONSE
    assert snp.assigned(FIRST) == bool(error)


# --- what the trace counts ---


@pytest.mark.parametrize("scratch", [0xDC, GPA - 8, GPA + 0x7FF, GPA + 0xFF0, (1 << 64) - 1])
def test_a_scratch_area_elsewhere_is_no_part_of_the_request(scratch: int) -> None:
    found = request(b"abc", SW_EXITCODE=GhcbEvent.MMIO_WRITE, SW_EXITINFO2=8, SW_SCRATCH=scratch)
    assert request_span(found) == (SHARED_BUFFER_OFFSET, 0)
    assert found.stray_bytes(bytes(GHCB_SIZE), [request_span(found)]) == 3


def test_bytes_beside_the_request_are_counted_unless_the_hypervisor_left_them() -> None:
    found = request(b"abcdefgh", SW_EXITCODE=GhcbEvent.MMIO_WRITE, SW_EXITINFO2=2, SW_SCRATCH=BUFFER)
    assert request_span(found) == (SHARED_BUFFER_OFFSET, 2)
    left = bytearray(GHCB_SIZE)
    assert found.stray_bytes(bytes(left), [request_span(found)]) == 6
    left[SHARED_BUFFER_OFFSET + 2 : SHARED_BUFFER_OFFSET + 4] = b"cd"
    assert found.stray_bytes(bytes(left), [request_span(found)]) == 4
