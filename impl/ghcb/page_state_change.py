"""Pages that become private or shared, from the guest's side. GHCB (56421), "SNP Page State Change" (80000010h).

The list that drives PVALIDATE is the guest's own. What the hypervisor writes into the shared one says how far it is,
and nothing else. A page to be shared is given up before the hypervisor is asked; one to be private is accepted after,
and only if accepting it changes something: else it was valid already, and there are two of it (docs/open-questions.md).
"""

from collections.abc import Sequence
from typing import NamedTuple

from impl.ghcb.call import GhcbCall
from impl.ghcb.gate import Gate
from impl.ghcb.page import GhcbPage
from impl.ghcb.termination import terminate
from impl.vc.exits import ExceptionRequested, ExitFailed
from spec.ghcb.vocabulary.exits import GhcbEvent
from spec.ghcb.vocabulary.page import GhcbField
from spec.ghcb.vocabulary.page_state import (
    ENTRY_GFN_SHIFT,
    ENTRY_OPERATION_SHIFT,
    ENTRY_SIZE,
    HEADER_CURRENT_OFFSET,
    HEADER_END_OFFSET,
    HEADER_RESERVED_OFFSET,
    HEADER_SIZE,
    MAX_ENTRIES,
    PageOperation,
)
from spec.vocabulary import PAGE_SHIFT, Eax


class Change(NamedTuple):
    """One page of 4 KiB."""

    gpa: int
    private: int
    """Its linear address with C-bit, for PVALIDATE."""


def make_shared(gate: Gate, call: GhcbCall, pages: Sequence[Change]) -> None:
    """The pages are the hypervisor's to read and write; what they held is lost."""
    for page in pages:
        rescind(gate, page.private)
    changed(gate, call, pages, PageOperation.SHARED)


def make_private(gate: Gate, call: GhcbCall, pages: Sequence[Change]) -> None:
    """The pages are the guest's own. Their content is whatever the memory holds: the caller clears it."""
    changed(gate, call, pages, PageOperation.PRIVATE)
    for page in pages:
        accept(gate, page.private)


def rescind(gate: Gate, linear: int) -> None:
    """The page is valid no longer."""
    code, unchanged = gate.pvalidate(linear, validate=False)
    if code != Eax.SUCCESS or unchanged:
        terminate(gate, f"PVALIDATE does not rescind {linear:#x}: code {code}, carry {unchanged:d}")


def accept(gate: Gate, linear: int) -> None:
    """The page is valid from here on, and was not before."""
    code, unchanged = gate.pvalidate(linear, validate=True)
    if code != Eax.SUCCESS or unchanged:
        terminate(gate, f"PVALIDATE does not validate {linear:#x}: code {code}, carry {unchanged:d}")


def changed(gate: Gate, call: GhcbCall, pages: Sequence[Change], operation: PageOperation) -> None:
    """Ask for all pages, as many at a time as the buffer holds."""
    for first in range(0, len(pages), MAX_ENTRIES):
        entries = [
            operation << ENTRY_OPERATION_SHIFT | page.gpa >> PAGE_SHIFT << ENTRY_GFN_SHIFT
            for page in pages[first : first + MAX_ENTRIES]
        ]
        requested(gate, call, entries)


def requested(gate: Gate, call: GhcbCall, entries: Sequence[int]) -> None:
    """One list, asked for until the hypervisor is through it. Each answer must be further than the one before."""
    page, current = call.page, 0
    write_list(page, entries)
    while current < len(entries):
        try:
            reply = call.ask(GhcbEvent.PAGE_STATE_CHANGE, inputs={GhcbField.SW_SCRATCH: page.buffer_gpa})
        except (ExceptionRequested, ExitFailed) as failed:
            terminate(gate, f"page state change: {failed}")
        reached = page.read_buffer(HEADER_CURRENT_OFFSET, 2)
        end = page.read_buffer(HEADER_END_OFFSET, 2)
        reserved = page.read_buffer(HEADER_RESERVED_OFFSET, 4)
        if reply.info2 or reserved or end != len(entries) - 1 or not current < reached <= len(entries):
            terminate(gate, f"page state change: error {reply.info2:#x}, entry {reached} of {end}, after {current}")
        current = reached
    erase_list(page, len(entries))


def write_list(page: GhcbPage, entries: Sequence[int]) -> None:
    """The header and the entries; none is handled yet."""
    page.write_buffer(0, HEADER_SIZE, (len(entries) - 1) << 8 * HEADER_END_OFFSET)
    for number, entry in enumerate(entries):
        page.write_buffer(HEADER_SIZE + number * ENTRY_SIZE, ENTRY_SIZE, entry)


def erase_list(page: GhcbPage, count: int) -> None:
    """Nothing of it stays."""
    for number in range(count + 1):
        page.write_buffer(number * ENTRY_SIZE, ENTRY_SIZE, 0)
