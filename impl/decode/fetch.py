"""Phase 0: the bytes of an instruction, fetched once and no further than it reaches.

The page is the unit of faults: what lies on the page of the first byte is fetched at once, and the next page is
touched only when the instruction goes on there. APM Vol. 2, "Page-Fault Exception" (8.2.15): the fault is at the
address that could not be fetched, not at RIP.
"""

from collections.abc import Callable
from typing import NamedTuple

from impl.decode.decoder import decode
from impl.decode.instruction import Instruction
from impl.decode.undecodable import MAX_LENGTH, Reason, Undecodable
from spec.vocabulary import PAGE_SHIFT

PAGE_SIZE = 1 << PAGE_SHIFT

Fetch = Callable[[int, int], bytes]
"""Reads so many bytes for execution at a linear address, all in one page; raises what the machine raises if it cannot.
The limit of the code segment is its to check."""


class Fetched(NamedTuple):
    """An instruction and the bytes that it was decoded from."""

    instruction: Instruction
    code: bytes
    """Private: what memory holds later makes no difference."""


def fetch_instruction(fetch: Fetch, address: int, bits: int) -> Fetched:
    """The instruction at a linear address; raises `Undecodable`, or what `fetch` raises for the first byte missing."""
    wrap = (1 << (64 if bits == 64 else 32)) - 1
    code = b""
    while True:
        where = (address + len(code)) & wrap
        in_page = PAGE_SIZE - where % PAGE_SIZE
        wanted = min(MAX_LENGTH - len(code), in_page)
        part = fetch(where, wanted)
        assert len(part) == wanted, "a fetch gives all bytes or raises"
        code += part
        try:
            instruction = decode(code, bits)
        except Undecodable as undecodable:
            if undecodable.reason is not Reason.TRUNCATED:
                raise
        else:
            return Fetched(instruction, code[: instruction.length])
