"""What #VC handlers have got wrong, one case a test: real bytes, and the right effect on registers and devices."""

from typing import Any

import pytest

from impl.decode.decoder import decode
from impl.decode.undecodable import Reason, Undecodable
from impl.vc.handler import undecoded
from impl.vc.outcome import DONE, Outcome, Refusal
from impl.vc.vcpu import DF
from tests.impl.vc.guest import Guest

REPLY = 0x8182_8384_8586_8788


def done(text: str, bits: int = 64, **given: Any) -> Guest:
    """A guest after the whole instruction; RIP is behind it."""
    guest = Guest(bits, **{"answer": REPLY, **given})
    assert guest.run(text) == DONE
    assert guest.vcpu.rip == 0x40_1000 + len(text) // 2
    return guest


def of_bytes(text: str, bits: int = 64) -> tuple[str, Reason | None]:
    """The fault of bytes that are no instruction."""
    with pytest.raises(Undecodable) as undecodable:
        decode(bytes.fromhex(text), bits)
    outcome: Outcome = undecoded(undecodable.value)
    assert outcome.fault is not None
    return outcome.name, outcome.fault.reason


# --- immediates and extension ---


def test_mov_m64_imm32_is_seven_bytes_and_writes_the_sign_extension() -> None:
    assert done("48c703010000ff", rbx=0x1000).seen == [("mmio_write", 0x1000, 8, 0xFFFF_FFFF_FF00_0001)]


@pytest.mark.parametrize(
    ("text", "size", "value"),
    [("0fb600", 1, 0x88), ("0fbe00", 1, 0xFFFF_FF88), ("0fb700", 2, 0x8788), ("0fbf00", 2, 0xFFFF_8788)],
)
def test_extension_to_r32_clears_the_upper_half(text: str, size: int, value: int) -> None:
    guest = done(text, rax=0x1000)
    assert guest.seen == [("mmio_read", 0x1000, size)]
    assert guest["rax"] == value


def test_movsx_to_r16_keeps_the_upper_48_bits() -> None:
    assert done("660fbe08", rax=0x1000, rcx=0x1111_2222_3333_4444)["rcx"] == 0x1111_2222_3333_FF88


def test_movsxd_sign_extends_four_bytes() -> None:
    guest = done("486300", rax=0x1000)
    assert guest.seen == [("mmio_read", 0x1000, 4)]
    assert guest["rax"] == 0xFFFF_FFFF_8586_8788


def test_movsxd_with_66_is_refused_because_the_sources_differ() -> None:
    guest = Guest(rax=0x1000)
    assert guest.run("666300").refusal is Refusal.OPERAND_SIZES
    assert guest.unchanged
    assert guest.seen == []


def test_movbe_reverses_the_bytes_of_the_access() -> None:
    assert done("0f38f008", rax=0x1000)["rcx"] == 0x8887_8685
    guest = done("660f38f108", bits=16, rcx=0x1122_3344, rbx=0x1000, rsi=0x20)
    assert guest.seen == [("mmio_write", 0x1020, 4, 0x4433_2211)]


# --- ports ---


@pytest.mark.parametrize(
    ("text", "size", "rax"),
    [
        ("ec", 1, 0x1111_2222_3333_4488),
        ("66ed", 2, 0x1111_2222_3333_8788),
        ("ed", 4, 0x8586_8788),
        ("48ed", 4, 0x8586_8788),
        ("4866ed", 2, 0x1111_2222_3333_8788),
        ("e4fe", 1, 0x1111_2222_3333_4488),
        ("e5fe", 4, 0x8586_8788),
    ],
)
def test_in_keeps_what_its_width_does_not_write(text: str, size: int, rax: int) -> None:
    guest = done(text, rax=0x1111_2222_3333_4444, rdx=0xFFFF_FFFF_FFFF_0CF8)
    assert guest.seen == [("port_in", 0xFE if text.startswith("e") and text[1] in "45" else 0xCF8, size)]
    assert guest["rax"] == rax


@pytest.mark.parametrize(
    ("text", "port", "size", "value"),
    [
        ("ee", 0xCF8, 1, 0x44), ("66ef", 0xCF8, 2, 0x4344), ("ef", 0xCF8, 4, 0x4142_4344),
        ("48ef", 0xCF8, 4, 0x4142_4344),
        ("e680", 0x80, 1, 0x44), ("e7ff", 0xFF, 4, 0x4142_4344), ("66e7ff", 0xFF, 2, 0x4344),
    ],
)  # fmt: skip
def test_out_sends_no_more_than_its_width(text: str, port: int, size: int, value: int) -> None:
    guest = done(text, rax=0x1111_2222_4142_4344, rdx=0xFFFF_FFFF_FFFF_0CF8)
    assert guest.seen == [("port_out", port, size, value)]


def test_rex_w_does_not_widen_ins() -> None:
    guest = done("486d", rdx=0x60, rdi=0x1000)
    assert guest.seen == [("port_in", 0x60, 4), ("mmio_write", 0x1000, 4, 0x8586_8788)]
    assert guest["rdi"] == 0x1004


@pytest.mark.parametrize("text", ["6648ed", "6648ef", "66486d", "66486f"])
def test_port_io_with_66_and_rex_w_is_refused(text: str) -> None:
    guest = Guest(rdx=0x60, rdi=0x1000, rsi=0x1000)
    assert guest.run(text).refusal is Refusal.OPERAND_SIZES
    assert guest.seen == []


# --- byte registers ---


def test_byte_registers_4_to_7_are_high_bytes_only_without_rex() -> None:
    assert done("8820", rax=0x1234).seen == [("mmio_write", 0x1234, 1, 0x12)]
    assert done("408821", rcx=0x1000, rsp=0x99).seen == [("mmio_write", 0x1000, 1, 0x99)]
    assert done("8a20", rax=0x1234)["rax"] == 0x8834
    guest = done("408a21", rcx=0x1000, rax=0x1234, rsp=0x5678)
    assert (guest["rax"], guest["rsp"]) == (0x1234, 0x5688)


# --- strings ---


def test_ins_without_rep_is_one_element_and_leaves_rcx() -> None:
    guest = done("6c", rcx=5, rdx=0x60, rdi=0x1000)
    assert guest.seen == [("port_in", 0x60, 1), ("mmio_write", 0x1000, 1, 0x88)]
    assert (guest["rcx"], guest["rdi"]) == (5, 0x1001)


def test_rep_with_count_0_does_nothing() -> None:
    guest = done("f36c", rcx=0, rdx=0x60, rdi=0x1000)
    assert guest.seen == []
    assert (guest["rcx"], guest["rdi"]) == (0, 0x1000)


@pytest.mark.parametrize("text", ["f36c", "f26c"])
def test_rep_ins_counts_rcx_down(text: str) -> None:
    guest = done(text, rcx=3, rdx=0x60, rdi=0x1000)
    assert guest.seen == [(kind, *rest) for n in range(3) for kind, *rest in (
        ("port_in", 0x60, 1), ("mmio_write", 0x1000 + n, 1, 0x88))]  # fmt: skip
    assert (guest["rcx"], guest["rdi"]) == (0, 0x1003)


def test_67_takes_and_writes_32_bits_of_the_string_registers() -> None:
    high = 0x7777_0000_0000_0000
    guest = done("67f3a4", rcx=high | 2, rsi=high | 0xFFFF_FFFF, rdi=high | 0x2000)
    assert guest.seen == [
        ("mmio_read", 0xFFFF_FFFF, 1), ("mmio_write", 0x2000, 1, 0x88),
        ("mmio_read", 0, 1), ("mmio_write", 0x2001, 1, 0x88),
    ]  # fmt: skip
    assert (guest["rcx"], guest["rsi"], guest["rdi"]) == (0, 1, 0x2002)
    guest = done("67a4", rcx=high | 2, rsi=high | 0x1000, rdi=high | 0x2000)
    assert (guest["rcx"], guest["rsi"], guest["rdi"]) == (high | 2, 0x1001, 0x2001)


def test_segment_override_moves_the_source_and_never_the_destination() -> None:
    guest = Guest(answer=REPLY, rsi=0x10, rdi=0x20, rdx=0x60)
    guest.vcpu.segment_bases["fs"] = 0x5000
    assert guest.run("64a4") == DONE
    assert guest.run("646f") == DONE
    assert guest.seen == [
        ("mmio_read", 0x5010, 1), ("mmio_write", 0x20, 1, 0x88),
        ("mmio_read", 0x5011, 4), ("port_out", 0x60, 4, 0x8586_8788),
    ]  # fmt: skip


def test_with_df_addresses_go_down() -> None:
    guest = Guest(rax=0x1122_3344, rcx=2, rdi=0x1004)
    guest.vcpu.rflags |= DF
    assert guest.run("f3ab") == DONE
    assert guest.seen == [("mmio_write", 0x1004, 4, 0x1122_3344), ("mmio_write", 0x1000, 4, 0x1122_3344)]
    assert guest["rdi"] == 0xFFC


# --- MSR ---


def test_msr_takes_and_gives_halves_of_32_bits() -> None:
    high = 0xDEAD_BEEF_0000_0000
    guest = done("0f32", rcx=high | 0x1B, rax=high, rdx=high)
    assert guest.seen == [("read_msr", 0x1B)]
    assert (guest["rax"], guest["rdx"], guest["rcx"]) == (0x8586_8788, 0x8182_8384, high | 0x1B)
    guest = done("0f30", rcx=high | 0x1B, rax=high | 0x11, rdx=high | 0x22)
    assert guest.seen == [("write_msr", 0x1B, 0x22_0000_0011)]
