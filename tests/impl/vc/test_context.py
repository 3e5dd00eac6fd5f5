"""What surrounds the instruction: fetching, pages, long repeats; and what is refused by name."""

import pytest

from impl.vc.outcome import AGAIN, DONE, Fault, Outcome, Refusal, Vector
from impl.vc.vcpu import CF, RF, ZF, Features
from tests.impl.vc.guest import Guest


def fault(outcome: Outcome) -> Fault:
    assert outcome.fault is not None, outcome
    return outcome.fault


# --- fetching ---


def test_an_instruction_is_fetched_across_a_page_and_faults_at_the_missing_byte() -> None:
    guest = Guest(rax=0x1000)
    guest.vcpu.rip = 0x40_1FFF
    guest_fault = fault(guest.fetched(0x400, "8b"))
    assert (guest_fault.vector, guest_fault.address) == (Vector.PF, 0x40_2000)
    assert guest.unchanged


def test_an_instruction_that_ends_with_its_page_needs_no_other_page() -> None:
    guest = Guest(answer=0x55, rax=0x1000)
    guest.vcpu.rip = 0x40_1FFE
    assert guest.fetched(0x400, "8b00") == DONE
    assert (guest.vcpu.rip, guest["rax"]) == (0x40_2000, 0x55)


@pytest.mark.parametrize(("text", "vector"), [("c608" + "90" * 13, Vector.UD), ("66" * 15, Vector.GP)])
def test_fetched_bytes_that_are_no_instruction_fault(text: str, vector: Vector) -> None:
    guest = Guest()
    assert fault(guest.fetched(0x400, text)).vector is vector
    assert guest.unchanged


def test_bytes_are_fetched_at_the_code_segments_base() -> None:
    guest = Guest(16)
    guest.vcpu.rip, guest.vcpu.segment_bases["cs"] = 0xFFF0, 0xFFFF_0000
    assert fault(guest.fetched(0x72, "")).address == 0xFFFF_FFF0


def test_a_completed_instruction_clears_rf_and_a_refused_one_does_not() -> None:
    guest = Guest(rax=0x1000)
    guest.vcpu.rflags |= RF
    assert guest.run("f08700").refusal is Refusal.ATOMIC
    assert guest.vcpu.rflags & RF
    assert guest.run("8b00") == DONE
    assert not guest.vcpu.rflags & RF


# --- refusals by name ---


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("8700", Refusal.ATOMIC), ("f00100", Refusal.ATOMIC), ("0fb100", Refusal.ATOMIC), ("0fc100", Refusal.ATOMIC),
        ("0fc708", Refusal.ATOMIC), ("f0480fb100", Refusal.ATOMIC), ("f0ff00", Refusal.ATOMIC),
        ("0f1000", Refusal.VECTOR), ("660f6f00", Refusal.VECTOR), ("c5fe6f00", Refusal.VECTOR),
        ("0f6e00", Refusal.VECTOR),
        ("62f17c481000", Refusal.VECTOR), ("f20f1000", Refusal.VECTOR),
        ("8c00", Refusal.SEGMENT_REGISTER), ("8e00", Refusal.SEGMENT_REGISTER),
        ("d100", Refusal.OPERATION), ("0faf00", Refusal.OPERATION), ("ff30", Refusal.OPERATION),
        ("0fa300", Refusal.OPERATION),
        ("0f9000", Refusal.OPERATION), ("0f4000", Refusal.OPERATION), ("0fc300", Refusal.OPERATION),
        ("d800", Refusal.OPERATION),
        ("0f08", Refusal.INVD), ("0f20c0", Refusal.UNSUPPORTED_EXIT), ("0f21c0", Refusal.UNSUPPORTED_EXIT),
        ("0f01d1", Refusal.UNSUPPORTED_EXIT), ("f4", Refusal.AUTOMATIC_EXIT), ("f30f01d9", Refusal.AUTOMATIC_EXIT),
        ("8d00", Refusal.NOT_INTERCEPTED), ("90", Refusal.NOT_INTERCEPTED),
    ],
)  # fmt: skip
def test_what_is_not_emulated_is_refused_by_name(text: str, refusal: Refusal) -> None:
    guest = Guest(rax=0x1000)
    assert guest.run(text).refusal is refusal
    assert guest.seen == []
    assert guest.unchanged


# --- addresses ---


@pytest.mark.parametrize(
    ("text", "vector"), [("8b00", Vector.GP), ("8b4500", Vector.SS), ("8b0424", Vector.SS), ("648b4500", Vector.GP)]
)
def test_an_address_that_is_not_canonical_faults(text: str, vector: Vector) -> None:
    guest = Guest(rax=1 << 47, rbp=1 << 47, rsp=(1 << 47) - 3)
    found = fault(guest.run(text))
    assert (found.vector, found.error_code) == (vector, 0)
    assert guest.seen == []
    assert guest.unchanged


def test_with_la57_57_bits_are_canonical() -> None:
    guest = Guest(rax=1 << 47, rcx=1 << 56)
    guest.vcpu.features = Features(la57=True)
    assert guest.run("8b10") == DONE
    assert fault(guest.run("8b11")).vector is Vector.GP


@pytest.mark.parametrize(
    ("bits", "text", "registers"),
    [(64, "8b00", {"rax": (1 << 64) - 2}), (32, "8b00", {"rax": (1 << 32) - 2}), (16, "8b07", {"rbx": 0xFFFF})],
)
def test_an_operand_beyond_the_last_offset_is_refused(bits: int, text: str, registers: dict[str, int]) -> None:
    guest = Guest(bits, **registers)
    assert guest.run(text).refusal is Refusal.BEYOND_LAST_ADDRESS
    assert guest.seen == []


def test_an_mmio_exit_for_private_memory_is_refused() -> None:
    guest = Guest(rax=0x1000)
    guest.memory.ordinary = lambda linear: linear < 0x2000
    for text in ("8b00", "8900", "0100"):
        assert guest.run(text).refusal is Refusal.PRIVATE_MEMORY
    assert guest.seen == []


def test_an_operand_on_an_mmio_page_and_a_private_one_is_refused() -> None:
    guest = Guest(rax=0x1FFE)
    guest.memory.ordinary = lambda linear: linear >= 0x2000
    assert guest.run("8b00").refusal is Refusal.PAGE_CROSSING
    assert guest.seen == []


def test_a_page_fault_of_the_operand_is_the_guests() -> None:
    guest = Guest(rax=0x1FFE)
    guest.memory.unmapped = lambda linear: linear >= 0x2000
    found = fault(guest.run("8900"))
    assert (found.vector, found.error_code, found.address) == (Vector.PF, 2, 0x2001)
    assert guest.seen == []


@pytest.mark.parametrize("text", ["a4", "6c"])
def test_a_destination_that_faults_is_noticed_before_the_device_is_read(text: str) -> None:
    guest = Guest(rsi=0x1000, rdi=0x2000, rdx=0x60)
    guest.memory.unmapped = lambda linear: linear >= 0x2000
    assert fault(guest.run(text)).address == 0x2000
    assert guest.seen == []
    assert guest.unchanged


# --- strings ---


def test_movs_between_memory_and_a_device() -> None:
    guest = Guest(answer=0x77, rsi=0x1000, rdi=0x8000, rcx=2)
    guest.memory.ordinary = lambda linear: linear >= 0x8000
    assert guest.run("f3a4") == DONE
    assert guest.seen == [
        ("mmio_read", 0x1000, 1), ("store", 0x8000, 1, 0x77), ("mmio_read", 0x1001, 1), ("store", 0x8001, 1, 0x77),
    ]  # fmt: skip


def test_a_fault_in_the_middle_of_a_repeat_leaves_what_remains() -> None:
    guest = Guest(rax=0x11, rdi=0x1FFE, rcx=5)
    guest.memory.unmapped = lambda linear: linear >= 0x2000
    assert fault(guest.run("f3aa")).address == 0x2000
    assert (guest["rcx"], guest["rdi"], guest.vcpu.rip) == (3, 0x2000, 0x40_1000)


def test_a_long_repeat_goes_on_at_the_same_rip() -> None:
    guest = Guest(rax=0x11, rdi=0x10_0000, rcx=600)
    for left in (346, 92):
        assert guest.run("f348ab") == AGAIN
        assert (guest["rcx"], guest.vcpu.rip) == (left, 0x40_1000)
    assert guest.run("f348ab") == DONE
    assert (guest["rcx"], guest["rdi"], guest.vcpu.rip) == (0, 0x10_0000 + 4800, 0x40_1003)


@pytest.mark.parametrize(("text", "left"), [("f3ae", 4), ("f2ae", 0)])
def test_scas_stops_by_zf(text: str, left: int) -> None:
    guest = Guest(answer=0x22, rax=0x11, rdi=0x1000, rcx=5)
    assert guest.run(text) == DONE
    assert (guest["rcx"], len(guest.seen)) == (left, 5 - left)
    assert not guest.vcpu.rflags & ZF


def test_cmps_compares_rsi_less_rdi_in_this_order() -> None:
    guest = Guest(answer=0x22, rsi=0x1000, rdi=0x8000, rcx=3)
    guest.memory.ordinary = lambda linear: linear >= 0x8000
    guest.memory.contents = {0x8000: 0x22, 0x8001: 0x23}
    assert guest.run("f3a6") == DONE
    assert [seen[:2] for seen in guest.seen] == [
        ("mmio_read", 0x1000), ("load", 0x8000), ("mmio_read", 0x1001), ("load", 0x8001),
    ]  # fmt: skip
    assert (guest["rcx"], guest["rsi"], guest["rdi"]) == (1, 0x1002, 0x8002)
    assert guest.vcpu.rflags & (ZF | CF) == CF
