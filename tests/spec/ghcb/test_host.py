"""The host's checks of a request, with the answer that the guest is given; and a list of page state changes."""

from typing import Any

import pytest

from proofs.host_breaches import ALL, FRAME, PAGE, listed, requested
from spec.ghcb.host_check import host_checks
from spec.ghcb.host_lists import Changed, host_changes_entry, host_reads_entry, host_reads_header
from spec.ghcb.host_read import Exit, guest_leaves, host_reads
from spec.ghcb.host_serve import Result, Served, host_moves, host_replies, host_serves
from spec.ghcb.host_state import CAREFUL_HOST, HostExchange, HostStage
from spec.ghcb.msr_state import Moment
from spec.record import replace
from spec.vocabulary import HostAction, Limit

NOW = Moment()
REFUSES, SERVES, KILLS = HostAction.REFUSES, HostAction.SERVES, HostAction.KILLS
BUFFER = PAGE + 0x800


def asked(code: int, info1: int = 0, info2: int = 0, scratch: int = BUFFER, **parts: Any) -> HostExchange:
    return replace(requested(CAREFUL_HOST, code, info1, info2, scratch), **parts)


def without_field(exchange: HostExchange, qword: int) -> HostExchange:
    """The same request, with one place not marked valid."""
    bits = ALL ^ 1 << qword
    return replace(exchange, copy=exchange.copy.set(126, bits & (1 << 64) - 1).set(127, bits >> 64))


@pytest.mark.parametrize(
    ("exchange", "answer", "check"),
    [
        (asked(0x72, registered=False), 1, "unregistered-page"),
        (asked(0x72, msr=0x78000), 1, "unregistered-page"),
        (replace(asked(0x72), copy=asked(0x72).copy.set(511, 1 << 32)), 2, "usage"),
        (asked(0x88), 6, "event"),
        (asked(0x8000_0014, 1, 0x1000), 6, "event"),
        (without_field(asked(0x72), 63), 4, "missing-input"),
        (without_field(asked(0x72), 114), 4, "missing-input"),
        (without_field(asked(0x8000_0001, 0xFEE0_0000, 4), 117), 4, "missing-input"),
        (asked(0x8000_0001, 0xFEE0_0000, 3), 5, "mmio-length"),
        (asked(0x8000_0001, 0xFEE0_0000, 9), 5, "mmio-length"),
        (asked(0x7B, 0x30), 5, "port-operands"),
        (asked(0x7B, 0x10 | 1 << 13), 5, "port-operands"),
        (asked(0x8000_0011, 0x1000, 0x1000), 5, "request-pages"),
        (asked(0x8000_0011, 0x1008, 0x2000), 5, "request-pages"),
        (asked(0x8000_0013, 1, 0x20_0000, features=3), 5, "processor"),
        (asked(0x8000_0013, 4 << 16 | 1, 0x1000, features=3), 5, "processor"),
        (asked(0x8000_0018, 4, features=0x21), 5, "run-vmpl"),
        (asked(0x8000_0002, 0xFEE0_0000, 8, 0), 3, "scratch"),
        (asked(0x8000_0002, 0xFEE0_0000, 8, PAGE + 0x7F8), 3, "scratch"),
        (asked(0x8000_0002, 0xFEE0_0000, 8, PAGE + 0xFE9), 3, "scratch"),
        (asked(0x8000_0002, 0xFEE0_0000, 8, 0x5000), 3, "scratch"),
        (asked(0x7B, 0x14, 2033), 3, "string-length"),
        (asked(0x7B, 0x44, 509), 3, "string-length"),
        (asked(0x8000_0010, scratch=PAGE + 0xFE9), 3, "scratch"),
    ],
)
def test_request_is_refused_with_its_reason(exchange: HostExchange, answer: int, check: str) -> None:
    outcome = host_checks(exchange, NOW)
    assert (outcome.result, outcome.check) == (REFUSES, check)
    assert (outcome.system.info1, outcome.system.info2) == (2, answer)
    assert outcome.system.stage == HostStage.REPLYING
    assert outcome.system.page == exchange.page


@pytest.mark.parametrize(
    "exchange",
    [
        asked(0x72),
        asked(0x8000_0002, 0xFEE0_0000, 8, PAGE + 0xFE8),
        asked(0x7B, 0x14, 2032),
        asked(0x7B, 0x44, 508),
        asked(0x8000_0010, scratch=PAGE + 0xFE8),
        asked(0x8000_0002, 0xFEE0_0000, 8, 0x5000, version=1, snp=False),
        asked(0x8000_0013, 1, 0x1000, features=3),
    ],
)
def test_request_is_served(exchange: HostExchange) -> None:
    outcome = host_checks(exchange, NOW)
    assert (outcome.result, outcome.check) == (SERVES, "checked")


def test_version_1_takes_scratch_areas_outside_but_not_across_the_page() -> None:
    across = asked(0x8000_0002, 0xFEE0_0000, 8, PAGE - 4, version=1, snp=False)
    assert host_checks(across, NOW).check == "scratch"
    wraps = asked(0x8000_0002, 0xFEE0_0000, 8, (1 << 64) - 4, version=1, snp=False)
    assert host_checks(wraps, NOW).check == "scratch"


def test_whole_exit_is_read_checked_served_and_answered() -> None:
    exchange = replace(asked(0x8000_FFFD), stage=int(HostStage.RUNNING))
    exchange = guest_leaves(exchange, Exit(FRAME << 12)).system
    for _ in range(12):
        exchange = host_reads(exchange, NOW).system
    exchange = host_serves(host_checks(exchange, NOW).system, Served(0x3F)).system
    for _ in range(8):
        exchange = host_replies(exchange, Result(0xBAD)).system
    assert exchange.stage == HostStage.RUNNING
    assert [exchange.page[q] for q in (115, 116, 126, 127, 63)] == [0, 0x3F, 0, 1 << 51 | 1 << 52, 0]


def test_string_is_moved_element_by_element() -> None:
    exchange = host_serves(host_checks(asked(0x7B, 0x24, 3), NOW).system, Served(0)).system
    checks = []
    for _ in range(3):
        outcome = host_moves(exchange, Served(0))
        checks.append(outcome.check)
        exchange = outcome.system
    assert checks == ["moved", "moved", "moved-last"]
    assert not exchange.ghost.out_of_bounds


def test_termination_ends_the_guest() -> None:
    outcome = host_serves(host_checks(asked(0x8000_FFFE), NOW).system, Served(0))
    assert (outcome.result, outcome.check) == (KILLS, "termination")


@pytest.mark.parametrize(
    ("header", "info2", "check"),
    [
        (1 << 32, 1 << 32 | 1, "header-reserved"),
        (253 << 16, 1 << 32 | 1, "list-length"),
        (1, 0, "nothing-left"),
        (252 << 16, 0, "header-known"),
    ],
)
def test_header_is_judged(header: int, info2: int, check: str) -> None:
    outcome = host_reads_header(listed(CAREFUL_HOST, HostStage.LISTING, header), NOW)
    assert (outcome.check, outcome.system.info2) == (check, info2)


def test_list_has_to_be_aligned_in_this_model() -> None:
    outcome = host_reads_header(listed(CAREFUL_HOST, HostStage.LISTING, 0, BUFFER + 4), NOW)
    assert (outcome.result, outcome.check) == (Limit.NOT_MODELLED, "unaligned")


@pytest.mark.parametrize(
    ("entry", "check"),
    [
        (1 << 52 | 5 << 12, "entry-known"),
        (1 << 57 | 1 << 52, "entry-reserved"),
        (0 << 52, "operation"),
        (5 << 52, "operation"),
        (1 << 56 | 1 << 52 | 1 << 12, "alignment"),
        (1 << 52 | 2, "handled-pages"),
        (1 << 56 | 1 << 52 | 512, "entry-known"),
    ],
)
def test_entry_is_judged(entry: int, check: str) -> None:
    known = host_reads_header(listed(CAREFUL_HOST, HostStage.LISTING, 0), NOW).system
    outcome = host_reads_entry(replace(known, page=known.page.set(257, entry)), NOW)
    assert outcome.check == check
    assert outcome.system.info2 == (0 if check == "entry-known" else 1 << 32 | 2)


@pytest.mark.parametrize(
    ("choice", "last", "check", "info2"),
    [
        (Changed(done=False, pauses=False), 0, "not-changed", 0x100 << 32),
        (Changed(done=True, pauses=False), 0, "last-entry", 0),
        (Changed(done=True, pauses=True), 1, "pauses", 0),
        (Changed(done=True, pauses=False), 1, "entry-changed", 0),
    ],
)
def test_entry_is_changed_and_its_progress_written(choice: Changed, last: int, check: str, info2: int) -> None:
    exchange = replace(listed(CAREFUL_HOST, HostStage.CHANGING, last << 16), last_entry=last)
    outcome = host_changes_entry(exchange, choice)
    assert (outcome.check, outcome.system.info2) == (check, info2)
    page = outcome.system.page
    handled = 0 if check == "not-changed" else 1
    assert (page[256] & 0xFFFF, page[257] & 0xFFF) == (handled, handled)
