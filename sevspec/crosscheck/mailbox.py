"""The security processor's mailbox: command buffers in memory, and what the platform says of the pages they name."""

from dataclasses import replace
from typing import Any

from impl.firmware.command_ids import CommandId
from impl.firmware.layout import Layout, parse
from impl.firmware.memory_map import Span
from impl.memory.paging import C_BIT
from sevspec.crosscheck.agreement import Answer
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from spec.firmware.command import PageAddress
from spec.vocabulary import PAGE_SHIFT

PAGE = 1 << PAGE_SHIFT
BUFFER, LIST = 0x1000, 0x4000
"""Offsets of command buffers and lists in the bench's scratch memory."""


_known_bits: dict[type[Layout], int] = {}


def reserved_bit(layout: type[Layout]) -> int:
    """The highest bit of a buffer that no field covers; 0 if there is none."""
    if layout not in _known_bits:
        _known_bits[layout] = found_bit(layout)
    return _known_bits[layout]


def found_bit(layout: type[Layout]) -> int:
    """The same, looked for."""
    bits = (1 << bit for bit in reversed(range(8 * layout.LENGTH)))
    return next((bit for bit in bits if parse(layout, bit.to_bytes(layout.LENGTH, "little")).reserved_set), 0)


def packed(buffer: Layout, *, reserved: bool) -> bytes:
    """The bytes of a buffer, a reserved bit set if asked for."""
    stray = reserved_bit(type(buffer)) if reserved else 0
    if reserved and not stray:
        raise Inexpressible("the buffer has no reserved bit")
    return (int.from_bytes(buffer.pack(), "little") | stray).to_bytes(buffer.LENGTH, "little")


def command(bench: Bench, number: CommandId, buffer: Layout | None = None, *, reserved: bool = False) -> Answer:
    """Run one command."""
    at = bench.scratch + BUFFER
    if buffer is not None:
        bench.machine.memory.write_raw(at, packed(buffer, reserved=reserved))
    ended = bench.processor.execute(number, at)
    return Answer(ended.result, ended.check)


def named(bench: Bench, *addresses: PageAddress) -> list[int]:
    """The addresses, if what the operands say of the pages is what the platform says."""
    for address in addresses:
        if not bench.machine.memory.exists(address.spa) and not any((address.in_rmp, address.forbidden)):
            raise Inexpressible("there is no memory at this address")
        if address.spa & C_BIT:
            raise Inexpressible("bit 51 of an address in a buffer is the C-bit")
        if (address.in_rmp, address.forbidden) != facts_of(bench, address.spa):
            raise Inexpressible("the memory map says something else of this page")
    return [address.spa for address in addresses]


def facts_of(bench: Bench, spa: int) -> tuple[bool, bool]:
    """Whether the page is part of the RMP, and whether commands may not name it at all."""
    memory = bench.processor.firmware.environment.memory_map
    page = Span(spa & -PAGE, (spa & -PAGE) + PAGE - 1)
    forbidden = page.last > memory.maximum_address or any(page.overlaps(span) for span in memory.forbidden)
    return bench.machine.rmp.contains(spa), forbidden


def page_address(bench: Bench, spa: int) -> PageAddress:
    """An address as the specification has it in an operand."""
    in_rmp, forbidden = facts_of(bench, spa)
    return PageAddress(spa, in_rmp, forbidden)


def with_output(answer: Answer, output: Any) -> Answer:
    """The answer with what the command wrote for the host."""
    return replace(answer, output=output)
