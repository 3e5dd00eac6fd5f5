"""What each event shows the hypervisor, and what is taken of its answer. GHCB (56421), "Standard VMGEXIT Events"."""

from collections import Counter
from typing import Any

import pytest

from impl.ghcb.call import GhcbCall
from impl.ghcb.page import GhcbPage
from impl.ghcb.transport import GhcbExits
from impl.vc.exits import CpuidReply, ExceptionRequested, ExitFailed
from spec.ghcb.vocabulary.page import SHARED_BUFFER_OFFSET, VALID_BITMAP_OFFSET, GhcbField
from tests.impl.ghcb.gate import GPA, LINEAR, Gate

CONTROL = {"SW_EXITCODE", "SW_EXITINFO1", "SW_EXITINFO2"}
SCRATCH = GPA + SHARED_BUFFER_OFFSET
EVERY_OUTPUT = {"RAX": 0xA1 << 32 | 0xA0, "RBX": 0xB0, "RCX": 0xC0, "RDX": 0xD1 << 32 | 0xD0}
EDX_EAX = 0xD0 << 32 | 0xA0
CASES: list[tuple[str, tuple[Any, ...], dict[str, int], Any]] = [
    ("cpuid", (1, 2, None), {"SW_EXITCODE": 0x72, "RAX": 1, "RCX": 2},
     CpuidReply(EVERY_OUTPUT["RAX"], 0xB0, 0xC0, EVERY_OUTPUT["RDX"])),
    ("cpuid", (0xD, 0, 7), {"SW_EXITCODE": 0x72, "RAX": 0xD, "RCX": 0, "XCR0": 7},
     CpuidReply(EVERY_OUTPUT["RAX"], 0xB0, 0xC0, EVERY_OUTPUT["RDX"])),
    ("read_msr", (0x277,), {"SW_EXITCODE": 0x7C, "RCX": 0x277}, EDX_EAX),
    ("write_msr", (0x277, 3 << 32 | 4), {"SW_EXITCODE": 0x7C, "SW_EXITINFO1": 1, "RCX": 0x277, "RAX": 4, "RDX": 3},
     None),
    ("read_tsc", (), {"SW_EXITCODE": 0x6E}, EDX_EAX),
    ("read_tscp", (), {"SW_EXITCODE": 0x87}, (EDX_EAX, 0xC0)),
    ("read_counter", (5,), {"SW_EXITCODE": 0x6F, "RCX": 5}, EDX_EAX),
    ("port_in", (0x3F8, 1), {"SW_EXITCODE": 0x7B, "SW_EXITINFO1": 0x3F8 << 16 | 0x211}, EVERY_OUTPUT["RAX"]),
    ("port_in", (0x60, 4), {"SW_EXITCODE": 0x7B, "SW_EXITINFO1": 0x60 << 16 | 0x241}, EVERY_OUTPUT["RAX"]),
    ("port_out", (0x3F8, 2, 0x1234), {"SW_EXITCODE": 0x7B, "SW_EXITINFO1": 0x3F8 << 16 | 0x220, "RAX": 0x1234}, None),
    ("mmio_read", (0xFEB0_0000, 4), {"SW_EXITCODE": 0x8000_0001, "SW_EXITINFO1": 0xFEB0_0000, "SW_EXITINFO2": 4,
     "SW_SCRATCH": SCRATCH}, 0x8877_6655),
    ("mmio_write", (0xFEB0_0000, 8, 0x55), {"SW_EXITCODE": 0x8000_0002, "SW_EXITINFO1": 0xFEB0_0000, "SW_EXITINFO2": 8,
     "SW_SCRATCH": SCRATCH}, None),
    ("write_dr7", (0x400,), {"SW_EXITCODE": 0x37, "RAX": 0x400}, None),
    ("write_back_caches", (), {"SW_EXITCODE": 0x89}, None),
    ("hypercall", (9, 3), {"SW_EXITCODE": 0x81, "RAX": 9, "CPL": 3}, EVERY_OUTPUT["RAX"]),
]  # fmt: skip
NAMES = [f"{name}-{number}" for number, (name, *_) in enumerate(CASES)]


def answered(gate: Gate) -> None:
    gate.reply(**EVERY_OUTPUT)
    gate.put(SHARED_BUFFER_OFFSET, 0xCCBB_AA99_8877_6655)


def exits(answer: Any = answered) -> tuple[GhcbExits, Gate]:
    gate = Gate(answer)
    return GhcbExits(GhcbCall(gate, GhcbPage(gate, LINEAR, GPA), 2)), gate


@pytest.mark.parametrize(("name", "arguments", "sent", "answer"), CASES, ids=NAMES)
def test_an_event_shows_its_inputs_and_takes_its_outputs(name: str, arguments: Any, sent: Any, answer: Any) -> None:
    asked, gate = exits()
    assert getattr(asked, name)(*arguments) == answer
    assert gate.sent() == {**dict.fromkeys(CONTROL, 0), **sent}
    assert (gate.exits[-1][0], gate.version()) == (GPA, 2)


@pytest.mark.parametrize(("name", "arguments", "sent", "answer"), CASES, ids=NAMES)
def test_an_event_stores_nothing_else_and_leaves_nothing(name: str, arguments: Any, sent: Any, answer: Any) -> None:
    asked, gate = exits(lambda gate: gate.reply(RAX=0, RBX=0, RCX=0, RDX=0))
    getattr(asked, name)(*arguments)
    page = bytearray(gate.exits[-1][1])
    for field in gate.sent():
        size = 1 if field == "CPL" else 8
        page[GhcbField[field] : GhcbField[field] + size] = bytes(size)
    page[VALID_BITMAP_OFFSET : VALID_BITMAP_OFFSET + 16] = bytes(16)
    page[0xFFA:0xFFC] = bytes(2)
    buffer = page[SHARED_BUFFER_OFFSET:].rstrip(b"\0")
    assert not any(page[:SHARED_BUFFER_OFFSET])
    assert bytes(buffer) == (b"\x55" if name == "mmio_write" else b"")
    left = {field.name for field in GhcbField if any(gate.page[field : field + (1 if field.name == "CPL" else 8)])}
    assert left <= CONTROL
    assert not any(gate.page[VALID_BITMAP_OFFSET : VALID_BITMAP_OFFSET + 16])
    assert not any(gate.page[SHARED_BUFFER_OFFSET:0xFF0])


@pytest.mark.parametrize(("name", "arguments", "sent", "answer"), CASES, ids=NAMES)
def test_every_place_of_an_answer_is_read_once(name: str, arguments: Any, sent: Any, answer: Any) -> None:
    asked, gate = exits()
    getattr(asked, name)(*arguments)
    bytes_read = Counter(start + number for start, size in gate.loads for number in range(size))
    assert set(bytes_read.values()) == {1}


@pytest.mark.parametrize("missing", ["SW_EXITINFO1", "RAX", "RDX"])
def test_an_output_that_is_not_marked_valid_fails_the_exit(missing: str) -> None:
    def answer(gate: Gate) -> None:
        gate.reply(RAX=1, RDX=2)
        bits = int.from_bytes(gate.page[VALID_BITMAP_OFFSET : VALID_BITMAP_OFFSET + 16], "little")
        gate.put(VALID_BITMAP_OFFSET, bits & ~(1 << GhcbField[missing] // 8), 16)

    asked, _ = exits(answer)
    with pytest.raises(ExitFailed, match=f"{missing} is not marked valid"):
        asked.read_tsc()


@pytest.mark.parametrize("answer", [2, 3, 0xFFFF_FFFF])
def test_any_answer_but_success_and_an_exception_fails_the_exit(answer: int) -> None:
    asked, _ = exits(lambda gate: gate.reply(answer, 4, RAX=1, RDX=2))
    with pytest.raises(ExitFailed, match=f"SW_EXITINFO1 is {answer:#x}, SW_EXITINFO2 0x4"):
        asked.read_tsc()


def test_bits_above_32_of_the_answer_do_not_decide() -> None:
    asked, _ = exits(lambda gate: gate.reply(1 << 32, RAX=1, RDX=2))
    assert asked.read_tsc() == 2 << 32 | 1


def test_an_exception_is_asked_for_as_it_stands() -> None:
    asked, _ = exits(lambda gate: gate.reply(1, 0x8000_0B0D))
    with pytest.raises(ExceptionRequested) as asked_for:
        asked.read_tsc()
    assert asked_for.value.event_injection == 0x8000_0B0D


def test_a_request_that_failed_leaves_nothing_either() -> None:
    asked, gate = exits(lambda gate: gate.reply(2, 6))
    with pytest.raises(ExitFailed):
        asked.mmio_write(0xFEB0_0000, 8, 0x1122_3344_5566_7788)
    assert not any(gate.page[SHARED_BUFFER_OFFSET:0xFF0])
    assert not any(gate.page[GhcbField.SW_SCRATCH : GhcbField.SW_SCRATCH + 8])
