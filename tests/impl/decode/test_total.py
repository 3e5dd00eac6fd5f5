"""Whatever the bytes: an instruction or a named refusal, and an instruction is the same whatever stands behind it."""

from hypothesis import given
from hypothesis import strategies as st

from impl.decode.decoder import decode
from impl.decode.exits import vc_class
from impl.decode.instruction import Instruction
from impl.decode.semantics import semantics
from impl.decode.undecodable import MAX_LENGTH, Reason, Undecodable
from sevspec.decoded import document, refusal, sentence
from tests.impl.decode.strings import strings

MODES = st.sampled_from((16, 32, 64))


@given(code=st.binary(max_size=20), bits=MODES)
def test_any_bytes_are_an_instruction_or_a_named_refusal(code: bytes, bits: int) -> None:
    try:
        instruction = decode(code, bits)
    except Undecodable as undecodable:
        assert refusal(code, bits, undecodable)["error"] in Reason.__members__
        assert (undecodable.reason is not Reason.TRUNCATED) or len(code) < MAX_LENGTH
        assert (undecodable.reason is not Reason.TOO_LONG) or len(code) >= MAX_LENGTH
    else:
        assert 0 < instruction.length <= min(len(code), MAX_LENGTH)
        everything_can_be_read(code, bits, instruction)


def everything_can_be_read(code: bytes, bits: int, instruction: Instruction) -> None:
    """All that is made late is made, and no exception is raised."""
    assert len(instruction.operands) == len(instruction.form.row.operands)
    assert document(code, bits, instruction)["len"] == instruction.length
    assert sentence(instruction)
    if vc_class(instruction):
        assert semantics(instruction)


def test_every_start_of_an_instruction_is_truncated_and_the_rest_does_not_matter() -> None:
    for code, bits in strings(5, 1_000):
        try:
            instruction = decode(code, bits)
        except Undecodable:
            continue
        everything_can_be_read(code, bits, instruction)
        assert decode(code[: instruction.length], bits) == instruction
        for shorter in range(instruction.length):
            try:
                decode(code[:shorter], bits)
            except Undecodable as undecodable:
                assert undecodable.reason is Reason.TRUNCATED
            else:
                raise AssertionError(f"{bits} {code.hex()}: {shorter} bytes are an instruction too")
