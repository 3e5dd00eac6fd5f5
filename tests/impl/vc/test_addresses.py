"""What #VC handlers have got wrong about addresses, prefixes, lengths and 16-bit code: one case a test."""

from typing import Any

import pytest

from impl.decode.decoder import decode
from impl.decode.undecodable import Reason, Undecodable
from impl.vc.handler import undecoded
from impl.vc.outcome import DONE, Outcome, Refusal
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


# --- addresses ---


@pytest.mark.parametrize(
    ("text", "registers", "address"),
    [
        ("8b0510000000", {}, 0x40_1016),
        ("678b0510000000", {}, 0x40_1017),
        ("c7051000000078563412", {}, 0x40_101A),
        ("880c30", {"rax": 0x1000, "rsi": 0x20}, 0x1020),
        ("8804d1", {"rcx": 0x1000, "rdx": 3}, 0x1018),
        ("8804d5e8ffffff", {"rdx": 4}, 8),
        ("8853ff", {"rbx": 0}, 0xFFFF_FFFF_FFFF_FFFF),
        ("678853ff", {"rbx": 0x9999_0000_0000_0000}, 0xFFFF_FFFF),
        ("8853ff", {"rbx": 0xFFFF_8880_0000_1000}, 0xFFFF_8880_0000_0FFF),
        ("678b00", {"rax": 0x1_0000_1000}, 0x1000),
        ("a27856341200000000", {}, 0x1234_5678),
        ("67a278563412", {}, 0x1234_5678),
        ("410fb60424", {"r12": 0x2000}, 0x2000),
        ("420fb60420", {"rax": 0x1000, "r12": 0x20}, 0x1020),
        ("430fb64500", {"r13": 0x3000}, 0x3000),
    ],
)
def test_addresses(text: str, registers: dict[str, int], address: int) -> None:
    guest = Guest(**registers)
    assert guest.run(text) == DONE
    assert guest.seen[0][1] == address


@pytest.mark.parametrize(
    ("text", "registers", "address"),
    [
        ("658b4904", {"rcx": 0x10}, 0xFFFF_8880_0000_0014),
        ("648b042500100000", {}, 0x7F00_0000_1000),
        ("65678b00", {"rax": 0x1_0000_1000}, 0xFFFF_8880_0000_1000),
        ("3e658b00", {"rax": 0x10}, 0xFFFF_8880_0000_0010),
        ("653e8b00", {"rax": 0x10}, 0xFFFF_8880_0000_0010),
        ("65658b00", {"rax": 0x10}, 0xFFFF_8880_0000_0010),
        ("65648b00", {"rax": 0x10}, 0x7F00_0000_0010),
        ("2e8b00", {"rax": 0x10}, 0x10),
    ],
)
def test_segment_bases(text: str, registers: dict[str, int], address: int) -> None:
    guest = Guest(**registers)
    guest.vcpu.segment_bases.update(fs=0x7F00_0000_0000, gs=0xFFFF_8880_0000_0000, cs=0x100, ds=0x200, ss=0x300)
    assert guest.run(text) == DONE
    assert guest.seen[0][1] == address


def test_outside_64_bit_mode_every_segment_has_its_base() -> None:
    guest = Guest(16, rbx=0x1_1000, rsi=0x20, rbp=0x30)
    guest.vcpu.segment_bases.update(ds=0xB_8000, ss=0x200, cs=0x300)
    for text in ("8a00", "2e8a00", "8a02"):
        assert guest.run(text) == DONE
    assert [address for _, address, _ in guest.seen] == [0xB_8000 + 0x1020, 0x300 + 0x1020, 0x200 + 0x50]


# --- prefixes, length, validity ---


@pytest.mark.parametrize(
    ("text", "size"), [("48408b00", 4), ("48668b00", 2), ("66666666668b00", 2), ("66488b00", 8), ("3e658b00", 4)]
)
def test_a_rex_counts_only_before_the_opcode_and_prefixes_repeat(text: str, size: int) -> None:
    assert done(text, rax=0x1000).seen == [("mmio_read", 0x1000, size)]


def test_more_than_fifteen_bytes_are_gp() -> None:
    assert of_bytes("66" * 15 + "0f31") == ("#GP", Reason.TOO_LONG)


@pytest.mark.parametrize("text", ["c60840", *(f"c7{8 * reg:02x}00000000" for reg in range(1, 8))])
def test_group_11_has_mov_alone(text: str) -> None:
    assert of_bytes(text) == ("#UD", Reason.NO_MODRM)


@pytest.mark.parametrize("text", ["f08b00", "f08800", "f0c60001", "f06c", "f0ec", "f00fa2"])
def test_lock_elsewhere_is_ud(text: str) -> None:
    assert of_bytes(text) == ("#UD", Reason.LOCK)


@pytest.mark.parametrize("text", ["440f21f8", "440f23f8"])
def test_with_rex_r_dr7_is_no_register(text: str) -> None:
    assert of_bytes(text) == ("#UD", Reason.NO_REGISTER)


@pytest.mark.parametrize("text", ["8bc1", "c7c000000000", "88c8", "0fb6c1", "4863c1", "01c8"])
def test_register_forms_are_never_mmio(text: str) -> None:
    guest = Guest(rax=0x1000, rcx=0x1000)
    assert guest.run(text, 0x400).refusal is Refusal.MISMATCH
    assert guest.run(text).refusal is Refusal.NOT_INTERCEPTED
    assert guest.seen == []
    assert guest.unchanged


# --- 16-bit ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("668907", ("mmio_write", 0x1100, 4, 0x1122_3344)),
        ("66890424", ("mmio_write", 0x20, 4, 0x1122_3344)),
        ("66678904b3", ("mmio_write", 0x1180, 4, 0x1122_3344)),
        ("8900", ("mmio_write", 0x1120, 2, 0x3344)),
        ("8942ff", ("mmio_write", 0x5F, 2, 0x3344)),
        ("89063412", ("mmio_write", 0x1234, 2, 0x3344)),
        ("8987fffe", ("mmio_write", 0xFFF, 2, 0x3344)),
    ],
)
def test_16_bit_addressing_has_no_sib(text: str, expected: tuple[Any, ...]) -> None:
    guest = Guest(16, rax=0x1122_3344, rbx=0x1100, rsi=0x20, rbp=0x40)
    assert decode(bytes.fromhex(text), 16).length <= len(text) // 2
    assert guest.run(text) == DONE
    assert guest.seen == [expected]
