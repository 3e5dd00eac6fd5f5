"""A careful host that serves exits over the GHCB page, and a guest that may write the page at any moment.

Here the guest is the adversary: another of its processors writes any part of the page between any two accesses of the
host (GHCB, 56421, "VMGEXIT"; rules S9 to S11). What the host has read is private to it.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.features import Platform
from spec.ghcb.events import Request
from spec.ghcb.msr_state import Version
from spec.ghcb.vocabulary.hv_features import FeatureBitmap
from spec.ghcb.vocabulary.msr import MsrValue
from spec.ghcb.vocabulary.page import GhcbFrame, ValidBitmap
from spec.ghcb.vocabulary.page_state import EntryIndex
from spec.maps import Map
from spec.record import record
from spec.vc.instruction import Qword, Word
from spec.vocabulary import Bits

Length = Annotated[int, Bits(34)]
"""Bytes of scratch data: 2**32 - 1 elements of four bytes, at most."""


@unique
class HostStage(IntEnum):
    """How far the host has come with an exit."""

    RUNNING = 0
    """The guest runs."""
    READING = 1
    READ = 2
    CHECKED = 3
    """The request is one that the host serves."""
    MOVING = 4
    """Scratch data is being moved, an element a step."""
    LISTING = 5
    """A list of page state changes is being worked through: the next entry is to be read."""
    CHANGING = 6
    """An entry was read and checked; its page is being changed."""
    REPLYING = 7


@record
class HostRules:
    """The rules of a careful host (S9 to S11 of the attack catalogue); each can be switched off."""

    reads_once: bool = True
    """S9: the request is copied, and only the copy is checked and used."""
    scratch_inside: bool = True
    """S10: the scratch area lies in the caller's shared buffer, all of it."""
    bounds_lists: bool = True
    """S11: entries of a list are looked at only as far as the buffer goes."""
    copies_entries: bool = True
    """S11: an entry of a list is read once."""
    bounds_strings: bool = True
    """S10: a string is no longer than what is left of the buffer; its count is no number of bytes."""


CAREFUL_HOST = HostRules()


@record
class HostGhost:
    """What the host did, for the claims about it."""

    checked: Request
    """The request that the checks have seen."""
    served: Request
    """The request that was carried out."""
    changed: Word
    """The entry that was carried out."""
    out_of_bounds: bool
    """Some byte that the host has touched as scratch data lay outside the shared buffer."""


@record
class HostExchange:
    """One virtual processor at one VMPL, as its host sees it."""

    platform: Platform
    rules: HostRules
    snp: bool
    """The guest runs with SNP."""
    version: Version
    """The negotiated one."""
    features: FeatureBitmap
    """What the host offers."""
    registered: bool
    frame: GhcbFrame
    """Of the registered page."""
    page: Map[Qword, Word]
    """Contents: the guest's."""
    stage: Annotated[int, Bits(3)]
    """See `HostStage`."""
    msr: MsrValue
    """The GHCB MSR at the exit."""
    cursor: EntryIndex
    """The next place to be read or stored, or the entry that is to be changed."""
    copy: Map[Qword, Word]
    """The private copy of the request."""
    scratch: Word
    """Address of the next element of scratch data, or of a list's header."""
    element: Length
    """Bytes of an element."""
    left: Length
    """Bytes of scratch data that are not moved yet."""
    last_entry: EntryIndex
    """Of a list."""
    entry: Word
    """The private copy of an entry."""
    info1: Word
    info2: Word
    """The answer."""
    outputs: ValidBitmap
    """What the reply marks valid."""
    ghost: HostGhost


def request_in(table: Map[Qword, Word]) -> Request:
    """The request that a page, or a copy of it, holds."""
    code, info1, info2, rax, rcx = (table[place] for place in (114, 115, 116, 63, 97))
    return Request(code, info1, info2, rax, rcx)
