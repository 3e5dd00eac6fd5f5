"""SNP_ACTIVATE and SNP_ACTIVATE_EX: each refusal, and who has the ASID afterwards."""

import pytest

from spec.firmware.activate import activate
from spec.firmware.activate_ex import ActivateEx, activate_ex
from spec.firmware.state import CcxAsid
from spec.record import replace
from spec.vocabulary import GuestPolicy, GuestState, Status
from tests.spec.firmware.lifecycle import (
    ACTIVATE,
    BOUND,
    LAUNCHING,
    POLICY,
    RUNNING,
    WITHOUT_RESERVED,
    assert_every_check_has_a_case,
    slots,
    stage,
    with_context,
    with_firmware,
    with_slots,
)
from tests.spec.firmware.pages import ASID, CONTEXT_PAGE, Case, assert_refused, at, cases, early, guest, with_guest

SINGLE = POLICY | GuestPolicy.SINGLE_SOCKET
AGENT_PAGE = 0x80
EX = ActivateEx(
    context=at(CONTEXT_PAGE),
    asid=ASID,
    length_valid=True,
    reserved=False,
    list_forbidden=False,
    list_valid=True,
    ccxs=0b01,
    supported=True,
    several_sockets=False,
)


def with_pages(system, asid=ASID):
    return replace(system, asid_pages=system.asid_pages.set(asid, 1))


def slot(ccx, state):
    return lambda s: with_firmware(s, ccx_asids=s.firmware.ccx_asids.set((ASID << 4) + ccx, state))


SHARED = (
    Case("guest-state", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, state=GuestState.INIT)),
    Case("assigned-pages", Status.INVALID_CONFIG, system=with_pages),
    Case(
        "assigned-pages", Status.INVALID_CONFIG, {"asid": 0x3FF}, lambda s: with_pages(s, 0x3FF), "pages-before-range"
    ),
    Case("asid-range", Status.INVALID_ASID, {"asid": 0}),
    Case("asid-range", Status.INVALID_ASID, {"asid": 510}, name="asid-above-maximum"),
    Case("asid-range", Status.INVALID_ASID, {"asid": (1 << 10) + ASID}, name="asid-of-more-than-10-bits"),
    Case("asid-dirty", Status.DF_FLUSH_REQUIRED, system=slot(1, CcxAsid.DIRTY)),
    Case("snp-asid", Status.INVALID_ASID, {"asid": 100}, lambda s: with_slots(s, 100, CcxAsid.CLEAN)),
)
PLAIN_CASES = (
    *WITHOUT_RESERVED,
    *SHARED,
    Case("single-socket", Status.POLICY_FAILURE, {"several_sockets": True}, lambda s: with_guest(s, policy=SINGLE)),
    Case("asid-taken", Status.ASID_OWNED, system=slot(1, CcxAsid.ALLOCATED)),
    Case("asid-taken", Status.ASID_OWNED, system=slot(1, CcxAsid.IN_USE), name="asid-in-use"),
    Case("active", Status.ACTIVE, system=lambda s: with_guest(s, asid=6)),
)
EX_CASES = (
    *early(),
    *SHARED,
    Case("length", Status.INVALID_PARAM, {"length_valid": False}),
    Case("supported", Status.UNSUPPORTED, {"supported": False}),
    Case("list-address", Status.INVALID_ADDRESS, {"list_forbidden": True}),
    Case("list", Status.INVALID_PARAM, {"list_valid": False}),
    Case(
        "agent-active",
        Status.POLICY_FAILURE,
        system=lambda s: with_guest(s, policy=SINGLE, ma_bound=True, ma_context=AGENT_PAGE),
    ),
    Case("single-socket", Status.POLICY_FAILURE, {"several_sockets": True}, lambda s: with_guest(s, policy=SINGLE)),
    Case("active", Status.ACTIVE, system=lambda s: with_guest(s, asid=6)),
    Case("asid-taken", Status.ASID_OWNED, system=slot(1, CcxAsid.ALLOCATED)),
    Case(
        "ccx-dirty",
        Status.DF_FLUSH_REQUIRED,
        system=lambda s: slot(0, CcxAsid.DIRTY)(with_guest(s, asid=ASID)),
    ),
)


@cases(*PLAIN_CASES)
def test_activate_refused_changes_nothing(case):
    assert_refused(activate, stage(LAUNCHING), ACTIVATE, case)


@cases(*EX_CASES)
def test_activate_ex_refused_changes_nothing(case):
    assert_refused(activate_ex, stage(LAUNCHING), EX, case)


def test_activate_and_activate_ex_have_no_other_checks():
    assert_every_check_has_a_case(activate, PLAIN_CASES, (Status.SUCCESS, "activated"))
    assert_every_check_has_a_case(activate_ex, EX_CASES, (Status.SUCCESS, "activated"))


def test_activate_of_a_guest_in_launch_is_pending():
    outcome = activate(stage(LAUNCHING), ACTIVATE)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "activated")
    assert guest(outcome.system) == BOUND
    assert slots(outcome.system) == [CcxAsid.ALLOCATED, CcxAsid.ALLOCATED]
    assert outcome.system.firmware.ccx_asids[(ASID << 4) + 2] == CcxAsid.CLEAN, "no such core complex"
    assert outcome.system.firmware.asid_keys[ASID] == BOUND.vek
    assert not outcome.system.firmware.asid_runnable[ASID]


def test_activate_of_a_running_guest_is_active():
    arrived = replace(LAUNCHING, state=GuestState.RUNNING)
    after = activate(stage(arrived), ACTIVATE).system
    assert guest(after) == replace(arrived, asid=ASID, activated=True)
    assert slots(after) == [CcxAsid.IN_USE, CcxAsid.IN_USE]
    assert after.firmware.asid_runnable[ASID]


@pytest.mark.parametrize("op", [{"several_sockets": True}, {"asid": 99}])
def test_activate_within_policy_and_range_is_accepted(op):
    system = with_slots(stage(LAUNCHING), 99, CcxAsid.CLEAN)
    assert activate(system, replace(ACTIVATE, **op)).check == "activated"


def test_activate_ex_takes_only_the_listed_core_complexes():
    after = activate_ex(stage(LAUNCHING), EX).system
    assert slots(after) == [CcxAsid.ALLOCATED, CcxAsid.CLEAN]
    assert guest(after) == BOUND


def test_activate_ex_adds_core_complexes_to_a_running_guest_with_pages():
    system = with_pages(slot(0, CcxAsid.IN_USE)(stage(RUNNING)))
    after = activate_ex(system, replace(EX, ccxs=0b10)).system
    assert slots(after) == [CcxAsid.IN_USE, CcxAsid.IN_USE]
    assert guest(after) == RUNNING


def test_activate_ex_makes_an_absorbed_guest_active_where_it_was_pending():
    absorbed = replace(RUNNING, activated=False)
    after = activate_ex(slot(0, CcxAsid.ALLOCATED)(stage(absorbed)), replace(EX, ccxs=0b10)).system
    assert slots(after) == [CcxAsid.IN_USE, CcxAsid.IN_USE]
    assert guest(after).activated
    assert after.firmware.asid_runnable[ASID]


def test_activate_ex_on_one_socket_with_an_active_agent_is_accepted():
    system = with_context(stage(LAUNCHING), AGENT_PAGE, replace(RUNNING, asid=6))
    system = with_guest(system, policy=SINGLE, ma_bound=True, ma_context=AGENT_PAGE)
    assert activate_ex(system, EX).check == "activated"
