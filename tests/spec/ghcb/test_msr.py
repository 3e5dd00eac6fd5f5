"""Calls over the GHCB MSR: each request, each response, and what a guest does not believe.

Values are written out as the protocol has them (GHCB, 56421, "GHCB MSR Protocol").
"""

from typing import Any

import pytest

from proofs.templates import nothing
from spec.ghcb import msr_answers, msr_setup
from spec.ghcb.msr_ask import MsrQuestion, Termination, msr_asks, msr_exits, msr_restores, msr_terminates
from spec.ghcb.msr_host import AnyValue, HostChoice, host_answers_msr, hypervisor_writes_msr, sev_info
from spec.ghcb.msr_setup import NewPage, msr_chooses_page, msr_uses_page
from spec.ghcb.msr_state import Moment, MsrExchange
from spec.record import replace
from spec.vocabulary import GuestAction, HostAction

CONTINUES, REFRAINS, TERMINATES = GuestAction.CONTINUES, GuestAction.REFRAINS, GuestAction.TERMINATES
NOW = Moment()
FRAME = 0x77
DONE = HostChoice(eax=1, ebx=2, ecx=3, edx=4, woken=True, done=True)
FAILED = replace(DONE, woken=False, done=False)


def exchange(*, snp: bool = True, version: int = 2, page: bool = True, features: int = 0x3F) -> MsrExchange:
    plain: MsrExchange = nothing(MsrExchange)
    guest = replace(
        plain.guest,
        snp=snp,
        min_version=1,
        max_version=2,
        version=version,
        hv_min_version=min(1, version),
        hv_max_version=version,
        features=features,
        has_page=page,
        frame=FRAME if page else 0,
    )
    host = replace(plain.host, min_version=1, max_version=2, features=features, c_bit=51)
    return replace(plain, guest=guest, host=host)


def asked(value: int, state: MsrExchange) -> Any:
    """The guest has left with a request."""
    outcome = msr_asks(state, MsrQuestion(value))
    assert (outcome.result, outcome.check) == (CONTINUES, "asked")
    return msr_exits(outcome.system, NOW).system


def answered(value: int, state: MsrExchange) -> Any:
    return hypervisor_writes_msr(state, AnyValue(value)).system


@pytest.mark.parametrize(
    ("value", "check"),
    [
        (0x002, "asked"),
        (0x8000_0000 << 32 | 3 << 30 | 0x004, "asked"),
        (0x006, "asked"),
        (0x010, "asked"),
        (FRAME << 12 | 0x012, "asked"),
        (1 << 52 | 0x123 << 12 | 0x014, "asked"),
        (2 << 52 | 0x123 << 12 | 0x014, "asked"),
        (2 << 32 | 0x016, "asked"),
        (0x080, "asked"),
        (1 << 12 | 0x002, "well-formed"),
        (1 << 12 | 0x004, "well-formed"),
        (0x003, "well-formed"),
        (0x001, "well-formed"),
        (3 << 52 | 0x014, "well-formed"),
        (1 << 56 | 1 << 52 | 0x014, "well-formed"),
        (4 << 32 | 0x016, "well-formed"),
        (1 << 12 | 0x080, "well-formed"),
        (0x78 << 12 | 0x012, "own-page"),
        (FRAME << 12 | 0x018, "offered"),
    ],
)
def test_request_is_written_only_as_the_protocol_has_it(value: int, check: str) -> None:
    before = exchange()
    outcome = msr_asks(before, MsrQuestion(value))
    assert outcome.check == check
    assert outcome.result == (CONTINUES if check == "asked" else REFRAINS)
    assert outcome.system.msr == (value if check == "asked" else before.msr)


@pytest.mark.parametrize("value", [0x006, 0x080, FRAME << 12 | 0x012, 1 << 52 | 0x014])
def test_requests_of_version_2_wait_for_the_version(value: int) -> None:
    assert msr_asks(exchange(version=0), MsrQuestion(value)).check == "offered"


def test_page_states_of_a_guest_without_snp_need_their_feature() -> None:
    value = 1 << 52 | 0x014
    assert msr_asks(exchange(snp=False, features=0), MsrQuestion(value)).check == "offered"
    assert msr_asks(exchange(snp=False, features=1 << 6), MsrQuestion(value)).check == "asked"


@pytest.mark.parametrize(
    ("request_value", "response", "step", "result", "check"),
    [
        (0x002, 2 << 48 | 1 << 32 | 51 << 24 | 0x001, msr_setup.on_sev_info_response, CONTINUES, "version-agreed"),
        (0x002, 1 << 48 | 1 << 32 | 51 << 24 | 0x001, msr_setup.on_sev_info_response, TERMINATES, "version-range"),
        (0x002, 9 << 48 | 3 << 32 | 51 << 24 | 0x001, msr_setup.on_sev_info_response, TERMINATES, "version-range"),
        (0x002, 2 << 48 | 1 << 32 | 20 << 24 | 0x001, msr_setup.on_sev_info_response, TERMINATES, "c-bit-position"),
        (
            0x002,
            2 << 48 | 1 << 32 | 51 << 24 | 1 << 12 | 1,
            msr_setup.on_sev_info_response,
            TERMINATES,
            "reserved-bits",
        ),
        (0x002, 0x002, msr_setup.on_sev_info_response, TERMINATES, "answers-the-request"),
        (0x010, 0xFFFF_FFFF_FFFF_F011, msr_setup.on_preferred_gpa_response, CONTINUES, "preference-ignored"),
        (0x77012, 0x77013, msr_setup.on_register_response, CONTINUES, "registered"),
        (0x77012, 0x78013, msr_setup.on_register_response, TERMINATES, "same-frame"),
        (0x77012, 0xFFFF_FFFF_FFFF_F013, msr_setup.on_register_response, TERMINATES, "same-frame"),
        (0x77012, 0x77015, msr_setup.on_register_response, TERMINATES, "answers-the-request"),
        (1 << 30 | 0x004, 5 << 32 | 1 << 30 | 0x005, msr_answers.on_cpuid_response, CONTINUES, "register-known"),
        (1 << 30 | 0x004, 5 << 32 | 2 << 30 | 0x005, msr_answers.on_cpuid_response, TERMINATES, "same-register"),
        (0x8000_001F << 32 | 4, 0 << 32 | 5, msr_answers.on_cpuid_response, TERMINATES, "encryption-denied"),
        (0x8000_001F << 32 | 4, 2 << 32 | 5, msr_answers.on_cpuid_response, CONTINUES, "register-known"),
        (0x8000_0000 << 32 | 4, 8 << 32 | 5, msr_answers.on_cpuid_response, TERMINATES, "encryption-leaf-denied"),
        (0x006, 0x1007, msr_answers.on_ap_reset_hold_response, CONTINUES, "woken-by-sipi"),
        (0x006, 0x0007, msr_answers.on_ap_reset_hold_response, CONTINUES, "woken-without-sipi"),
        (1 << 52 | 0x014, 0x015, msr_answers.on_page_state_response, CONTINUES, "page-state-changed"),
        (1 << 52 | 0x014, 1 << 63 | 0x015, msr_answers.on_page_state_response, TERMINATES, "page-state-error"),
        (1 << 52 | 0x014, 1 << 12 | 0x015, msr_answers.on_page_state_response, TERMINATES, "reserved-bits"),
        (0x016, 0x017, msr_answers.on_run_vmpl_response, CONTINUES, "vmpl-ran"),
        (0x016, 1 << 32 | 0x017, msr_answers.on_run_vmpl_response, CONTINUES, "vmpl-did-not-run"),
        (0x080, 1 << 12 | 0x081, msr_answers.on_hv_features_response, CONTINUES, "features-known"),
        (0x080, 2 << 12 | 0x081, msr_answers.on_hv_features_response, TERMINATES, "snp-features"),
    ],
)
def test_response_is_judged(request_value: int, response: int, step: Any, result: Any, check: str) -> None:
    state = answered(response, asked(request_value, exchange()))
    outcome = step(state, NOW)
    assert (outcome.result, outcome.check) == (result, check)
    assert outcome.system.guest.stopped == (result is TERMINATES)


def test_response_to_another_request_is_not_looked_at() -> None:
    state = answered(0x081, asked(0x002, exchange()))
    outcome = msr_answers.on_hv_features_response(state, NOW)
    assert (outcome.result, outcome.check) == (REFRAINS, "another-request")
    assert outcome.system is state


def test_page_address_stands_in_the_msr_between_calls() -> None:
    chosen = msr_chooses_page(exchange(page=False), NewPage(FRAME)).system
    assert chosen.msr == FRAME << 12
    called = answered(0x77013, asked(FRAME << 12 | 0x012, chosen))
    registered = msr_setup.on_register_response(called, NOW).system
    back = msr_restores(registered, NOW)
    assert (back.check, back.system.msr) == ("restored", FRAME << 12)
    assert msr_uses_page(back.system, NOW).check == "page-addressed"
    assert msr_uses_page(chosen, NOW).check == "not-registered"


def test_termination_asks_and_goes_on_asking() -> None:
    outcome = msr_terminates(exchange(), Termination(0, 2))
    assert (outcome.result, outcome.system.msr) == (TERMINATES, 2 << 16 | 0x100)
    assert msr_asks(outcome.system, MsrQuestion(0x002)).check == "stopped"
    assert host_answers_msr(outcome.system, DONE).check == "termination"


@pytest.mark.parametrize(
    ("request_value", "choice", "response"),
    [
        (0x002, DONE, 2 << 48 | 1 << 32 | 51 << 24 | 0x001),
        (2 << 30 | 0x004, DONE, 3 << 32 | 2 << 30 | 0x005),
        (0x006, DONE, 0x1007),
        (0x006, FAILED, 0x0007),
        (0x010, DONE, 0xFFFF_FFFF_FFFF_F011),
        (0x77012, DONE, 0x77013),
        (0x77012, FAILED, 0xFFFF_FFFF_FFFF_F013),
        (1 << 52 | 0x014, DONE, 0x015),
        (1 << 52 | 0x014, FAILED, 1 << 32 | 0x015),
        (0x016, DONE, 0x017),
        (0x080, DONE, 0x3F << 12 | 0x081),
    ],
)
def test_host_answers(request_value: int, choice: HostChoice, response: int) -> None:
    outcome = host_answers_msr(asked(request_value, exchange()), choice)
    assert (outcome.result, outcome.check) == (HostAction.SERVES, "answered")
    assert outcome.system.msr == response


def test_host_leaves_unknown_requests_as_they_are() -> None:
    state = replace(asked(0x002, exchange()), msr=0x003)
    outcome = host_answers_msr(state, DONE)
    assert (outcome.result, outcome.check, outcome.system.msr) == (HostAction.REFUSES, "well-formed", 0x003)


def test_host_has_an_error_for_page_states_that_there_are_not() -> None:
    state = replace(asked(1 << 52 | 0x014, exchange()), msr=3 << 52 | 0x014)
    outcome = host_answers_msr(state, DONE)
    assert (outcome.result, outcome.system.msr) == (HostAction.REFUSES, 1 << 63 | 0x015)


def test_host_ends_a_guest_that_asks_for_snp_without_having_it() -> None:
    state = replace(asked(0x002, exchange(snp=False)), msr=0x77012)
    outcome = host_answers_msr(state, DONE)
    assert (outcome.result, outcome.check) == (HostAction.KILLS, "not-offered")


def test_reset_value_is_the_answer_about_sev() -> None:
    assert sev_info(exchange().host) == 2 << 48 | 1 << 32 | 51 << 24 | 0x001
