"""Whole exits in plain values: what the page holds when the guest leaves, and what the reply does.

Offsets and bits are those of the GHCB layout (GHCB, 56421): RAX 1F8h, RCX 308h, RDX 310h, RBX 318h, SW_EXITCODE 390h.
"""

import pytest

from spec.record import replace
from spec.vc.instruction import Extension, Kind
from spec.vc.raised import PageWrite, hypervisor_writes_page
from spec.vc.receive import vc_believes, vc_completes, vc_reads, vc_restores
from spec.vc.send import vc_asks, vc_exits, vc_saves, vc_stores, vc_takes_page
from spec.vc.state import SavedRegister, Stage
from spec.vocabulary import Event, GuestAction
from tests.spec.vc.scene import (
    ANSWERED,
    FRAME,
    NOW,
    PRIVATE,
    SHARED,
    after,
    checked,
    completed,
    guest,
    instruction,
    nonzero,
    raised,
    replied,
    sent,
)

RAX, RBX, RCX, RDX, RIP = 0x1F8 // 8, 0x318 // 8, 0x308 // 8, 0x310 // 8, 0x178 // 8
CODE, INFO1, INFO2, SCRATCH = 0x390 // 8, 0x398 // 8, 0x3A0 // 8, 0x3A8 // 8
VERSION = 2 << 16
CONTROL_BITS = 1 << CODE - 64 | 1 << INFO1 - 64 | 1 << INFO2 - 64
SECRET = 0xFFFF_0000_0000_0000
BUFFER = (FRAME << 12) + 0x800


def test_cpuid_shows_eax_and_ecx_and_takes_four_registers_of_32_bits() -> None:
    exchange = sent(guest(instruction(Kind.CPUID), {RAX: SECRET | 1, RBX: SECRET, RCX: SECRET | 2}), 0x72)
    assert nonzero(exchange) == {
        RAX: 1,
        RCX: 2,
        CODE: 0x72,
        126: 1 << RAX,
        127: CONTROL_BITS | 1 << RCX - 64,
        511: VERSION,
    }
    bits = ANSWERED | 1 << RBX - 64 | 1 << RCX - 64 | 1 << RDX - 64
    reply = {f"q{RAX}": SECRET | 0x11, f"q{RBX}": 0x22, f"q{RCX}": 0x33, f"q{RDX}": 0x44, "q126": 1 << 63}
    done = completed(replied(exchange, **reply, q127=bits))
    assert (done.result, done.check) == (GuestAction.CONTINUES, "completed")
    table = done.system.registers
    assert [table[SavedRegister(1, q)] for q in (RAX, RBX, RCX, RDX, RIP)] == [0x11, 0x22, 0x33, 0x44, 2]
    assert done.system.depth == 0


def test_cpuid_of_the_extended_state_leaf_shows_xcr0_too() -> None:
    exchange = sent(guest(instruction(Kind.CPUID), {RAX: 0xD, 125: 7}), 0x72)
    assert exchange.page[125] == 7
    assert exchange.page[127] >> 125 - 64 & 1 == 1
    exchange = sent(guest(instruction(Kind.CPUID), {RAX: 0xC, 125: 7}), 0x72)
    assert exchange.page[125] == 0


def test_wrmsr_shows_the_low_halves_of_three_registers() -> None:
    exchange = sent(guest(instruction(Kind.WRMSR), {RAX: SECRET | 5, RDX: SECRET | 6, RCX: SECRET | 7}), 0x7C)
    page = nonzero(exchange)
    assert [page[q] for q in (RAX, RDX, RCX, CODE, INFO1)] == [5, 6, 7, 0x7C, 1]


@pytest.mark.parametrize(("size", "shown"), [(1, 0x44), (2, 0x3344), (4, 0x11223344)])
def test_out_shows_as_much_of_rax_as_it_writes(size: int, shown: int) -> None:
    code = instruction(Kind.OUT, size=size, port=0x80)
    exchange = sent(guest(code, {RAX: SECRET | 0x11223344}), 0x7B)
    assert exchange.page[RAX] == shown
    assert exchange.page[INFO1] == 0x80 << 16 | 1 << 9 | size << 4


@pytest.mark.parametrize(("size", "result"), [(1, SECRET | 0x112233FF), (2, SECRET | 0x1122FFFF), (4, 0xFFFF_FFFF)])
def test_in_merges_what_was_read_by_its_width(size: int, result: int) -> None:
    code = instruction(Kind.IN, size=size, port=0x80)
    exchange = sent(guest(code, {RAX: SECRET | 0x11223344}), 0x7B)
    assert exchange.page[RAX] == 0
    done = completed(replied(exchange, **{f"q{RAX}": 0xFFFF_FFFF, "q126": 1 << 63, "q127": ANSWERED}))
    assert done.system.registers[SavedRegister(1, RAX)] == result


def test_ins_writes_memory_and_steps_and_stays_while_elements_are_left() -> None:
    code = instruction(Kind.IN, size=2, string=True, repeated=True, memory=SHARED, port_in_dx=True)
    exchange = sent(guest(code, {RCX: 2, RDX: 0x3F8, 103: SHARED}), 0x7B)
    assert exchange.page[SCRATCH] == BUFFER
    assert exchange.page[INFO1] == 0x3F8 << 16 | 1 << 9 | 2 << 4 | 0b1101
    assert exchange.page[INFO2] == 1
    done = completed(replied(exchange, q256=0xABCD_1234, q127=ANSWERED))
    assert done.check == "one-element"
    table = done.system.registers
    assert [table[SavedRegister(1, q)] for q in (RCX, 103, RIP)] == [1, SHARED + 2, 0]
    assert done.system.memory[SHARED] == 0x1234


def test_a_count_of_0_does_nothing_and_needs_no_exit() -> None:
    code = instruction(Kind.OUT, size=1, string=True, repeated=True, memory=SHARED)
    exchange = after(checked(guest(code), 0x7B))
    asked = vc_asks(exchange, NOW)
    assert asked.check == "without-exit"
    done = vc_completes(after(asked), NOW)
    assert done.check == "nothing-to-repeat"
    assert done.system.registers[SavedRegister(1, RIP)] == 2
    assert nonzero(after(done)) == {}


def test_mmio_load_with_sign_extends_the_copy_that_was_read() -> None:
    code = instruction(
        Kind.LOAD, size=1, device=SHARED | 4, destination=3, extension=int(Extension.SIGN), result_size=8
    )
    exchange = sent(guest(code), 0x400)
    assert exchange.page[CODE] == 0x8000_0001
    assert exchange.page[INFO1] == SHARED | 4
    assert exchange.page[INFO2] == 1
    exchange = replied(exchange, q256=0x80, q127=ANSWERED)
    exchange = after(hypervisor_writes_page(exchange, PageWrite(256, 0x7F)))
    done = completed(exchange)
    assert done.system.registers[SavedRegister(1, RBX)] == 0xFFFF_FFFF_FFFF_FF80


def test_mmio_store_shows_its_operand_and_nothing_above_it() -> None:
    code = instruction(Kind.STORE, size=2, device=SHARED, source=3)
    exchange = sent(guest(code, {RBX: SECRET | 0xBEEF}), 0x400)
    assert exchange.page[256] == 0xBEEF
    assert exchange.page[RBX] == 0


def test_vmmcall_shows_rax_and_cpl() -> None:
    exchange = sent(guest(instruction(Kind.VMMCALL), {RAX: 9}, cpl=3), 0x81)
    assert exchange.page[RAX] == 9
    assert exchange.page[0x0CB // 8] == 3 << 24


@pytest.mark.parametrize(
    ("info1", "info2", "bits", "result", "check"),
    [
        (0, 0, 0, GuestAction.TERMINATES, "answer-not-valid"),
        (2, 5, ANSWERED, GuestAction.TERMINATES, "error-answer"),
        (7, 0, ANSWERED, GuestAction.TERMINATES, "error-answer"),
        (1, 0x8000_030D, ANSWERED, Event.GP, "asked-for-gp"),
        (1, 0x8000_0306, ANSWERED, Event.UD, "asked-for-ud"),
        (1, 0x8000_0B06, ANSWERED, GuestAction.TERMINATES, "forged-exception"),
        (1, 0x8000_0380, ANSWERED, GuestAction.TERMINATES, "forged-exception"),
        (1, 0x0000_030D, ANSWERED, GuestAction.TERMINATES, "forged-exception"),
        (1, 0x8000_030D, 1 << 51, GuestAction.TERMINATES, "exception-not-valid"),
        (0, 0, ANSWERED, GuestAction.TERMINATES, "result-not-valid"),
    ],
)
def test_reply_is_judged(info1: int, info2: int, bits: int, result: object, check: str) -> None:
    exchange = replied(sent(guest(instruction(Kind.RDMSR)), 0x7C), q115=info1, q116=info2, q127=bits)
    judged = vc_believes(exchange, NOW)
    assert (judged.result, judged.check) == (result, check)
    assert judged.system.registers == exchange.registers


def test_nested_call_gives_the_page_back() -> None:
    outer = sent(guest(instruction(Kind.CPUID), {RAX: 1}), 0x72)
    inner_code = replace(outer.contexts[2], code=instruction(Kind.WBINVD))
    nested = replace(outer, contexts=outer.contexts.set(2, inner_code))
    asked = after(vc_asks(after(checked(nested, 0x89)), NOW))
    taken = vc_takes_page(asked, NOW)
    assert taken.check == "copies-first"
    exchange = after(taken)
    for _ in range(512):
        exchange = after(vc_saves(exchange, NOW))
    for _ in range(512):
        exchange = after(vc_stores(exchange, NOW))
    assert nonzero(exchange) == {CODE: 0x89, 127: CONTROL_BITS, 511: VERSION}
    done = completed(replied(after(vc_exits(exchange, NOW)), q127=ANSWERED))
    exchange = after(done)
    assert exchange.calls[2].stage == Stage.RESTORING
    for _ in range(512):
        exchange = after(vc_restores(exchange, NOW))
    assert exchange.depth == 1
    assert nonzero(exchange) == nonzero(outer)
    assert exchange.ghost.sent_by == 1


def test_reading_needs_a_call_that_has_left() -> None:
    exchange = raised(guest(instruction(Kind.CPUID)), 0x72)
    early = vc_reads(exchange, NOW)
    assert (early.result, early.check) == (GuestAction.REFRAINS, "another-stage")
    assert early.system is exchange


def test_private_mmio_leaves_nothing_in_the_page() -> None:
    refused = checked(guest(instruction(Kind.STORE, device=PRIVATE, source=3), {RBX: 5}), 0x400)
    assert (refused.result, refused.check) == (GuestAction.TERMINATES, "private-memory")
    assert nonzero(after(refused)) == {}


def test_single_step_is_lost_unless_the_knob_says_otherwise() -> None:
    exchange = replied(sent(guest(instruction(Kind.WBINVD), {0x170 // 8: 1 << 8}), 0x89), q127=ANSWERED)
    assert completed(exchange).check == "completed"
    knobs = replace(exchange.platform.knobs, vc_step_lost=False)
    stepped = completed(replace(exchange, platform=replace(exchange.platform, knobs=knobs)))
    assert (stepped.result, stepped.check) == (Event.DB, "completed-and-stepped")
    assert stepped.system.registers[SavedRegister(1, RIP)] == 2
