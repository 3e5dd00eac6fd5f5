"""Each check before anything leaves the guest: the result, the check that decides, and registers unchanged."""

from typing import Any

import pytest

from spec.record import replace
from spec.vc.enter import vc_enters, vc_fetches
from spec.vc.instruction import Instruction, Kind
from spec.vc.raised import RaisedVc, hypervisor_raises_vc
from spec.vocabulary import Event, GuestAction, SevFeatures
from tests.spec.vc.scene import (
    NOW,
    PRIVATE,
    SHARED,
    admitted,
    after,
    checked,
    entered,
    guest,
    instruction,
    raised,
)

TERMINATES, CONTINUES = GuestAction.TERMINATES, GuestAction.CONTINUES
RCX, RBX = 97, 99
PLAIN = instruction(Kind.CPUID)


@pytest.mark.parametrize(
    ("code", "result", "check"),
    [
        (0x404, TERMINATES, "not-validated"),
        (0x41, CONTINUES, "debug-exception"),
        (0x51, Event.AC, "alignment-check"),
        (0x4E, TERMINATES, "exception-intercept"),
        (0x52, TERMINATES, "automatic-exit"),
        (0x78, TERMINATES, "automatic-exit"),
        (0x403, TERMINATES, "automatic-exit"),
        (0xFFFF_FFFF_FFFF_FFFF, TERMINATES, "automatic-exit"),
        (0x8C, TERMINATES, "no-event"),
        (0x8D, TERMINATES, "no-event"),
        (0x6E, CONTINUES, "entered"),
    ],
)
def test_exit_code_is_looked_at_first(code: int, result: Any, check: str) -> None:
    exchange = raised(guest(PLAIN), code)
    outcome = vc_enters(exchange, NOW)
    assert (outcome.result, outcome.check) == (result, check)
    assert outcome.system.registers == exchange.registers


def test_unreadable_code_is_a_page_fault() -> None:
    exchange = entered(guest(replace(PLAIN, readable=False)), 0x72)
    outcome = vc_fetches(exchange, NOW)
    assert (outcome.result, outcome.check) == (Event.PF, "fetch-fault")
    assert outcome.system.depth == 0


@pytest.mark.parametrize(
    ("code", "exit_code", "context", "result", "check"),
    [
        (instruction(Kind.UNDECODABLE), 0x72, {}, Event.UD, "undecodable"),
        (instruction(Kind.TOO_LONG), 0x72, {}, Event.GP, "too-long"),
        (instruction(Kind.OTHER), 0x7C, {}, TERMINATES, "opcode-mismatch"),
        (instruction(Kind.CPUID), 0x6E, {}, TERMINATES, "opcode-mismatch"),
        (instruction(Kind.RDMSR), 0x7C, {"cpl": 3}, Event.GP, "privilege"),
        (instruction(Kind.RDTSC), 0x6E, {"cpl": 3, "cr4_tsd": True}, Event.GP, "time-stamp-disabled"),
        (instruction(Kind.RDPMC), 0x6F, {"cpl": 3}, Event.GP, "counters-disabled"),
        (instruction(Kind.OUT, port=0x80), 0x7B, {"cpl": 3}, Event.GP, "port"),
        (instruction(Kind.OUT, port=0x80), 0x7B, {"cpl": 3, "iopl": 3}, CONTINUES, "admitted"),
        (instruction(Kind.WRMSR), 0x7C, {}, CONTINUES, "admitted"),
    ],
)
def test_instruction_is_admitted_or_not(
    code: Instruction, exit_code: int, context: dict[str, Any], result: Any, check: str
) -> None:
    exchange = guest(code, {}, **context)
    outcome = admitted(exchange, exit_code)
    assert (outcome.result, outcome.check) == (result, check)
    assert outcome.system.registers == exchange.registers


def test_wide_dr7_is_a_general_protection_fault() -> None:
    outcome = admitted(guest(instruction(Kind.DR7_WRITE, source=3), {RBX: 1 << 32}), 0x37)
    assert (outcome.result, outcome.check) == (Event.GP, "dr7-upper-half")


@pytest.mark.parametrize(
    ("code", "exit_code", "check"),
    [
        (instruction(Kind.INVD), 0x76, "invd"),
        (instruction(Kind.OUT, wide_port=True), 0x7B, "wide-port"),
        (instruction(Kind.MONITOR, prefixed=True), 0x8A, "prefixed-monitor"),
        (instruction(Kind.WBINVD, length=0), 0x89, "no-length"),
        (instruction(Kind.LOAD, device=SHARED, size=3), 0x400, "device-size"),
        (instruction(Kind.LOAD, device=SHARED | 0xFFD), 0x400, "page-crossing"),
        (instruction(Kind.LOAD, device=0x5000), 0x400, "not-mapped"),
        (instruction(Kind.LOAD, device=PRIVATE), 0x400, "private-memory"),
    ],
)
def test_handler_refuses_by_name(code: Instruction, exit_code: int, check: str) -> None:
    exchange = guest(code)
    outcome = checked(exchange, exit_code)
    assert (outcome.result, outcome.check) == (TERMINATES, check)
    assert outcome.system.stopped
    assert outcome.system.registers == exchange.registers


def test_user_mmio_is_refused() -> None:
    outcome = checked(guest(instruction(Kind.LOAD, device=SHARED), {}, cpl=3), 0x400)
    assert (outcome.result, outcome.check) == (TERMINATES, "user-mmio")


def test_the_ghcb_msr_itself_is_refused() -> None:
    outcome = checked(guest(instruction(Kind.RDMSR), {RCX: 0xC001_0130}), 0x7C)
    assert (outcome.result, outcome.check) == (TERMINATES, "ghcb-msr")


@pytest.mark.parametrize(
    ("feature", "kind", "code", "registers", "check"),
    [
        (SevFeatures.SECURE_TSC, Kind.RDTSC, 0x6E, {}, "secure-tsc"),
        (SevFeatures.SECURE_TSC, Kind.RDTSCP, 0x87, {}, "secure-tsc"),
        (SevFeatures.SECURE_TSC, Kind.RDMSR, 0x7C, {RCX: 0x10}, "secure-tsc-msr"),
        (SevFeatures.DEBUG_VIRTUALIZATION, Kind.DR7_READ, 0x27, {}, "debug-swap"),
    ],
)
def test_what_the_guest_has_itself_is_not_asked(
    feature: SevFeatures, kind: Kind, code: int, registers: dict[int, int], check: str
) -> None:
    exchange = replace(guest(instruction(kind), registers), sev_features=int(feature))
    outcome = checked(exchange, code)
    assert (outcome.result, outcome.check) == (TERMINATES, check)


def test_string_to_memory_of_the_kernel_faults_for_user_code() -> None:
    code = instruction(Kind.IN, size=1, string=True, memory=PRIVATE)
    exchange = guest(code, {}, cpl=3, iopl=3)
    kernel = replace(exchange.mappings[PRIVATE >> 12], user=False)
    outcome = checked(replace(exchange, mappings=exchange.mappings.set(PRIVATE >> 12, kernel)), 0x7B)
    assert (outcome.result, outcome.check) == (Event.PF, "memory-operand")


@pytest.mark.parametrize(
    ("features", "depth", "result", "check"),
    [
        (SevFeatures.REFLECT_VC, 0, Event.VMEXIT, "reflected"),
        (SevFeatures.RESTRICTED_INJECTION, 0, Event.VMEXIT_INVALID, "injection-restricted"),
        (SevFeatures.ALTERNATE_INJECTION, 0, Event.VMEXIT_INVALID, "injection-restricted"),
        (SevFeatures.SNP_ACTIVE, 0, Event.VC, "raised"),
        (SevFeatures.SNP_ACTIVE, 2, TERMINATES, "nesting-bound"),
    ],
)
def test_vc_is_raised_where_it_can_be(features: SevFeatures, depth: int, result: Any, check: str) -> None:
    exchange = replace(guest(PLAIN), sev_features=int(features), depth=depth)
    outcome = hypervisor_raises_vc(exchange, RaisedVc(0x7C, reserved=True))
    assert (outcome.result, outcome.check) == (result, check)


def test_genuine_vc_comes_also_with_restricted_injection() -> None:
    exchange = replace(guest(PLAIN), sev_features=int(SevFeatures.RESTRICTED_INJECTION))
    assert hypervisor_raises_vc(exchange, RaisedVc(0x72, reserved=True)).check == "raised"
    assert after(hypervisor_raises_vc(exchange, RaisedVc(0x72, reserved=True))).depth == 1


def test_mmio_has_to_be_marked_in_the_nested_page_table() -> None:
    exchange = replace(guest(PLAIN), sev_features=int(SevFeatures.RESTRICTED_INJECTION))
    assert hypervisor_raises_vc(exchange, RaisedVc(0x400, reserved=True)).check == "raised"
    assert hypervisor_raises_vc(exchange, RaisedVc(0x400, reserved=False)).check == "injection-restricted"
