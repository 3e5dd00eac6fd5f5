"""The events that the machine asks for have the inputs and outputs that the specification says: two texts, compared."""

import pytest

from impl.ghcb.call import GhcbCall
from impl.ghcb.page import GhcbPage
from impl.ghcb.transport import GhcbExits
from impl.hypervisor.ghcb_events import EVENTS as SERVED
from impl.vc.exits import ExitFailed
from spec.ghcb.events import EVENTS, EventRow
from spec.ghcb.vocabulary.page import GhcbField
from tests.impl.ghcb.gate import GPA, LINEAR, Gate

CONTROL = {"SW_EXITCODE", "SW_EXITINFO1", "SW_EXITINFO2"}
QUESTIONS = {
    "CPUID": ("cpuid", (1, 0, None)), "RDMSR": ("read_msr", (1,)), "WRMSR": ("write_msr", (1, 2)),
    "RDTSC": ("read_tsc", ()), "RDTSCP": ("read_tscp", ()), "RDPMC": ("read_counter", (1,)),
    "IN": ("port_in", (1, 1)), "OUT": ("port_out", (1, 1, 1)), "MMIO read": ("mmio_read", (0x1000, 4)),
    "MMIO write": ("mmio_write", (0x1000, 4, 1)), "DR7 write": ("write_dr7", (0x400,)),
    "WBINVD": ("write_back_caches", ()), "VMMCALL": ("hypercall", (1, 0)),
}  # fmt: skip
ROWS = {row.title: row for row in EVENTS if row.title in QUESTIONS}


def asked(title: str, valid: set[str]) -> Gate:
    """The question, answered with these outputs."""
    gate = Gate(lambda gate: gate.reply(**dict.fromkeys(valid, 0)))
    exits = GhcbExits(GhcbCall(gate, GhcbPage(gate, LINEAR, GPA), 2))
    name, arguments = QUESTIONS[title]
    getattr(exits, name)(*arguments)
    return gate


def outputs(row: EventRow) -> set[str]:
    return {field.name for field in row.outputs}


def test_every_question_is_an_event_of_the_specification() -> None:
    assert ROWS.keys() == QUESTIONS.keys()
    assert {row.code for row in ROWS.values()} <= SERVED.keys()


@pytest.mark.parametrize("title", QUESTIONS)
def test_the_guest_marks_the_inputs_of_the_event_valid(title: str) -> None:
    row = ROWS[title]
    sent = asked(title, outputs(row)).sent()
    scratch = {GhcbField.SW_SCRATCH.name} if row.scratch else set()
    assert sent.keys() == CONTROL | scratch | {field.name for field in row.inputs}
    assert (sent["SW_EXITCODE"], sent["SW_EXITINFO1"] & row.info1_mask) == (row.code, row.info1_value)


@pytest.mark.parametrize("title", [title for title, row in ROWS.items() if row.outputs])
def test_the_guest_needs_every_output_of_the_event_valid(title: str) -> None:
    for missing in outputs(ROWS[title]):
        with pytest.raises(ExitFailed, match=f"{missing} is not marked valid"):
            asked(title, outputs(ROWS[title]) - {missing})
