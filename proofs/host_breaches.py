"""What each rule of a careful host is for (S9 to S11)."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from proofs.breaches import Breach
from proofs.search import Move
from proofs.templates import nothing
from spec.ghcb import host_invariants as host
from spec.ghcb.event import bits_of_fields
from spec.ghcb.host_check import host_checks
from spec.ghcb.host_lists import Changed, host_changes_entry, host_reads_entry, host_reads_header
from spec.ghcb.host_read import CODE, INFO1, INFO2, SCRATCH, GuestStore, guest_writes_page, host_reads
from spec.ghcb.host_serve import Served, host_moves, host_serves
from spec.ghcb.host_state import CAREFUL_HOST, HostExchange, HostRules, HostStage, request_in
from spec.ghcb.msr_state import Moment
from spec.ghcb.vocabulary.exits import IOIO_IN, IOIO_STRING, GhcbEvent, SvmExit
from spec.ghcb.vocabulary.page import SHARED_BUFFER_OFFSET, GhcbField
from spec.record import replace
from spec.vc.request import BITMAP_HIGH, BITMAP_LOW
from spec.vc.request import DATA as BUFFER

FRAME = 0x77
PAGE = FRAME << 12
ALL = bits_of_fields(tuple(GhcbField))
ENTRY = 2 << 52 | 0x123 << 12
"""A page to be shared."""
OTHER_ENTRY = 1 << 52 | 0x456 << 12


def requested(rules: HostRules, code: int, info1: int, info2: int, scratch: int) -> HostExchange:
    """A request that the host has copied."""
    plain: HostExchange = nothing(HostExchange)
    page = plain.page
    for place, value in (
        (CODE, code),
        (INFO1, info1),
        (INFO2, info2),
        (SCRATCH, scratch),
        (BITMAP_LOW, ALL & (1 << 64) - 1),
        (BITMAP_HIGH, ALL >> 64),
    ):
        page = page.set(place, value)
    return replace(
        plain,
        rules=rules,
        snp=True,
        version=2,
        features=1,
        registered=True,
        frame=FRAME,
        msr=PAGE,
        page=page,
        copy=page,
        stage=int(HostStage.READ),
    )


def listed(rules: HostRules, stage: HostStage, header: int, scratch: int = PAGE + SHARED_BUFFER_OFFSET) -> HostExchange:
    """A list that the host works through."""
    asked = requested(rules, GhcbEvent.PAGE_STATE_CHANGE, 0, 0, scratch)
    place = scratch >> 3 & 0x1FF
    page = asked.page.set(place, header).set(place + 1, ENTRY)
    ghost = replace(asked.ghost, checked=request_in(page), served=request_in(page))
    left = 8 if stage == HostStage.LISTING else 0
    return replace(
        asked, page=page, stage=int(stage), scratch=scratch, left=left, entry=ENTRY, ghost=ghost, last_entry=0
    )


def always(take: Callable[[Any, Any], Any], op: Any) -> Move[Any]:
    """A step that may be taken at any time."""
    return Move(take, lambda _: op)


def host_moves_and(*writes: tuple[int, int]) -> list[Move[Any]]:
    """Every step of the host, and another processor of the guest that writes the page."""
    steps = (host_reads, host_checks, host_reads_header, host_reads_entry)
    return [
        *(always(guest_writes_page, GuestStore(*write)) for write in writes),
        *(always(step, Moment()) for step in steps),
        always(host_serves, Served(0)),
        always(host_moves, Served(0)),
        always(host_changes_entry, Changed(done=True, pauses=False)),
    ]


def without(**rules: bool) -> HostRules:
    """A host that lacks these rules."""
    return replace(CAREFUL_HOST, **rules)


def breaches() -> Iterator[Breach]:
    """Each rule of the host."""
    features = partial(requested, without(reads_once=False), GhcbEvent.HV_FEATURES, 0, 0, 0)
    yield Breach(
        "S9",
        "B17: another processor of the guest changes the request between check and use",
        host.what_is_served_was_checked,
        features,
        partial(host_moves_and, (CODE, SvmExit.MSR)),
        "the host has copied a question for its features",
    )
    outs = partial(
        requested,
        without(bounds_strings=False),
        SvmExit.IOIO,
        0x3F8 << 16 | 1 << 6 | IOIO_STRING | IOIO_IN,
        509,
        PAGE + SHARED_BUFFER_OFFSET,
    )
    yield Breach(
        "S10",
        "B18: a string of 509 elements of four bytes for a buffer of 2032 bytes",
        host.what_is_left_is_in_bounds,
        outs,
        partial(host_moves_and),
        "the host has copied a request for INS",
    )
    yield Breach(
        "S10",
        "B19: scratch data outside the shared buffer",
        host.what_is_left_is_in_bounds,
        partial(requested, without(scratch_inside=False), GhcbEvent.MMIO_WRITE, 0xFEE0_0000, 8, PAGE + 0xFF0),
        partial(host_moves_and),
        "the host has copied a request for MMIO whose data lies behind the buffer",
    )
    end = PAGE + 0xFE0
    yield Breach(
        "S11",
        "B19: a list of 253 entries at the end of the buffer",
        host.entries_are_in_the_buffer,
        partial(listed, without(bounds_lists=False), HostStage.LISTING, 252 << 16, end),
        partial(host_moves_and),
        "a list with room for one entry is to be worked through",
    )
    yield Breach(
        "S11",
        "B19: an entry changes between check and use",
        host.changed_entries_were_checked,
        partial(listed, without(copies_entries=False), HostStage.CHANGING, 0),
        partial(host_moves_and, (BUFFER + 1, OTHER_ENTRY)),
        "the host has read and checked an entry",
    )


HOST_BREACHES = tuple(breaches())
