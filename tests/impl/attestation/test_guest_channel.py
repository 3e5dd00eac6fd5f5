"""The guest's end of guest messages: it never seals two plaintexts under one number (rule S12)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from impl.attestation.certificate_table import packed_table
from impl.attestation.guest_channel import LAST_COUNT, MOST_TRIES, Carried, Channel, KeyWiped, VmmError
from impl.attestation.secrets_copy import channel_of, page_for_level
from impl.firmware.guest_message import HEADER_BYTES, MessageType
from impl.firmware.layout import parse
from impl.firmware.report_request import ReportRequest, ReportResponse
from impl.firmware.secrets_page import secrets_page
from spec.vocabulary import Status
from tests.impl.attestation.made import Scene, scene

REQUEST = ReportRequest(report_data=b"nonce".ljust(64, b"\0")).pack()


@pytest.fixture
def made() -> Scene:
    return scene()


class Recorder:
    """A hypervisor that answers as told, and remembers what it carried."""

    def __init__(self, carry: Callable[[bytes, int], Carried], *before: Carried) -> None:
        self.carry = carry
        self.before = list(before)
        self.seen: list[tuple[bytes, int]] = []

    def __call__(self, message: bytes, pages: int) -> Carried:
        self.seen.append((message, pages))
        return self.before.pop(0) if self.before else self.carry(message, pages)


def failing(vmm_error: int = 0, status: int = 0, response: bytes = bytes(HEADER_BYTES), pages: int = 0) -> Carried:
    return Carried(vmm_error, status, response, pages_needed=pages)


def test_answers_are_counted_on_both_sides(made: Scene) -> None:
    channel = made.channel()
    for count in (2, 4):
        channel.request(MessageType.REPORT_REQ, REQUEST, made.carrier.carry)
        assert (channel.count, made.guest.message_counts[0]) == (count, count)


def test_busy_hypervisor_gets_the_same_bytes_again(made: Scene) -> None:
    recorder = Recorder(made.carrier.carry, failing(VmmError.BUSY), failing(VmmError.BUSY))
    made.channel().request(MessageType.REPORT_REQ, REQUEST, recorder)
    assert len(recorder.seen) == 3
    assert len({message for message, _ in recorder.seen}) == 1


def test_too_few_pages_are_asked_for_again_with_the_same_bytes(made: Scene) -> None:
    table = packed_table({"VCEK": b"c" * 5000})
    carrier = replace(made.carrier, certificates=table)
    recorder = Recorder(carrier.carry)
    _, certificates = made.channel().request(MessageType.REPORT_REQ, REQUEST, recorder, pages=1)
    assert [pages for _, pages in recorder.seen] == [1, 2]
    assert len({message for message, _ in recorder.seen}) == 1
    assert certificates == table


def test_plain_request_brings_no_certificates(made: Scene) -> None:
    carrier = replace(made.carrier, certificates=packed_table({"VCEK": b"c"}))
    assert made.channel().request(MessageType.REPORT_REQ, REQUEST, carrier.carry)[1] == b""


def altered(made: Scene, offset: int) -> Carried:
    """A genuine answer to the first request, with one bit changed."""
    sent: list[tuple[bytes, int]] = []
    with pytest.raises(KeyWiped):
        made.channel().request(MessageType.REPORT_REQ, REQUEST, lambda *message: sent.append(message) or failing())
    carried = made.carrier.carry(*sent[0])
    response = bytearray(carried.response)
    response[offset] ^= 1
    return replace(carried, response=bytes(response))


FAILURES = {
    "error of the hypervisor": lambda _: failing(3),
    "status of firmware": lambda _: failing(status=0x10),
    "no response": lambda _: failing(),
    "tag": lambda made: altered(made, 0x00),
    "sequence number": lambda made: altered(made, 0x20),
    "type": lambda made: altered(made, 0x34),
    "key": lambda made: altered(made, 0x3C),
    "payload": lambda made: altered(made, HEADER_BYTES),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_whatever_else_comes_back_wipes_the_key(made: Scene, failure: Callable[[Scene], Carried]) -> None:
    carried = failure(made)
    channel = Channel(0, made.guest.vmpcks[0])
    with pytest.raises(KeyWiped):
        channel.request(MessageType.REPORT_REQ, REQUEST, lambda _message, _pages: carried)
    assert channel.key is None
    with pytest.raises(KeyWiped, match="wiped before"):
        channel.request(MessageType.REPORT_REQ, REQUEST, made.carrier.carry)


def test_hypervisor_that_is_busy_for_ever_ends_the_channel(made: Scene) -> None:
    recorder = Recorder(lambda _message, _pages: failing(VmmError.BUSY))
    channel = made.channel()
    with pytest.raises(KeyWiped, match=f"no answer after {MOST_TRIES} tries"):
        channel.request(MessageType.REPORT_REQ, REQUEST, recorder)
    assert len({message for message, _ in recorder.seen}) == 1
    assert channel.key is None


def test_lost_answer_ends_the_channel_and_no_other_question_is_sealed(made: Scene) -> None:
    channel = made.channel()
    lost = iter([True])

    def carry(message: bytes, pages: int) -> Carried:
        carried = made.carrier.carry(message, pages)
        return failing(VmmError.BUSY) if next(lost, False) else carried

    with pytest.raises(KeyWiped, match=f"{Status.AEAD_OFLOW.value:#x}"):
        channel.request(MessageType.REPORT_REQ, REQUEST, carry)
    assert made.guest.message_counts[0] == 2


def test_last_number_is_not_used(made: Scene) -> None:
    channel = Channel(0, made.guest.vmpcks[0], LAST_COUNT)
    recorder = Recorder(made.carrier.carry)
    with pytest.raises(KeyWiped, match="all sequence numbers"):
        channel.request(MessageType.REPORT_REQ, REQUEST, recorder)
    assert recorder.seen == []


@pytest.mark.parametrize("vmpl", range(4))
def test_level_has_no_key_of_a_more_privileged_one(made: Scene, vmpl: int) -> None:
    page = page_for_level(secrets_page(made.guest, 0, 0), vmpl)
    keys = [channel_of(page, vmpck).key for vmpck in range(4)]
    assert keys == [None] * vmpl + made.guest.vmpcks[vmpl:]


def test_report_that_vmpl2_can_ask_for_never_says_vmpl1(made: Scene) -> None:
    page = page_for_level(secrets_page(made.guest, 0, 0), 2)
    request = ReportRequest(vmpl=1).pack()
    for vmpck in (0, 1):
        with pytest.raises(KeyWiped):
            channel_of(page, vmpck).request(MessageType.REPORT_REQ, request, made.carrier.carry)
    answer, _ = channel_of(page, 2).request(MessageType.REPORT_REQ, request, made.carrier.carry)
    assert parse(ReportResponse, answer).status == Status.INVALID_PARAM
