"""Instruction bytes: fetched once, to the page's end and no further than the instruction reaches."""

import pytest

from impl.decode.fetch import fetch_instruction
from impl.decode.undecodable import Reason, Undecodable

PAGE = 0x1000


class NotMapped(Exception):
    """The page fault of a test's memory."""


class Memory:
    """Pages of bytes, and a record of what was fetched."""

    def __init__(self, at: int, code: str, mapped: tuple[int, ...]) -> None:
        self.bytes = dict(enumerate(bytes.fromhex(code), at))
        self.mapped = mapped
        self.fetched: list[int] = []

    def fetch(self, address: int, count: int) -> bytes:
        assert count
        assert address // PAGE == (address + count - 1) // PAGE, "a fetch stays in one page"
        if address // PAGE not in self.mapped:
            raise NotMapped(address)
        self.fetched += range(address, address + count)
        return bytes(self.bytes.get(where, 0xCC) for where in range(address, address + count))


MOV = "48c70300000080"


@pytest.mark.parametrize("before", range(1, 7))
def test_instruction_across_a_page_boundary_is_fetched_once(before: int) -> None:
    memory = Memory(2 * PAGE - before, MOV, mapped=(1, 2))
    found = fetch_instruction(memory.fetch, 2 * PAGE - before, 64)
    assert (found.instruction.length, found.code.hex()) == (7, MOV)
    assert len(memory.fetched) == len(set(memory.fetched)) == 15


@pytest.mark.parametrize("before", range(1, 7))
def test_fault_of_the_second_page_is_at_its_first_byte(before: int) -> None:
    memory = Memory(2 * PAGE - before, MOV, mapped=(1,))
    with pytest.raises(NotMapped) as fault:
        fetch_instruction(memory.fetch, 2 * PAGE - before, 64)
    assert fault.value.args == (2 * PAGE,)


def test_instruction_that_ends_with_the_page_does_not_touch_the_next() -> None:
    memory = Memory(2 * PAGE - 7, MOV, mapped=(1,))
    assert fetch_instruction(memory.fetch, 2 * PAGE - 7, 64).instruction.length == 7


def test_invalid_opcode_before_the_page_ends_is_refused_without_the_next_page() -> None:
    memory = Memory(2 * PAGE - 1, "06", mapped=(1,))
    with pytest.raises(Undecodable) as refused:
        fetch_instruction(memory.fetch, 2 * PAGE - 1, 64)
    assert refused.value.reason is Reason.NO_OPCODE


def test_fault_of_the_first_page_is_at_rip() -> None:
    memory = Memory(2 * PAGE, MOV, mapped=())
    with pytest.raises(NotMapped) as fault:
        fetch_instruction(memory.fetch, 2 * PAGE, 64)
    assert fault.value.args == (2 * PAGE,)


def test_no_byte_beyond_the_fifteenth_is_fetched() -> None:
    memory = Memory(PAGE, "66" * 15 + "0f31", mapped=(1,))
    with pytest.raises(Undecodable) as refused:
        fetch_instruction(memory.fetch, PAGE, 64)
    assert refused.value.reason is Reason.TOO_LONG
    assert memory.fetched == list(range(PAGE, PAGE + 15))


def test_fifteenth_byte_on_the_next_page_is_the_last_one_fetched() -> None:
    memory = Memory(2 * PAGE - 14, "66" * 15 + "0f31", mapped=(1, 2))
    with pytest.raises(Undecodable):
        fetch_instruction(memory.fetch, 2 * PAGE - 14, 64)
    assert max(memory.fetched) == 2 * PAGE


@pytest.mark.parametrize(("bits", "last"), [(64, (1 << 64) - PAGE), (32, (1 << 32) - PAGE), (16, (1 << 32) - PAGE)])
def test_addresses_wrap_at_the_top(bits: int, last: int) -> None:
    memory = Memory(last + PAGE - 1, "8b", mapped=(0, last // PAGE))
    memory.bytes[0] = 0xC1
    assert fetch_instruction(memory.fetch, last + PAGE - 1, bits).code.hex() == "8bc1"
