"""SNP_DBG_DECRYPT and SNP_DBG_ENCRYPT: each refusal; no entry ever changes."""

import pytest

from spec.firmware.dbg import DebugCopy, dbg_decrypt, dbg_encrypt
from spec.record import replace
from spec.rmp.entry import SUBENTRY
from spec.vocabulary import GuestPolicy, GuestState, Status
from tests.spec.firmware.lifecycle import POLICY, RUNNING, WITHOUT_RESERVED, assert_every_check_has_a_case
from tests.spec.firmware.pages import (
    CONTEXT_PAGE,
    FIRMWARE,
    GUEST_INVALID,
    GUEST_VALID,
    LARGE,
    PRE_GUEST,
    PRE_SWAP,
    RECLAIM,
    Case,
    assert_refused,
    at,
    cases,
    uncovered,
    with_entry,
    with_guest,
    world,
)

GUEST_PAGE = 0x400
BUFFER = 0x600
DEBUGGED = replace(RUNNING, policy=POLICY | GuestPolicy.DEBUG)
DECRYPT = DebugCopy(context=at(CONTEXT_PAGE), source=at(GUEST_PAGE), target=at(BUFFER))
ENCRYPT = DebugCopy(context=at(CONTEXT_PAGE), source=at(BUFFER), target=at(GUEST_PAGE))
READABLE = world({GUEST_PAGE: GUEST_VALID, BUFFER: FIRMWARE}, DEBUGGED)
WRITABLE = world({GUEST_PAGE: PRE_SWAP}, DEBUGGED)

SHARED = (
    *WITHOUT_RESERVED,
    Case("reserved-bits", Status.INVALID_PARAM, {"source": at(0, spa=1)}, name="source-unaligned"),
    Case("reserved-bits", Status.INVALID_PARAM, {"target": at(0, spa=1)}, name="target-unaligned"),
    Case("address", Status.INVALID_ADDRESS, {"source": at(1, forbidden=True)}, name="source-address"),
    Case("rmp-page", Status.INVALID_PARAM, {"target": at(1, in_rmp=True)}, name="target-rmp-page"),
    Case("owner", Status.INVALID_PAGE_OWNER, system=lambda s: with_entry(s, GUEST_PAGE, asid=6)),
    Case("owner", Status.INVALID_PAGE_OWNER, system=lambda s: with_guest(s, asid=0), name="guest-without-asid"),
    Case("debug", Status.POLICY_FAILURE, system=lambda s: with_guest(s, policy=POLICY)),
)
DECRYPT_CASES = (
    *SHARED,
    Case("source-state", Status.INVALID_PAGE_STATE, {"source": at(BUFFER)}),
    Case("source-state", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, GUEST_PAGE), name="source-uncovered"),
    Case("target-state", Status.INVALID_PAGE_STATE, {"target": at(GUEST_PAGE)}),
)
ENCRYPT_CASES = (
    *SHARED,
    Case("target-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, GUEST_PAGE, immutable=False)),
    Case("target-state", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, GUEST_PAGE), name="target-uncovered"),
)


@cases(*DECRYPT_CASES)
def test_dbg_decrypt_refused_changes_nothing(case):
    assert_refused(dbg_decrypt, READABLE, DECRYPT, case)


@cases(*ENCRYPT_CASES)
def test_dbg_encrypt_refused_changes_nothing(case):
    assert_refused(dbg_encrypt, WRITABLE, ENCRYPT, case)


def test_dbg_commands_have_no_other_checks():
    assert_every_check_has_a_case(dbg_decrypt, DECRYPT_CASES, (Status.SUCCESS, "decrypted"))
    assert_every_check_has_a_case(dbg_encrypt, ENCRYPT_CASES, (Status.SUCCESS, "encrypted"))


def test_dbg_commands_test_reserved_bits_and_platform_state_in_opposite_orders():
    both = replace(DECRYPT, context=at(0, spa=1))
    down = replace(READABLE, firmware=replace(READABLE.firmware, state=0))
    assert dbg_decrypt(down, both).check == "reserved-bits"
    assert dbg_encrypt(down, both).check == "platform-state"


@pytest.mark.parametrize("state", GuestState)
@pytest.mark.parametrize("entry", [PRE_GUEST, PRE_SWAP, GUEST_INVALID, GUEST_VALID])
def test_dbg_decrypt_of_any_guest_page_in_any_guest_state_changes_no_entry(entry, state):
    system = world({GUEST_PAGE: entry, BUFFER: FIRMWARE}, replace(DEBUGGED, state=state))
    outcome = dbg_decrypt(system, DECRYPT)
    assert (outcome.result, outcome.check, outcome.system) == (Status.SUCCESS, "decrypted", system)


@pytest.mark.parametrize("entry", [PRE_GUEST, PRE_SWAP])
@pytest.mark.parametrize("source", [FIRMWARE, RECLAIM, GUEST_VALID])
def test_dbg_encrypt_from_any_page_changes_no_entry(entry, source):
    system = world({GUEST_PAGE: entry, BUFFER: source}, DEBUGGED)
    outcome = dbg_encrypt(system, ENCRYPT)
    assert (outcome.result, outcome.check, outcome.system) == (Status.SUCCESS, "encrypted", system)


def test_dbg_decrypt_inside_a_2m_page_goes_by_its_head():
    pages = {GUEST_PAGE: replace(GUEST_VALID, **LARGE), GUEST_PAGE + 7: SUBENTRY, BUFFER: FIRMWARE}
    system = world(pages, DEBUGGED)
    assert dbg_decrypt(system, replace(DECRYPT, source=at(GUEST_PAGE + 7))).check == "decrypted"
