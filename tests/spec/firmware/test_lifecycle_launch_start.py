"""SNP_LAUNCH_START: each refusal, the policies that firmware cannot keep, and what the guest gets."""

import pytest

from spec.firmware.launch_start import launch_start
from spec.record import replace
from spec.vocabulary import GuestPolicy, GuestState, Status
from tests.spec.firmware.lifecycle import (
    LAUNCHING,
    NEW_GUEST,
    PLATFORM,
    POLICY,
    RUNNING,
    START,
    assert_every_check_has_a_case,
    stage,
    with_context,
    with_firmware,
)
from tests.spec.firmware.pages import CONTEXT, CONTEXT_PAGE, Case, assert_refused, at, cases, early, guest, with_guest

AGENT_PAGE = 0x80
AGENT = replace(RUNNING, asid=6, report_id=30)
NEWER = {"policy_bits": (1 << 26) - 1}
WITH_AGENT = {"agent_enabled": True, "agent": at(AGENT_PAGE), "policy": POLICY | GuestPolicy.MIGRATE_MA}


def startable():
    system = with_firmware(with_context(stage(NEW_GUEST), AGENT_PAGE, AGENT), **NEWER)
    return replace(system, rmp=system.rmp.set(AGENT_PAGE, CONTEXT))


def policy_case(check, policy, **facts):
    return Case(check, Status.POLICY_FAILURE, {"policy": policy, "platform": replace(PLATFORM, **facts)})


def with_agent(**changes):
    return lambda s: with_context(s, AGENT_PAGE, replace(AGENT, **changes))


CASES = (
    *early(),
    Case("reserved-bits", Status.INVALID_PARAM, {"agent": at(0, spa=4)}, name="agent-unaligned"),
    Case("guest-state", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, state=GuestState.LAUNCH)),
    Case(
        "guest-state",
        Status.INVALID_GUEST_STATE,
        system=lambda s: with_guest(s, state=GuestState.RUNNING),
        name="guest-runs",
    ),
    Case("agent-address", Status.INVALID_ADDRESS, {**WITH_AGENT, "agent": at(AGENT_PAGE, forbidden=True)}),
    Case("agent-rmp-page", Status.INVALID_PARAM, {**WITH_AGENT, "agent": at(AGENT_PAGE, in_rmp=True)}),
    Case("agent-context", Status.INVALID_GUEST, {**WITH_AGENT, "agent": at(AGENT_PAGE + 1)}),
    Case("agent-allowed", Status.POLICY_FAILURE, {**WITH_AGENT, "policy": POLICY}),
    Case("agent-bound", Status.POLICY_FAILURE, WITH_AGENT, with_agent(ma_bound=True)),
    Case("agent-bound", Status.POLICY_FAILURE, WITH_AGENT, with_agent(state=GuestState.INIT), "agent-not-launched"),
    Case("agent-bound", Status.POLICY_FAILURE, {**WITH_AGENT, "agent": at(CONTEXT_PAGE)}, name="agent-is-the-guest"),
    policy_case("reserved-one", GuestPolicy.SMT),
    policy_case("smt", GuestPolicy.RESERVED_ONE),
    policy_case("abi-version", POLICY | 0x0138),
    policy_case("policy-reserved", POLICY | 1 << 26),
    policy_case("cxl", POLICY, cxl_present=True),
    policy_case("aes-256-xts", POLICY | GuestPolicy.MEM_AES_256_XTS),
    policy_case("rapl", POLICY | GuestPolicy.RAPL_DIS),
    policy_case("ciphertext-hiding", POLICY | GuestPolicy.CIPHERTEXT_HIDING),
    Case(
        "single-socket",
        Status.POLICY_FAILURE,
        {**WITH_AGENT, "policy": POLICY | GuestPolicy.MIGRATE_MA | GuestPolicy.SINGLE_SOCKET},
    ),
)


@cases(*CASES)
def test_launch_start_refused_changes_nothing(case):
    assert_refused(launch_start, startable(), START, case)


def test_launch_start_has_no_other_checks():
    assert_every_check_has_a_case(launch_start, CASES, (Status.SUCCESS, "launch-started"))


def test_launch_start_fixes_the_policy_and_draws_keys():
    outcome = launch_start(startable(), START)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "launch-started")
    assert guest(outcome.system) == replace(LAUNCHING, oek=20, vmpcks=21, vmrk=22, report_id=23)
    assert outcome.system.firmware.next_key == 24
    assert outcome.system.rmp == startable().rmp


def test_launch_start_binds_the_agent_by_page_and_report_id():
    after = guest(launch_start(startable(), replace(START, **WITH_AGENT, imi_enabled=True)).system)
    assert (after.ma_bound, after.ma_context, after.report_id_ma) == (True, AGENT_PAGE, 30)
    assert after.imi_enabled


def test_launch_start_ignores_the_agent_address_without_an_agent():
    op = replace(START, agent=at(AGENT_PAGE + 1, forbidden=True, in_rmp=True))
    assert launch_start(startable(), op).check == "launch-started"


@pytest.mark.parametrize(
    ("policy", "facts"),
    [
        (GuestPolicy.RESERVED_ONE, {"smt_enabled": False}),
        (POLICY | GuestPolicy.CXL_ALLOW, {"cxl_present": True}),
        (POLICY | GuestPolicy.MEM_AES_256_XTS, {"aes_256_xts": True}),
        (POLICY | GuestPolicy.RAPL_DIS, {"rapl_disabled": True}),
        (POLICY | GuestPolicy.CIPHERTEXT_HIDING, {"ciphertext_hiding": True}),
        (POLICY | 0x0137, {}),
        (POLICY | GuestPolicy.PAGE_SWAP_DISABLE, {}),
    ],
)
def test_launch_start_policy_that_the_machine_keeps_is_accepted(policy, facts):
    op = replace(START, policy=policy, platform=replace(PLATFORM, **facts))
    assert launch_start(startable(), op).check == "launch-started"


@pytest.mark.parametrize("bit", range(21, 64))
def test_launch_start_by_older_firmware_refuses_newer_policy_bits(bit):
    older = with_firmware(startable(), policy_bits=(1 << 21) - 1)
    assert launch_start(older, replace(START, policy=POLICY | 1 << bit)).check == "policy-reserved"
