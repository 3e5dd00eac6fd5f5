"""All events of the page protocol, and what a request needs and gives: one question to the rows for each.

GHCB (56421), "Standard VMGEXIT Events".
"""

from typing import Annotated

from spec.ghcb.event import ALWAYS_IN, ALWAYS_OUT, EventRow, bit_of
from spec.ghcb.instruction_events import INSTRUCTION_EVENTS
from spec.ghcb.software_events import INTERRUPT_EVENTS, PROCESSOR_EVENTS, PROTOCOL_EVENTS, SNP_EVENTS
from spec.ghcb.vocabulary.exits import EXTENDED_STATE_LEAF, ExitCode, SvmExit
from spec.ghcb.vocabulary.hv_features import FeatureBitmap
from spec.ghcb.vocabulary.page import GhcbField, ValidBitmap
from spec.knobs import Knobs
from spec.logic import all_of, any_of, implies, ite, none_of
from spec.record import record
from spec.vocabulary import Bits

EVENTS: tuple[EventRow, ...] = (
    *INSTRUCTION_EVENTS,
    *PROCESSOR_EVENTS,
    *SNP_EVENTS,
    *INTERRUPT_EVENTS,
    *PROTOCOL_EVENTS,
)


@record
class Request:
    """The control words of a request, and the registers that decide which inputs it has."""

    code: ExitCode
    info1: Annotated[int, Bits(64)]
    info2: Annotated[int, Bits(64)]
    rax: Annotated[int, Bits(64)]
    rcx: Annotated[int, Bits(64)]


def is_row(request: Request, row: EventRow) -> bool:
    """Whether a request is one of a row."""
    return all_of(request.code == row.code, request.info1 & row.info1_mask == row.info1_value)


def is_known(request: Request) -> bool:
    """Whether the protocol has such an event, with such a SW_EXITINFO1."""
    return any_of(*(is_row(request, row) for row in EVENTS))


def has_event(code: ExitCode) -> bool:
    """Whether the protocol has an event of this code, in any form."""
    return any_of(*(code == row.code for row in EVENTS))


def is_offered(request: Request, version: int, features: FeatureBitmap, snp: bool) -> bool:
    """Whether a host that has agreed on this version and offers these features serves a request."""
    offered = (
        all_of(
            is_row(request, row),
            version >= row.since,
            features & row.feature == row.feature,
            implies(row.snp, snp),
        )
        for row in EVENTS
    )
    return any_of(*offered)


def extended_state(request: Request, knobs: Knobs) -> ValidBitmap:
    """The further inputs of CPUID: XCR0 for leaf Dh, XSS for its subleaf 1."""
    leaf = request.rax & 0xFFFF_FFFF == EXTENDED_STATE_LEAF
    subleaf = request.rcx & 0xFFFF_FFFF == 1
    cpuid = request.code == SvmExit.CPUID
    xcr0 = ite(all_of(cpuid, any_of(leaf, none_of(knobs.ghcb_xcr0_for_leaf))), bit_of(GhcbField.XCR0), 0)
    xss = ite(all_of(cpuid, leaf, subleaf, knobs.ghcb_xss_sent), bit_of(GhcbField.XSS), 0)
    return xcr0 | xss


def inputs_of(request: Request, knobs: Knobs) -> ValidBitmap:
    """The bits that a guest sets for an instruction: no fewer, or it is refused; and no more, or something leaks."""
    found: ValidBitmap = 0
    for row in INSTRUCTION_EVENTS:
        found = ite(is_row(request, row), row.required, found)
    return found | ALWAYS_IN | extended_state(request, knobs)


def needed_by_host(request: Request) -> ValidBitmap:
    """The bits without which a host refuses: those of the rows. XCR0 and XSS have a value also where none is given."""
    found: ValidBitmap = 0
    for row in EVENTS:
        found = ite(is_row(request, row), row.required, found)
    return found | ALWAYS_IN


def outputs_of(request: Request) -> ValidBitmap:
    """The bits of what a guest may use of the reply."""
    found: ValidBitmap = 0
    for row in EVENTS:
        found = ite(is_row(request, row), row.given, found)
    return found | ALWAYS_OUT


def has_scratch(request: Request) -> bool:
    """Whether a request has a scratch area."""
    return any_of(*(all_of(is_row(request, row), row.scratch) for row in EVENTS))
