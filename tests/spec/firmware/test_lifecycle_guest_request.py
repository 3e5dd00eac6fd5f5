"""SNP_GUEST_REQUEST: what the host is refused, what the guest is told, and how messages are counted."""

import pytest

from spec.firmware.guest_request import GuestRequest, KeySelect, MessageType, guest_request
from spec.firmware.message_counts import LAST_COUNT
from spec.firmware.state import CcxAsid, MessageCounts
from spec.record import replace
from spec.vocabulary import GuestState, Limit, Status
from tests.spec.firmware.lifecycle import (
    MESSAGE,
    REQUEST_PAGE,
    RESPONSE_PAGE,
    RUNNING,
    WITHOUT_RESERVED,
    answer_of,
    assert_every_check_has_a_case,
    assert_told,
    numbers,
    stage,
    with_firmware,
)
from tests.spec.firmware.pages import (
    LARGE,
    Case,
    assert_refused,
    at,
    cases,
    guest,
    uncovered,
    with_entry,
    with_guest,
    with_knobs,
)

FAR = 0x1000
SYSTEM = stage(RUNNING, CcxAsid.IN_USE)
OP = GuestRequest(
    message=MESSAGE,
    message_type=MessageType.REPORT,
    reserved=False,
    count=0,
    vmpl=0,
    key_select=KeySelect.VLEK_OR_VCEK,
    root_is_vmrk=False,
    fields=0,
    guest_svn=0,
    above_committed_tcb=False,
)


def message(check, result, name="", system=lambda s: s, **changes):
    return Case(check, result, {"message": replace(MESSAGE, **changes)}, system, name)


def counts(*each):
    return lambda s: with_guest(s, message_counts=MessageCounts(*each))


ENVELOPE = (
    *(message(case.check, case.result, case.name, case.system, **case.op) for case in WITHOUT_RESERVED),
    message("address", Status.INVALID_ADDRESS, "request-address", request=at(REQUEST_PAGE, forbidden=True)),
    message("rmp-page", Status.INVALID_PARAM, "response-rmp-page", response=at(RESPONSE_PAGE, in_rmp=True)),
    message("response-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, RESPONSE_PAGE, assigned=False)),
    message(
        "response-state",
        Status.INVALID_PAGE_STATE,
        "response-uncovered",
        lambda s: uncovered(s, FAR),
        response=at(FAR),
    ),
    message("covered", Status.INVALID_PAGE_STATE, "request-uncovered", lambda s: uncovered(s, FAR), request=at(FAR)),
    message(
        "covered",
        Limit.UNSPECIFIED,
        "request-uncovered-unspecified",
        lambda s: with_knobs(uncovered(s, FAR), default_page_state_error=False),
        request=at(FAR),
    ),
    message("page-size", Status.INVALID_PAGE_SIZE, "request", lambda s: with_entry(s, REQUEST_PAGE, **LARGE)),
    message("page-size", Status.INVALID_PAGE_SIZE, "response", lambda s: with_entry(s, RESPONSE_PAGE, **LARGE)),
    message("guest-state", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, state=GuestState.LAUNCH)),
    message("header-in-page", Status.INVALID_PARAM, request=at(0, spa=(REQUEST_PAGE << 12) + 0xFA1)),
    message("header-version", Status.INVALID_PARAM, header_version=2),
    message("header-size", Status.INVALID_PARAM, header_size=0x61),
    message("algorithm", Status.INVALID_PARAM, algorithm=0),
    message("message-size", Status.INVALID_PARAM, size=0),
    message("message-size", Status.INVALID_PARAM, "odd-size", size=0x68),
    message("payload-in-page", Status.INVALID_PARAM, size=0xFB0),
    message("vmpck", Status.INVALID_PARAM, vmpck=4),
    message("authentic", Status.BAD_MEASUREMENT, sealed_under=0),
    message("count", Status.AEAD_OFLOW, system=counts(LAST_COUNT, 0, 0, 0), sequence=LAST_COUNT + 1),
    message("sequence", Status.AEAD_OFLOW, sequence=2),
    message("sequence", Status.AEAD_OFLOW, "replay", counts(2, 0, 0, 0), sequence=1),
    message("message-version", Status.INVALID_PARAM, version=0),
    message("response-fits", Status.INVALID_PARAM, response_fits=False),
)
TYPES = (
    Case("message-type", Status.INVALID_PARAM, {"message_type": 0}),
    Case("message-type", Status.INVALID_PARAM, {"message_type": 4}, name="response-type"),
    Case("message-type", Status.INVALID_PARAM, {"message_type": 0x13}, name="unknown-type"),
    *(
        Case("migration-message", Limit.NOT_MODELLED, {"message_type": kind}, name=f"type-{kind:x}")
        for kind in (7, 9, 0xB, 0xD, 0xF)
    ),
)
KEY = {"message_type": MessageType.KEY}
TOLD = (
    Case("payload-reserved", Status.INVALID_PARAM, {"reserved": True}),
    Case("cpuid-count", Status.INVALID_PARAM, {"message_type": MessageType.CPUID, "count": 65}),
    Case("chip-key-masked", Status.INVALID_KEY, KEY, lambda s: with_firmware(s, chip_key_masked=True)),
    Case("key-select", Status.INVALID_KEY, {"key_select": KeySelect.RESERVED}),
    Case("key-select", Status.INVALID_KEY, {"key_select": KeySelect.VLEK}, name="no-vlek"),
    Case(
        "key-select",
        Status.INVALID_KEY,
        {**KEY, "key_select": KeySelect.VCEK},
        lambda s: with_firmware(with_guest(s, vcek_disabled=True), vlek_installed=True),
        "vcek-disabled",
    ),
    Case("key-select", Status.INVALID_KEY, system=lambda s: with_guest(s, vcek_disabled=True), name="no-key"),
    Case("vmpl", Status.INVALID_PARAM, {"message": replace(MESSAGE, vmpck=2), "vmpl": 1}),
    Case("vmpl", Status.INVALID_PARAM, {**KEY, "message": replace(MESSAGE, vmpck=1)}, name="key-vmpl"),
    Case("key-fields", Status.INVALID_PARAM, {**KEY, "fields": 0x40}),
    Case("key-tcb", Status.INVALID_PARAM, {**KEY, "fields": 0x20, "above_committed_tcb": True}),
    Case("key-svn", Status.INVALID_PARAM, {**KEY, "fields": 0x10, "guest_svn": 1}),
)


@cases(*ENVELOPE, *TYPES)
def test_guest_request_refused_changes_nothing(case):
    assert_refused(guest_request, SYSTEM, OP, case)


@cases(*TOLD)
def test_guest_request_with_a_wrong_payload_tells_only_the_guest(case):
    assert_told(guest_request, SYSTEM, OP, case)


def test_guest_request_has_no_other_checks():
    told = ((Status.SUCCESS, case.check) for case in TOLD)
    assert_every_check_has_a_case(guest_request, (*ENVELOPE, *TYPES), (Status.SUCCESS, "answered"), *told)


@pytest.mark.parametrize("vmpck", range(4))
@pytest.mark.parametrize("kind", [MessageType.CPUID, MessageType.KEY, MessageType.REPORT, MessageType.TSC_INFO])
def test_guest_request_is_answered_with_the_next_number_and_counted_twice(kind, vmpck):
    before = counts(2, 4, 6, 8)(SYSTEM)
    count = 2 * (vmpck + 1)
    op = replace(OP, message_type=kind, vmpl=vmpck, message=replace(MESSAGE, vmpck=vmpck, sequence=count + 1))
    outcome = guest_request(before, op)
    assert outcome.result == Status.SUCCESS
    assert answer_of(outcome) == (Status.SUCCESS, "answered")
    assert outcome.output.sequence == count + 2
    expected = [2, 4, 6, 8]
    expected[vmpck] += 2
    assert numbers(guest(outcome.system)) == expected


def test_guest_request_answered_cannot_be_answered_again():
    once = guest_request(SYSTEM, OP).system
    again = guest_request(once, OP)
    assert (again.result, again.check, again.system) == (Status.AEAD_OFLOW, "sequence", once)


@pytest.mark.parametrize(
    ("select", "firmware", "context"),
    [
        (KeySelect.VLEK, {"vlek_installed": True}, {"vcek_disabled": True}),
        (KeySelect.VLEK_OR_VCEK, {"vlek_installed": True}, {"vcek_disabled": True}),
        (KeySelect.VCEK, {}, {}),
        (KeySelect.VCEK, {"chip_key_masked": True}, {}),
    ],
)
def test_guest_request_for_a_report_under_a_key_that_exists_is_answered(select, firmware, context):
    system = with_guest(with_firmware(SYSTEM, **firmware), **context)
    assert answer_of(guest_request(system, replace(OP, key_select=select)))[0] == Status.SUCCESS


def test_guest_request_for_a_key_of_the_vmrk_needs_no_chip_key():
    system = with_guest(with_firmware(SYSTEM, chip_key_masked=True), vcek_disabled=True)
    assert answer_of(guest_request(system, replace(OP, **KEY, root_is_vmrk=True)))[0] == Status.SUCCESS


def test_guest_request_for_a_key_within_svn_and_tcb_is_answered():
    system = with_guest(SYSTEM, guest_svn=4)
    op = replace(OP, **KEY, fields=0x3F, guest_svn=4, vmpl=7)
    assert answer_of(guest_request(system, op)) == (Status.SUCCESS, "answered")


def test_guest_request_ends_where_the_request_page_ends():
    for spa, size in (((REQUEST_PAGE << 12) + 0xF90, 0x10), (REQUEST_PAGE << 12, 0xFA0)):
        op = replace(OP, message=replace(MESSAGE, request=at(0, spa=spa), size=size))
        assert guest_request(SYSTEM, op).check == "answered"
