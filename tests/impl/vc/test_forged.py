"""A hypervisor that lies: about the exit, in the reply, by asking for exceptions. The guest terminates or is right."""

import pytest

from impl.vc.exits import ExceptionRequested, ExitFailed
from impl.vc.outcome import DONE, End, Refusal, Vector
from tests.impl.vc.guest import Guest

EXIT_CODES = (0x27, 0x37, 0x6E, 0x6F, 0x72, 0x76, 0x7B, 0x7C, 0x81, 0x87, 0x89, 0x8A, 0x8B, 0x400)
ADMITTED = {
    "0f21f8": 0x27, "0f23f8": 0x37, "0f31": 0x6E, "0f33": 0x6F, "0fa2": 0x72, "0f08": 0x76, "ec": 0x7B, "e680": 0x7B,
    "6c": 0x7B, "6f": 0x7B, "0f32": 0x7C, "0f30": 0x7C, "0f01d9": 0x81, "0f01f9": 0x87, "0f09": 0x89, "f30f09": 0x89,
    "0f01c8": 0x8A, "0f01fa": 0x8A, "0f01c9": 0x8B, "0f01fb": 0x8B, "8b00": 0x400, "a4": 0x400, "0100": 0x400,
}  # fmt: skip
"""From the table of GHCB (56421), "Standard VMGEXIT Events", with the opcodes of APM Vol. 3."""


@pytest.mark.parametrize("text", ADMITTED)
def test_each_instruction_is_admitted_by_its_own_exit_code_alone(text: str) -> None:
    for exit_code in EXIT_CODES:
        guest = Guest(rax=0x1000, rbx=0, rcx=1, rdx=0x60, rsi=0x2000, rdi=0x3000)
        refusal = guest.run(text, exit_code).refusal
        if exit_code == ADMITTED[text]:
            assert refusal is (Refusal.INVD if text == "0f08" else None)
        else:
            assert refusal is Refusal.MISMATCH
            assert guest.unchanged
            assert guest.seen == []


@pytest.mark.parametrize(
    ("text", "exit_code"),
    [
        ("31c0", 0x6E), ("01f9", 0x87), ("01d9", 0x81), ("21f8", 0x27), ("23f8", 0x37), ("09c0", 0x89), ("01c8", 0x8A),
        ("01c9", 0x8B), ("a20010000000000000", 0x72), ("30c0", 0x7C), ("32c0", 0x7C), ("33c0", 0x6F), ("08c0", 0x76),
        ("0f20e0", 0x27), ("0f21f0", 0x27), ("0f23f0", 0x37), ("f30f01d9", 0x81), ("0f01c1", 0x81),
        ("b600", 0x400), ("be00000000", 0x400), ("8d00", 0x400), ("0f0dc8", 0x400), ("8b00", 0x7B), ("6c", 0x400),
    ],
)  # fmt: skip
def test_lookalikes_are_refused(text: str, exit_code: int) -> None:
    guest = Guest(rax=0x1000, rcx=0x1000)
    assert guest.run(text, exit_code).refusal is Refusal.MISMATCH
    assert guest.unchanged
    assert guest.seen == []


@pytest.mark.parametrize("behind", ["", "90", "0f01f9", "ff" * 10])
def test_rdtscp_is_three_bytes_whatever_follows(behind: str) -> None:
    guest = Guest(answer=0x1111_2222_3333_4444)
    assert guest.run("0f01f9" + behind, 0x87) == DONE
    assert guest.vcpu.rip == 0x40_1003
    assert (guest["rax"], guest["rdx"], guest["rcx"]) == (0x3333_4444, 0x1111_2222, 0x2222_3333)


@pytest.mark.parametrize(
    ("exit_code", "refusal"),
    [
        (0x404, Refusal.NOT_VALIDATED), (0x41, Refusal.EXCEPTION_INTERCEPT), (0x51, Refusal.EXCEPTION_INTERCEPT),
        (0x5F, Refusal.EXCEPTION_INTERCEPT), (0x60, Refusal.AUTOMATIC_EXIT), (0x78, Refusal.AUTOMATIC_EXIT),
        (0x403, Refusal.AUTOMATIC_EXIT), (0x00, Refusal.UNSUPPORTED_EXIT), (0x20, Refusal.UNSUPPORTED_EXIT),
        (0x8C, Refusal.UNSUPPORTED_EXIT), (0x8D, Refusal.UNSUPPORTED_EXIT), (0x8E, Refusal.UNSUPPORTED_EXIT),
        (0x401, Refusal.UNSUPPORTED_EXIT), (1 << 63, Refusal.UNSUPPORTED_EXIT), (-1, Refusal.UNSUPPORTED_EXIT),
    ],
)  # fmt: skip
def test_exit_codes_without_an_event_are_refused_before_anything_is_fetched(exit_code: int, refusal: Refusal) -> None:
    guest = Guest()
    assert guest.fetched(exit_code, "").refusal is refusal
    assert guest.unchanged


# --- replies ---


@pytest.mark.parametrize(
    "text", ["ec", "66ed", "ed", "8a00", "8b00", "0fa2", "0f32", "0f31", "0f33", "0f01f9", "0f01d9"]
)
def test_of_a_reply_only_the_bits_of_the_instruction_count(text: str) -> None:
    narrow, wide = (Guest(answer=answer, rax=0x1000, rcx=0, rdx=0) for answer in (0x3344, 0x3344 | 0xFFFF << 64))
    assert narrow.run(text) == wide.run(text) == DONE
    assert narrow.state() == wide.state()


@pytest.mark.parametrize(
    "text", ["ec", "8b00", "0fa2", "0f32", "0f30", "0f31", "0f33", "0f01f9", "0f01d9", "0f23f8", "0f09"]
)
def test_a_failed_exit_terminates_and_changes_nothing(text: str) -> None:
    guest = Guest(answer=ExitFailed(), rax=0x1000, rcx=0, rdx=0, rbx=0)
    assert guest.run(text).refusal is Refusal.EXIT_FAILED
    assert guest.unchanged


VALID, EXCEPTION, ERROR_CODE = 1 << 31, 3 << 8, 1 << 11


@pytest.mark.parametrize(
    ("event", "vector", "error_code"),
    [
        (VALID | EXCEPTION | 6, Vector.UD, None),
        (VALID | EXCEPTION | ERROR_CODE | 13 | 0x18 << 32, Vector.GP, 0x18),
        (VALID | EXCEPTION | 13, Vector.GP, 0),
    ],
)
def test_the_hypervisor_may_ask_for_gp_and_ud(event: int, vector: Vector, error_code: int | None) -> None:
    guest = Guest(answer=ExceptionRequested(event), rcx=0x10)
    outcome = guest.run("0f32")
    assert outcome.end is End.FAULT
    assert outcome.fault is not None
    assert (outcome.fault.vector, outcome.fault.error_code) == (vector, error_code)
    assert guest.unchanged


@pytest.mark.parametrize(
    "event",
    [
        EXCEPTION | 6, VALID | 6, VALID | 2 << 8 | 2, VALID | 4 << 8 | 13, VALID | EXCEPTION | ERROR_CODE | 6,
        VALID | EXCEPTION | 14, VALID | EXCEPTION | 29, VALID | EXCEPTION | 1 << 12 | 6,
        VALID | EXCEPTION | 1 << 30 | 13,
        *(VALID | EXCEPTION | vector for vector in range(256) if vector not in (6, 13)),
    ],
)  # fmt: skip
def test_any_other_exception_is_forged(event: int) -> None:
    guest = Guest(answer=ExceptionRequested(event), rcx=0x10)
    assert guest.run("0f32").refusal is Refusal.FORGED_EXCEPTION
    assert guest.unchanged


# --- what leaves the guest ---


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("0fa2", ("cpuid", 0xD, 1, 7)), ("0f32", ("read_msr", 1)), ("0f30", ("write_msr", 1, 0x60_0000_000D)),
        ("0f31", ("read_tsc",)), ("0f01f9", ("read_tscp",)), ("0f33", ("read_counter", 1)),
        ("0f09", ("write_back_caches",)),
        ("0f23f8", ("write_dr7", 0x40D)), ("0f01d9", ("hypercall", 0xD, 0)), ("ee", ("port_out", 0x60, 1, 0xD)),
        ("ec", ("port_in", 0x60, 1)),
    ],
)  # fmt: skip
def test_nothing_but_the_exits_inputs_leaves_the_guest(text: str, question: tuple[object, ...]) -> None:
    guest = Guest(rax=0xD, rcx=1, rdx=0x60, rbx=0)
    guest.vcpu.xcr0 = 7
    assert guest.run(text) == DONE
    assert guest.seen == [question]


def test_upper_halves_stay_in_the_guest() -> None:
    high = 0xDEAD_0000_0000_0000
    for text in ("0fa2", "0f33"):
        guest = Guest(rax=high | 1, rcx=high | 2)
        assert guest.run(text) == DONE
        assert guest.seen == [("cpuid", 1, 2, None) if text == "0fa2" else ("read_counter", 2)]


@pytest.mark.parametrize("text", ["0f01c8", "0f01c9", "0f01fa", "0f01fb", "0f21f8"])
def test_monitor_mwait_and_reading_dr7_ask_nobody(text: str) -> None:
    guest = Guest(rax=0x1000, rcx=0, rdx=0)
    assert guest.run(text) == DONE
    assert guest.seen == []


@pytest.mark.parametrize("text", ["0f30", "0f32"])
def test_the_ghcb_msr_is_never_forwarded(text: str) -> None:
    guest = Guest(rcx=0xC001_0130)
    assert guest.run(text).refusal is Refusal.GHCB_MSR
    assert guest.seen == []
    assert guest.unchanged
