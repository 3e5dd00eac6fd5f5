"""What decoders of #VC handlers have got wrong, one case a test: real bytes, and the right reading of them."""

from typing import Any

import pytest

from impl.decode.decoder import decode
from impl.decode.exits import vc_class
from impl.decode.instruction import Immediate, Instruction, Memory, StringOperand
from impl.decode.memory_direction import Direction
from impl.decode.registers import Register
from impl.decode.semantics import Extension, Operation, Repeat, Semantics, semantics
from impl.decode.undecodable import Reason, Undecodable
from spec.vocabulary import Event


def of(text: str, bits: int = 64) -> Instruction:
    """The instruction; all bytes belong to it."""
    code = bytes.fromhex(text)
    instruction = decode(code, bits)
    assert instruction.length == len(code)
    return instruction


def work(text: str, bits: int = 64) -> Semantics:
    """Its semantics."""
    found = semantics(of(text, bits))
    assert found is not None
    return found


def memory(text: str, bits: int = 64) -> Memory:
    """Its memory operand."""
    found = of(text, bits).memory
    assert found is not None
    return found


def address(text: str, bits: int = 64) -> tuple[Any, ...]:
    """Base, index, scale, displacement and segment of its memory operand."""
    return memory(text, bits)[:5]


def names(text: str, bits: int = 64) -> list[str]:
    """The names of its register operands."""
    return [operand.name for operand in of(text, bits).operands if isinstance(operand, Register)]


def refused(text: str, bits: int = 64) -> Reason:
    """Why it is no instruction."""
    with pytest.raises(Undecodable) as undecodable:
        decode(bytes.fromhex(text), bits)
    assert undecodable.value.event is (Event.GP if undecodable.value.reason is Reason.TOO_LONG else Event.UD)
    return undecodable.value.reason


# --- immediates and extension ---


def test_mov_m64_imm32_is_seven_bytes_and_sign_extends() -> None:
    instruction = of("48c703ffffff80")
    assert instruction.operands[1] == Immediate(value=-0x7F000001, encoded=4, size=8)
    assert work("48c703ffffff80")[:3] == (Operation.MOVE, Direction.WRITE, 8)


@pytest.mark.parametrize(
    ("text", "size", "extension"),
    [
        ("0fb600", 1, Extension.ZERO),
        ("0fbe00", 1, Extension.SIGN),
        ("0fb700", 2, Extension.ZERO),
        ("0fbf00", 2, Extension.SIGN),
    ],
)
def test_extended_loads_to_r32(text: str, size: int, extension: Extension) -> None:
    expected = (Operation.MOVE_EXTENDED, Direction.READ, size, 4, extension)
    assert work(text)[:5] == expected
    assert names(text) == ["eax"]


def test_movsx_to_r16_writes_two_bytes() -> None:
    assert work("660fbe00")[:5] == (Operation.MOVE_EXTENDED, Direction.READ, 1, 2, Extension.SIGN)


def test_movsxd_reads_four_bytes_into_r64() -> None:
    assert work("486300")[:5] == (Operation.MOVE_EXTENDED, Direction.READ, 4, 8, Extension.SIGN)


# --- ports ---


@pytest.mark.parametrize(("text", "register"), [("ec", "al"), ("66ed", "ax"), ("ed", "eax")])
def test_in_names_the_register_whose_width_decides_what_is_kept(text: str, register: str) -> None:
    assert names(text) == [register, "dx"]


@pytest.mark.parametrize("text", ["48ed", "48ef", "486d"])
def test_rex_w_does_not_widen_port_io(text: str) -> None:
    assert work(text).size == 4


@pytest.mark.parametrize("text", ["ec", "6c", "e460"])
def test_ports_are_read(text: str) -> None:
    assert work(text).direction is (Direction.WRITE if text == "6c" else Direction.READ)


# --- byte registers ---


def test_byte_registers_4_to_7_without_rex_are_the_high_halves() -> None:
    named = {"8820": "ah", "8a20": "ah", "8828": "ch", "8830": "dh", "8838": "bh"}
    assert {text: names(text) for text in named} == {text: [name] for text, name in named.items()}
    high = of("8820").operands[1]
    assert isinstance(high, Register)
    assert (high.number, high.high) == (0, True)


def test_byte_registers_4_to_7_with_any_rex_are_spl_to_dil() -> None:
    assert [names(text) for text in ("408820", "408828", "408830", "408838")] == [["spl"], ["bpl"], ["sil"], ["dil"]]


# --- strings ---


def test_string_without_rep_is_one_element() -> None:
    assert work("6c") == (Operation.PORT_STRING, Direction.WRITE, 1, 1, Extension.NONE, Repeat.ONCE, False)


def test_string_with_rep_counts_in_rcx() -> None:
    assert work("f36c").repeat is Repeat.COUNT
    assert work("f3a6").repeat is Repeat.WHILE_EQUAL
    assert work("f2a6").repeat is Repeat.WHILE_NOT_EQUAL
    assert work("f2a4").repeat is Repeat.COUNT


@pytest.mark.parametrize("text", ["67f3a4", "67a4"])
def test_address_size_67h_takes_esi_edi_and_ecx(text: str) -> None:
    assert of(text).form.address_size == 4
    assert [o.register for o in of(text).operands if isinstance(o, StringOperand)] == ["edi", "esi"]


def test_segment_override_moves_the_source_and_never_the_destination() -> None:
    destination, source = of("64a4").operands
    assert (destination, source) == (StringOperand("rdi", "es", 1), StringOperand("rsi", "fs", 1))
    assert of("646f").operands[1] == StringOperand("rsi", "fs", 4)
    assert of("656c").operands[0] == StringOperand("rdi", "es", 1)


def test_monitor_takes_a_segment_override_too() -> None:
    assert [of(text).segment for text in ("0f01c8", "650f01c8", "652e0f01c8")] == ["ds", "gs", "gs"]


# --- addresses ---


def test_rip_relative_is_from_the_next_instruction() -> None:
    assert address("8b0578563412") == ("rip", None, 1, 0x12345678, "ds")
    assert address("678b0578563412") == ("eip", None, 1, 0x12345678, "ds")
    assert of("c70578563412aabbccdd").length == 10


def test_base_plus_scaled_index() -> None:
    assert address("880c30") == ("rax", "rsi", 1, 0, "ds")
    assert [address(f"8804{sib:02x}")[2] for sib in (0x11, 0x51, 0x91, 0xD1)] == [1, 2, 4, 8]


def test_negative_displacement_is_signed() -> None:
    assert address("8853ff") == ("rbx", None, 1, -1, "ds")
    assert address("678853ff") == ("ebx", None, 1, -1, "ds")


def test_fs_and_gs_add_their_base_in_64_bit_mode() -> None:
    assert address("658b4904") == ("rcx", None, 1, 4, "gs")
    assert address("648b042510000000") == (None, None, 1, 0x10, "fs")


@pytest.mark.parametrize("override", ["2e", "3e", "26", "36"])
def test_other_overrides_do_not_cancel_fs_and_gs_in_64_bit_mode(override: str) -> None:
    assert memory(f"65{override}8b00").segment == "gs"
    assert memory(f"{override}658b00").segment == "gs"


@pytest.mark.parametrize(("override", "segment"), [("2e", "cs"), ("3e", "ds"), ("26", "es"), ("36", "ss")])
def test_the_last_override_counts_outside_64_bit_mode(override: str, segment: str) -> None:
    assert memory(f"65{override}8b00", 32).segment == segment
    assert memory(f"{override}658b00", 32).segment == "gs"


def test_67h_truncates_the_address_to_32_bits() -> None:
    assert address("678b00") == ("eax", None, 1, 0, "ds")
    assert of("678b00").form.address_size == 4


# --- prefixes and length ---


def test_rex_counts_only_directly_before_the_opcode() -> None:
    assert names("48408b00") == ["eax"]
    assert names("48668b00") == ["ax"]
    assert names("4866ed") == ["ax", "dx"]


@pytest.mark.parametrize("text", ["3e658b00", "65658b00", "66666666668b00"])
def test_legacy_prefixes_may_be_many_and_repeated(text: str) -> None:
    assert of(text).mnemonic == "mov"


def test_fifteen_prefixes_are_too_long() -> None:
    assert refused("66" * 15 + "0f31") is Reason.TOO_LONG
    assert of("66" * 13 + "0f31").length == 15
    assert refused("66" * 14 + "0f31") is Reason.TOO_LONG


# --- validity ---


@pytest.mark.parametrize("reg", range(1, 8))
def test_c6_and_c7_are_mov_with_0_only(reg: int) -> None:
    assert refused(f"c6{reg << 3:02x}40") is Reason.NO_MODRM
    assert refused(f"c7{reg << 3:02x}40000000") is Reason.NO_MODRM


def test_register_forms_have_no_memory_operand() -> None:
    for text in ("8bc1", "c7c000000000", "0fb6c1", "4863c1"):
        assert of(text).memory is None
        assert vc_class(of(text)) is None
        assert semantics(of(text)) is None


@pytest.mark.parametrize("text", ["f08b00", "f08900", "f0c70000000000", "f0a4", "f001c8"])
def test_lock_needs_a_destination_in_memory_that_can_be_locked(text: str) -> None:
    assert refused(text) is Reason.LOCK


def test_locked_forms_are_named() -> None:
    assert work("f00fb108").locked
    assert work("f00108")[:3] == (Operation.ARITHMETIC, Direction.READ_WRITE, 4)
    assert work("8708").locked
    assert not work("0108").locked


# --- opcodes that a forged exit code could claim to be others ---


@pytest.mark.parametrize("text", ["31c0", "01f9", "01d9", "21f8", "09c0", "01c8"])
def test_lookalikes_of_intercepted_instructions_are_what_they_are(text: str) -> None:
    instruction = of(text)
    assert instruction.mnemonic in ("xor", "add", "and", "or")
    assert vc_class(instruction) is None


def test_the_real_ones_have_their_class() -> None:
    real = {"0f31": "RDTSC", "0f01f9": "RDTSCP", "0f01d9": "VMMCALL", "f30f01d9": "VMGEXIT", "f20f01d9": "VMGEXIT"}
    real |= {"0f21f8": "MOV_DR", "0f09": "WBINVD", "f30f09": "WBINVD", "0f01c8": "MONITOR", "0f01c9": "MWAIT"}
    found = {text: vc_class(of(text)) for text in real}
    assert {text: vc.name for text, vc in found.items() if vc} == real


def test_mov_dr_with_rex_r_is_no_register() -> None:
    assert refused("440f21f8") is Reason.NO_REGISTER


def test_modrm_of_rdtscp_is_read_once() -> None:
    assert decode(bytes.fromhex("0f01f9ffffffffffffffff")).length == 3


# --- 16-bit ---


def test_16_bit_addresses_have_no_sib_byte() -> None:
    assert address("668904", 16) == ("si", None, 1, 0, "ds")
    assert address("668900", 16) == ("bx", "si", 1, 0, "ds")
    assert address("668902", 16) == ("bp", "si", 1, 0, "ss")
    assert address("66890634120000"[:10], 16) == (None, None, 1, 0x1234, "ds")
    assert names("668904", 16) == ["eax"]


def test_67h_gives_16_bit_mode_32_bit_addresses_with_sib() -> None:
    assert address("67668904d1", 16) == ("ecx", "edx", 8, 0, "ds")
    assert address("678904", 32) == ("si", None, 1, 0, "ds")


# --- memory forms of vector registers, by name ---


@pytest.mark.parametrize("text", ["0f1000", "0f2900", "660f6f00", "f30f7f00", "c5f81000", "62f17c481000", "0f6f00"])
def test_vector_moves_are_named(text: str) -> None:
    assert work(text).operation is Operation.VECTOR
    assert "mov" in of(text).mnemonic


@pytest.mark.parametrize(
    ("text", "mnemonic", "length"),
    [("c5f81000", "vmovups", 4), ("c4e37f6b00", None, 0), ("62f17c481000", "vmovups", 6), ("8fe9789700", "vpshlq", 5)],
)
def test_vex_evex_and_xop_are_recognised(text: str, mnemonic: str | None, length: int) -> None:
    if mnemonic is None:
        assert refused(text) is Reason.NO_OPCODE
    else:
        assert (of(text).mnemonic, of(text).length) == (mnemonic, length)


def test_pop_les_lds_and_bound_share_bytes_with_xop_vex_and_evex() -> None:
    assert of("8f00").mnemonic == "pop"
    assert [of(text, 32).mnemonic for text in ("c400", "c500", "6200")] == ["les", "lds", "bound"]
    assert of("c5f81000", 32).mnemonic == "vmovups"
    assert refused("c40000ff00") is Reason.NO_OPCODE


@pytest.mark.parametrize("text", ["d5008b00", "62f47c188b00"])
def test_rex2_and_evex_map_4_are_refused_as_apx(text: str) -> None:
    assert refused(text) is Reason.APX
    assert of("d50a", 32).mnemonic == "aad"


def test_near_branch_with_66h_has_a_16_bit_displacement_in_64_bit_mode() -> None:
    """AMD's processors; Intel's ignore 66h there and read two bytes more."""
    assert [of(text).length for text in ("66e81000", "66e91000", "660f841000", "e810000000")] == [4, 4, 5, 5]


# --- page boundaries and single fetch: test_fetch.py; sign-extending reads and MSR halves: the handler's tests ---
