"""What a #VC handler is told about each kind of instruction."""

import pytest

from impl.decode.decoder import decode
from impl.decode.exits import VcClass, vc_class
from impl.decode.memory_direction import Direction
from impl.decode.semantics import Extension, Operation, Repeat, Semantics, semantics


def work(text: str, bits: int = 64) -> Semantics:
    """The semantics of an instruction that has some."""
    found = semantics(decode(bytes.fromhex(text), bits))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "exit_code"),
    [
        ("0fa2", 0x72),
        ("f4", 0x78),
        ("0f08", 0x76),
        ("0f01c8", 0x8A),
        ("0f01fa", 0x8A),
        ("0f01c9", 0x8B),
        ("0f01fb", 0x8B),
        ("0f32", 0x7C),
        ("0f30", 0x7C),
        ("0f33", 0x6F),
        ("0f31", 0x6E),
        ("0f01f9", 0x87),
        ("0f01d9", 0x81),
        ("0f09", 0x89),
        ("f30f09", 0x89),
        ("0f01d1", 0x8D),
        ("f30f01d9", None),
    ],
)
def test_intercepted_instructions_have_their_exit_code(text: str, exit_code: int | None) -> None:
    vc = vc_class(decode(bytes.fromhex(text)))
    assert vc is not None
    assert vc.exit_code == exit_code
    assert work(text).operation is Operation.SYSTEM


@pytest.mark.parametrize(
    ("text", "direction", "size"),
    [
        ("e460", Direction.READ, 1),
        ("e660", Direction.WRITE, 1),
        ("66ed", Direction.READ, 2),
        ("ef", Direction.WRITE, 4),
    ],
)
def test_ports_have_direction_and_width(text: str, direction: Direction, size: int) -> None:
    assert work(text) == (Operation.PORT, direction, size, size, Extension.NONE, Repeat.ONCE, False)


@pytest.mark.parametrize(("text", "direction"), [("0f20c0", Direction.READ), ("0f22c0", Direction.WRITE)])
def test_control_registers_have_the_native_width(text: str, direction: Direction) -> None:
    assert work(text)[:3] == (Operation.SYSTEM, direction, 8)
    assert work(text, 32)[:3] == (Operation.SYSTEM, direction, 4)
    assert work(text, 16)[:3] == (Operation.SYSTEM, direction, 4)


@pytest.mark.parametrize(("text", "vc"), [("0f20c0", VcClass.MOV_CR), ("0f23f8", VcClass.MOV_DR)])
def test_control_and_debug_registers_have_classes_of_their_own(text: str, vc: VcClass) -> None:
    assert vc_class(decode(bytes.fromhex(text))) is vc


@pytest.mark.parametrize(
    ("text", "operation", "direction", "size"),
    [
        ("8b00", Operation.MOVE, Direction.READ, 4),
        ("8900", Operation.MOVE, Direction.WRITE, 4),
        ("c60001", Operation.MOVE, Direction.WRITE, 1),
        ("8e18", Operation.MOVE, Direction.READ, 2),
        ("488c18", Operation.MOVE, Direction.WRITE, 2),
        ("a00000000000000000", Operation.MOVE, Direction.READ, 1),
        ("48a30000000000000000", Operation.MOVE, Direction.WRITE, 8),
        ("0f38f000", Operation.MOVE_BIG_ENDIAN, Direction.READ, 4),
        ("480f38f100", Operation.MOVE_BIG_ENDIAN, Direction.WRITE, 8),
        ("0100", Operation.ARITHMETIC, Direction.READ_WRITE, 4),
        ("0300", Operation.ARITHMETIC, Direction.READ, 4),
        ("f618", Operation.ARITHMETIC, Direction.READ_WRITE, 1),
        ("3900", Operation.COMPARE, Direction.READ, 4),
        ("8400", Operation.COMPARE, Direction.READ, 1),
        ("8700", Operation.EXCHANGE, Direction.READ_WRITE, 4),
        ("0fc108", Operation.EXCHANGE, Direction.READ_WRITE, 4),
        ("480fc708", Operation.EXCHANGE, Direction.READ_WRITE, 16),
        ("a4", Operation.STRING, Direction.READ_WRITE, 1),
        ("48ab", Operation.STRING, Direction.WRITE, 8),
        ("66ad", Operation.STRING, Direction.READ, 2),
        ("af", Operation.STRING, Direction.READ, 4),
        ("d100", Operation.OTHER, Direction.READ_WRITE, 4),
        ("0f9400", Operation.OTHER, Direction.WRITE, 1),
        ("ff30", Operation.OTHER, Direction.READ, 8),
        ("8d00", Operation.OTHER, Direction.NONE, 0),
        ("0f2800", Operation.VECTOR, Direction.READ, 16),
        ("c5fd7f00", Operation.VECTOR, Direction.WRITE, 32),
    ],
)
def test_memory_operands_have_operation_direction_and_width(
    text: str, operation: Operation, direction: Direction, size: int
) -> None:
    assert work(text)[:3] == (operation, direction, size)


def test_registers_alone_have_no_semantics() -> None:
    assert semantics(decode(bytes.fromhex("01c8"))) is None
    assert semantics(decode(bytes.fromhex("90"))) is None


def test_sse_movsd_is_no_string() -> None:
    assert vc_class(decode(bytes.fromhex("f20f1000"))) is None
    assert work("f20f1100")[:3] == (Operation.VECTOR, Direction.WRITE, 8)
    assert work("f20fc20000")[:2] == (Operation.VECTOR, Direction.READ)
