"""Guest messages: the seal, the counters, and what is answered in-band. Built here from the ABI's tables alone."""

import struct
from hashlib import sha256
from hmac import new as new_hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from impl.firmware.buffers import GuestRequestBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.guest_context import GuestContext
from impl.firmware.processor import Answer
from spec.vocabulary import Limit, Status
from tests.impl.firmware.host import GCTX, OUTPUT, PAGE, SPA, TARGET, UNCOVERED, Host

KEY, REPORT, TSC_INFO = 3, 5, 0x11
BUFFER = GuestRequestBuffer(gctx_paddr=GCTX, request_paddr=TARGET, response_paddr=OUTPUT)


def request_message(
    guest: GuestContext, kind: int, payload: bytes, *, vmpck: int = 0, sequence: int | None = None, **header: int
) -> bytes:
    """A message as a guest seals it."""
    number = guest.message_counts[vmpck % 4] + 1 if sequence is None else sequence
    values = {
        "algo": 1,
        "version": 1,
        "size": 0x60,
        "kind": kind,
        "message_version": 1,
        "length": len(payload),
    } | header
    authenticated = struct.pack("<BBHBBHIB", *values.values(), 0, vmpck).ljust(0x30, b"\0")
    sealed = AESGCM(guest.vmpcks[vmpck % 4]).encrypt(struct.pack("<Q4x", number), payload, authenticated)
    return sealed[-16:].ljust(32, b"\0") + struct.pack("<Q8x", number) + authenticated + sealed[:-16]


def response(host: Host, guest: GuestContext, vmpck: int = 0) -> tuple[int, int, bytes]:
    """Sequence number, type and payload of the response, opened as a guest does."""
    page = host.machine.memory.read_raw(OUTPUT, PAGE)
    (number,) = struct.unpack_from("<Q", page, 0x20)
    kind, _version, length = struct.unpack_from("<BBH", page, 0x34)
    payload = page[0x60 : 0x60 + length] + page[:16]
    opened = AESGCM(guest.vmpcks[vmpck]).decrypt(struct.pack("<Q4x", number), payload, page[0x30:0x60])
    return number, kind, opened


def send(host: Host, message: bytes) -> Answer:
    host.machine.memory.write_raw(TARGET, message)
    return host.run(CommandId.GUEST_REQUEST, BUFFER)


@pytest.fixture
def host() -> Host:
    ready = Host().initialise()
    ready.run_guest()
    ready.donate(OUTPUT)
    return ready


@pytest.fixture
def guest(host: Host) -> GuestContext:
    return host.firmware.contexts[GCTX >> 12]


def test_tsc_info_is_answered_and_counts_two_messages(host, guest):
    guest.desired_tsc_khz = 149_700  # one and a half times the reference clock
    assert send(host, request_message(guest, TSC_INFO, bytes(0x80))) == Answer(Status.SUCCESS, "answered")
    number, kind, payload = response(host, guest)
    assert (number, kind, len(payload)) == (2, 0x12, 0x80)
    assert struct.unpack_from("<IIQQI", payload) == (0, 0, 3 << 31, 0, 200)
    assert guest.message_counts == [2, 0, 0, 0]


def test_the_same_request_is_never_answered_twice(host, guest):
    message = request_message(guest, TSC_INFO, bytes(0x80))
    assert send(host, message).result == Status.SUCCESS
    assert send(host, message) == Answer(Status.AEAD_OFLOW, "sequence")
    assert send(host, request_message(guest, TSC_INFO, bytes(0x80))).result == Status.SUCCESS


def test_the_last_sequence_number_is_not_used(host, guest):
    guest.message_counts[0] = (1 << 64) - 2
    assert send(host, request_message(guest, TSC_INFO, bytes(0x80))) == Answer(Status.AEAD_OFLOW, "sequence")


@pytest.mark.parametrize("byte", [0x00, 0x20, 0x30, 0x3C, 0x5F, 0x60])
def test_a_flipped_bit_of_seal_header_or_payload_is_found(host, guest, byte):
    message = bytearray(request_message(guest, TSC_INFO, bytes(0x80), vmpck=0))
    message[byte] ^= 2
    answer = send(host, bytes(message))
    expected = Answer(Status.INVALID_PARAM, "header") if byte == 0x30 else Answer(Status.BAD_MEASUREMENT, "auth-tag")
    assert answer == expected


@pytest.mark.parametrize(
    "wrong",
    [{"algo": 2}, {"version": 2}, {"size": 0x50}, {"length": 0}, {"length": 0x81}],
)
def test_a_malformed_header_is_refused(host, guest, wrong):
    assert send(host, request_message(guest, TSC_INFO, bytes(0x80), **wrong)) == Answer(Status.INVALID_PARAM, "header")


def test_a_payload_that_leaves_the_page_is_refused(host, guest):
    message = request_message(guest, TSC_INFO, bytes(0xFB0))
    assert send(host, message) == Answer(Status.INVALID_PARAM, "payload-crosses-page")


def test_a_communication_key_that_does_not_exist_is_refused(host, guest):
    assert send(host, request_message(guest, TSC_INFO, bytes(0x80), vmpck=4)) == Answer(Status.INVALID_PARAM, "vmpck")


@pytest.mark.parametrize("version", [0, 2])
def test_another_message_version_is_refused(host, guest, version):
    message = request_message(guest, TSC_INFO, bytes(0x80), message_version=version)
    assert send(host, message) == Answer(Status.INVALID_PARAM, "message-version")


@pytest.mark.parametrize("kind", [0, 2, 4, 0x12, 0x13, 0xFF])
def test_an_unknown_message_type_is_refused_and_not_counted(host, guest, kind):
    assert send(host, request_message(guest, kind, bytes(0x80))) == Answer(Status.INVALID_PARAM, "message-type")
    assert guest.message_counts == [0, 0, 0, 0]


def test_migration_messages_are_not_modelled(host, guest):
    assert send(host, request_message(guest, 7, bytes(0x80))) == Answer(Limit.NOT_MODELLED, "message-type")


def test_a_response_without_room_leaves_the_count(host, guest):
    host.machine.memory.write_raw(TARGET, request_message(guest, TSC_INFO, bytes(0x80)))
    buffer = GuestRequestBuffer(gctx_paddr=GCTX, request_paddr=TARGET, response_paddr=OUTPUT + 0xF21)
    host.refused(Status.INVALID_PARAM, "response-crosses-page", CommandId.GUEST_REQUEST, buffer)
    assert guest.message_counts[0] == 0


def test_a_request_from_an_uncovered_page_is_a_page_state_error(host):
    buffer = GuestRequestBuffer(gctx_paddr=GCTX, request_paddr=UNCOVERED, response_paddr=OUTPUT)
    host.refused(Status.INVALID_PAGE_STATE, "covered", CommandId.GUEST_REQUEST, buffer)


def in_band(host: Host, guest: GuestContext, kind: int, payload: bytes, vmpck: int = 0) -> tuple[str, int, bytes]:
    answer = send(host, request_message(guest, kind, payload, vmpck=vmpck))
    assert answer.result == Status.SUCCESS
    _, answered, content = response(host, guest, vmpck)
    assert answered == kind + 1
    return answer.check, int.from_bytes(content[:4], "little"), content


@pytest.mark.parametrize(
    ("payload", "check", "status"),
    [
        (bytes(0x48) + b"\1", "report-reserved-bits", Status.INVALID_PARAM),
        (bytes(0x44) + b"\3", "report-key-selection", Status.INVALID_KEY),
        (bytes(0x60), "report-vmpl", Status.INVALID_PARAM),
        (bytes(0x40) + b"\1", "report-key-available", Status.INVALID_KEY),
    ],
)
def test_report_is_refused_in_band(host, guest, payload, check, status):
    found, code, content = in_band(host, guest, REPORT, payload.ljust(0x60, b"\0"), vmpck=1)
    assert (found, code, len(content)) == (check, status, 0x4C0)
    assert content[4:8] == (0x4A0).to_bytes(4, "little")
    assert guest.message_counts == [0, 2, 0, 0]


def key_request(root: int = 1, fields: int = 0, vmpl: int = 1, svn: int = 0, tcb: int = 0) -> bytes:
    return struct.pack("<IIQIIQ", root, 0, fields, vmpl, svn, tcb)


@pytest.mark.parametrize(
    ("payload", "check", "status"),
    [
        (key_request(root=9), "key-reserved-bits", Status.INVALID_PARAM),
        (key_request(root=0), "key-available", Status.INVALID_KEY),
        (key_request(vmpl=0), "key-vmpl", Status.INVALID_PARAM),
        (key_request(fields=1 << 6), "key-fields", Status.INVALID_PARAM),
        (key_request(fields=1 << 5, tcb=5), "key-tcb-version", Status.INVALID_PARAM),
        (key_request(fields=1 << 5, tcb=1 << 16), "key-tcb-version", Status.INVALID_PARAM),
        (key_request(fields=1 << 4, svn=1), "key-guest-svn", Status.INVALID_PARAM),
        (key_request(svn=1, tcb=5), "answered", Status.SUCCESS),
    ],
)
def test_key_request_is_judged_in_band(host, guest, payload, check, status):
    found, code, _ = in_band(host, guest, KEY, payload, vmpck=1)
    assert (found, code) == (check, status)


def test_derived_key_follows_the_published_construction(host, guest):
    fields = 0b001001  # policy and measurement
    _, _, content = in_band(host, guest, KEY, key_request(fields=fields, vmpl=2))
    mix = (
        struct.pack("<IIQIIQQ", 1, 0, fields, 2, 0, 0, guest.policy) + bytes(32) + guest.launch_digest[:32] + bytes(64)
    )
    message = struct.pack("<I", 1) + b"gmsg-keyreq\0" + mix + struct.pack("<I", 256)
    assert content[0x20:] == new_hmac(guest.root_key, message, sha256).digest()


def test_derived_keys_of_two_levels_differ(host, guest):
    keys = {in_band(host, guest, KEY, key_request(vmpl=vmpl))[2] for vmpl in range(4)}
    assert len(keys) == 4


@pytest.mark.parametrize(("author", "select"), [(False, 1), (True, 2)])
def test_derived_key_depends_on_who_signed_the_guest(host, guest, author, select):
    guest.id_block_en, guest.author_key_en = True, author
    guest.id_key_digest, guest.author_key_digest = b"i" * 48, b"a" * 48
    _, _, content = in_band(host, guest, KEY, key_request(vmpl=0))
    owner = (guest.author_key_digest if author else guest.id_key_digest)[:32]
    mix = struct.pack("<IIQIIQQ", 1 | select << 1, 0, 0, 0, 0, 0, 0) + bytes(96) + owner
    message = struct.pack("<I", 1) + b"gmsg-keyreq\0" + mix + struct.pack("<I", 256)
    assert content[0x20:] == new_hmac(guest.root_key, message, sha256).digest()


def test_a_2m_response_page_is_a_size_error(host):
    host.donate(SPA, size=1)
    buffer = GuestRequestBuffer(gctx_paddr=GCTX, request_paddr=TARGET, response_paddr=SPA)
    host.refused(Status.INVALID_PAGE_SIZE, "page-size", CommandId.GUEST_REQUEST, buffer)


def test_tsc_info_with_reserved_bytes_is_refused_in_band(host, guest):
    check, code, _ = in_band(host, guest, TSC_INFO, bytes(0x7F) + b"\1")
    assert (check, code) == ("tsc-reserved-bits", Status.INVALID_PARAM)
