"""The events as data: codes, bits and versions, written out from the standard's table (GHCB, 56421)."""

import pytest

from spec.ghcb.events import EVENTS, Request, has_scratch, inputs_of, is_known, is_offered, needed_by_host, outputs_of
from spec.ghcb.vocabulary.exits import GhcbEvent
from spec.ghcb.vocabulary.page import GhcbField
from spec.knobs import DEFAULT_KNOBS
from spec.record import replace

ALWAYS = 1 << 114 | 1 << 115 | 1 << 116
ANSWER = 1 << 115 | 1 << 116
SCRATCH = 1 << 117
RAX, RBX, RCX, RDX, CPL, XCR0, XSS = 1 << 63, 1 << 99, 1 << 97, 1 << 98, 1 << 25, 1 << 125, 1 << 40
IN, STRING = 1, 4


def request(code: int, info1: int = 0, rax: int = 0, rcx: int = 0) -> Request:
    return Request(code, info1, 0, rax, rcx)


@pytest.mark.parametrize(
    ("code", "info1", "inputs", "outputs"),
    [
        (0x37, 0, RAX, 0),
        (0x6E, 0, 0, RAX | RDX),
        (0x6F, 0, RCX, RAX | RDX),
        (0x72, 0, RAX | RCX, RAX | RBX | RCX | RDX),
        (0x76, 0, 0, 0),
        (0x7B, 0x10, RAX, 0),
        (0x7B, 0x10 | IN, 0, RAX),
        (0x7B, 0x10 | STRING, SCRATCH, 0),
        (0x7B, 0x10 | IN | STRING, SCRATCH, 0),
        (0x7C, 0, RCX, RAX | RDX),
        (0x7C, 1, RAX | RCX | RDX, 0),
        (0x81, 0, RAX | CPL, RAX),
        (0x87, 0, 0, RAX | RCX | RDX),
        (0x89, 0, 0, 0),
        (0x8A, 0, RAX | RCX | RDX, 0),
        (0x8B, 0, RAX | RCX, 0),
        (0x8000_0001, 0, SCRATCH, 0),
        (0x8000_0002, 0, SCRATCH, 0),
    ],
)
def test_instruction_has_its_inputs_and_outputs(code: int, info1: int, inputs: int, outputs: int) -> None:
    asked = request(code, info1)
    assert inputs_of(asked, DEFAULT_KNOBS) == inputs | ALWAYS
    assert needed_by_host(asked) == inputs | ALWAYS
    assert outputs_of(asked) == outputs | ANSWER
    assert has_scratch(asked) == bool(inputs & SCRATCH)


@pytest.mark.parametrize(
    ("rax", "rcx", "extra"), [(0xD, 0, XCR0), (0xD, 1, XCR0 | XSS), (1 << 32 | 0xD, 1 << 32, XCR0), (0xC, 1, 0)]
)
def test_extended_state_is_an_input_of_one_leaf(rax: int, rcx: int, extra: int) -> None:
    asked = request(0x72, rax=rax, rcx=rcx)
    assert inputs_of(asked, DEFAULT_KNOBS) == RAX | RCX | ALWAYS | extra
    assert needed_by_host(asked) == RAX | RCX | ALWAYS


def test_knobs_decide_about_extended_state() -> None:
    always = replace(DEFAULT_KNOBS, ghcb_xcr0_for_leaf=False, ghcb_xss_sent=False)
    assert inputs_of(request(0x72, rax=1), always) == RAX | RCX | ALWAYS | XCR0
    assert inputs_of(request(0x72, rax=0xD, rcx=1), always) == RAX | RCX | ALWAYS | XCR0


@pytest.mark.parametrize(
    ("code", "info1", "inputs", "outputs"),
    [
        (0x8000_0010, 0, SCRATCH, 0),
        (0x8000_0011, 0, 0, 0),
        (0x8000_0012, 0, RAX | RBX, RBX),
        (0x8000_0013, 1, RAX, 0),
        (0x8000_0013, 2, 0, 0),
        (0x8000_0017, 0, RAX, RAX),
        (0x8000_001A, 0, RAX | RBX, 0),
        (0x8000_001A, 1, RAX, RBX),
        (0x8000_FFFD, 0, 0, 0),
    ],
)
def test_software_event_has_its_inputs_and_outputs(code: int, info1: int, inputs: int, outputs: int) -> None:
    asked = request(code, info1)
    assert needed_by_host(asked) == inputs | ALWAYS
    assert outputs_of(asked) == outputs | ANSWER


@pytest.mark.parametrize(("code", "info1"), [(0x88, 0), (0x7C, 2), (0x8000_0005, 2), (0x8000_0019, 0), (0x403, 0)])
def test_what_is_no_event_is_not_known(code: int, info1: int) -> None:
    assert not is_known(request(code, info1))


def test_every_software_event_has_a_row() -> None:
    assert {row.code for row in EVENTS} >= {*GhcbEvent}


@pytest.mark.parametrize(
    ("code", "version", "features", "snp", "offered"),
    [
        (0x72, 1, 0, False, True),
        (0x8000_0010, 2, 1, True, True),
        (0x8000_0010, 1, 1, True, False),
        (0x8000_0010, 2, 1, False, False),
        (0x8000_0013, 2, 1, True, False),
        (0x8000_0013, 2, 3, True, True),
        (0x8000_0018, 2, 0x20, True, True),
        (0x8000_0018, 2, 0, True, False),
        (0x8000_FFFD, 2, 0, False, True),
        (0x8000_FFFD, 1, 0, False, False),
    ],
)
def test_event_is_offered_by_version_features_and_snp(
    code: int, version: int, features: int, snp: bool, offered: bool
) -> None:
    assert is_offered(request(code), version, features, snp) is offered


@pytest.mark.parametrize(
    ("field", "offset"),
    [("RAX", 0x1F8), ("RBX", 0x318), ("CPL", 0xCB), ("XCR0", 0x3E8), ("SW_SCRATCH", 0x3A8), ("R15", 0x378)],
)
def test_field_is_where_the_layout_has_it(field: str, offset: int) -> None:
    assert GhcbField[field] == offset
