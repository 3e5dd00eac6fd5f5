"""What the code may do, and what the guest knows of its features."""

import pytest

from impl.vc.outcome import DONE, Fault, Outcome, Refusal, Vector
from impl.vc.vcpu import CR4_PCE, CR4_TSD, IOPL_SHIFT, VM, Features
from tests.impl.vc.guest import Guest


def fault(outcome: Outcome) -> Fault:
    assert outcome.fault is not None, outcome
    return outcome.fault


# --- privilege ---


@pytest.mark.parametrize("text", ["0f30", "0f32", "0f09", "0f21f8", "0f23f8"])
def test_privileged_instructions_above_cpl_0_are_gp(text: str) -> None:
    guest = Guest(cpl=3, rbx=0, rax=0)
    assert fault(guest.run(text)).vector is Vector.GP
    assert guest.seen == []


@pytest.mark.parametrize(("text", "result"), [("0f01c8", "#UD"), ("0f01c9", "#UD"), ("0f01fa", "ok"), ("0f01fb", "ok")])
def test_monitor_and_mwait_above_cpl_0_are_ud(text: str, result: str) -> None:
    assert Guest(cpl=3).run(text).name == result


def test_counters_above_cpl_0_are_as_cr4_says() -> None:
    for text, cr4, result in (
        ("0f31", 0, "ok"), ("0f31", CR4_TSD, "#GP"), ("0f01f9", CR4_TSD, "#GP"), ("0f33", 0, "#GP"),
        ("0f33", CR4_PCE, "ok")
    ):  # fmt: skip
        guest = Guest(cpl=3)
        guest.vcpu.cr4 = cr4
        assert guest.run(text).name == result


def test_mmio_of_a_user_is_refused() -> None:
    for text in ("8b00", "8900", "aa", "a4"):
        guest = Guest(cpl=3, rax=0x1000, rdi=0x2000, rsi=0x3000)
        assert guest.run(text).refusal is Refusal.USER_MMIO
        assert guest.seen == []


@pytest.mark.parametrize("text", ["ed", "ef", "6d", "6f", "e560", "e760"])
def test_port_io_of_a_user_needs_iopl_or_every_bit_of_the_permission_map(text: str) -> None:
    for iopl, vm, allowed, result in (
        (0, 0, (), "#GP"), (3, 0, (), "ok"), (3, VM, (), "#GP"), (0, 0, (0x60, 0x61, 0x62, 0x63), "ok"),
        (0, 0, (0x60, 0x61, 0x62), "#GP"), (2, 0, (), "#GP"),
    ):  # fmt: skip
        guest = Guest(cpl=3, rdx=0x60, rdi=0x2000, rsi=0x2000)
        guest.vcpu.rflags |= iopl << IOPL_SHIFT | vm
        guest.memory.ports = allowed.__contains__
        guest.memory.ordinary = lambda linear: True  # noqa: ARG005 -- all of it
        assert guest.run(text).name == result
        assert bool(guest.seen) is (result == "ok")


# --- features ---


def test_with_secure_tsc_an_intercepted_counter_is_an_attack() -> None:
    for text in ("0f31", "0f01f9"):
        guest = Guest()
        guest.vcpu.features = Features(secure_tsc=True)
        assert guest.run(text).refusal is Refusal.TSC_INTERCEPTED
        assert guest.seen == []


def test_with_debug_swap_an_intercepted_dr7_is_an_attack() -> None:
    for text in ("0f21f8", "0f23f8"):
        guest = Guest(rax=0)
        guest.vcpu.features = Features(debug_swap=True)
        assert guest.run(text).refusal is Refusal.DR7_INTERCEPTED
        assert guest.seen == []


def test_dr7_reads_what_was_written_as_hardware_keeps_it() -> None:
    guest = Guest(rax=0xFFFF_FFFF)
    assert guest.run("0f21fb") == DONE
    assert guest["rbx"] == 0x400
    assert guest.run("0f23f8") == DONE
    assert guest.run("0f21fb") == DONE
    assert guest["rbx"] == 0xFFFF_27FF
    assert guest.seen == [("write_dr7", 0xFFFF_27FF)]


def test_dr7_with_an_upper_half_is_gp() -> None:
    guest = Guest(rax=1 << 32)
    assert fault(guest.run("0f23f8")).vector is Vector.GP
    assert guest.seen == []
    assert guest.unchanged
