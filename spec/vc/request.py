"""The request of an instruction: what it asks, and with which inputs (GHCB, 56421, "Standard VMGEXIT Events").

Everything in it follows from the fetched instruction and the saved registers (GHCB-I13), and of a register no more
goes out than the instruction uses.
"""

from spec.ghcb.event import bit_of
from spec.ghcb.events import Request
from spec.ghcb.vocabulary.exits import (
    IOIO_ADDRESS_16,
    IOIO_IN,
    IOIO_PORT_SHIFT,
    IOIO_REP,
    IOIO_SEGMENT_SHIFT,
    IOIO_SIZE_SHIFT,
    IOIO_STRING,
    MSR_WRITE,
    ExitCode,
    GhcbEvent,
)
from spec.ghcb.vocabulary.page import (
    PROTOCOL_VERSION_OFFSET,
    QWORD,
    SHARED_BUFFER_OFFSET,
    VALID_BITMAP_OFFSET,
    GhcbField,
    ValidBitmap,
)
from spec.logic import all_of, ite, none_of
from spec.vc.admit import mapping_of, port_of, source_of
from spec.vc.exits import exit_code_of
from spec.vc.instruction import (
    CPL,
    LOW_32,
    LOW_64,
    RAX,
    RCX,
    Instruction,
    Kind,
    Qword,
    Word,
    is_one_of,
    is_string,
    mask_of,
    place_of,
    repeats,
    segment_of,
)
from spec.vc.state import VcExchange, call_of, context_of, register

DATA: Qword = SHARED_BUFFER_OFFSET // QWORD
"""Where scratch data is: eight bytes are enough for one element."""
BITMAP_LOW: Qword = VALID_BITMAP_OFFSET // QWORD
BITMAP_HIGH: Qword = BITMAP_LOW + 1
LAST: Qword = PROTOCOL_VERSION_OFFSET // QWORD
"""PROTOCOL_VERSION and GHCB_USAGE stand in the last eight bytes of the page."""
VERSION_SHIFT = 16
CPL_SHIFT = 24
"""CPL is the fourth byte of its eight."""
INS_SEGMENT, OUTS_SEGMENT = 0, 3
"""ES, DS."""
DR7_WRITABLE, DR7_FIXED = 0xFFFF_23FF, 0x400
"""Bits of DR7 that can be changed, and the one that is always 1 (APM Vol. 2, 13.1.1.4)."""


def sent_code(instruction: Instruction) -> ExitCode:
    """SW_EXITCODE: MMIO has events of its own."""
    found = exit_code_of(instruction)
    found = ite(instruction.kind == Kind.LOAD, GhcbEvent.MMIO_READ, found)
    return ite(instruction.kind == Kind.STORE, GhcbEvent.MMIO_WRITE, found)


def ioio_info(exchange: VcExchange, instruction: Instruction) -> Word:
    """SW_EXITINFO1 of port I/O (APM Vol. 2, 15.10.2)."""
    knobs = exchange.platform.knobs
    reads = instruction.kind == Kind.IN
    port = port_of(exchange, instruction) << IOIO_PORT_SHIFT
    size = ite(instruction.size == 8, 4, instruction.size & 7) << IOIO_SIZE_SHIFT
    addressed = instruction.address_size >> 1
    # 2, 4 and 8 bytes are bits 7, 8 and 9.
    width = ite(addressed == 1, IOIO_ADDRESS_16, ite(addressed == 2, IOIO_ADDRESS_16 << 1, IOIO_ADDRESS_16 << 2))
    addresses = ite(all_of(none_of(is_string(instruction)), none_of(knobs.ghcb_ioio_address_size)), 0, width)
    fixed = ite(reads, INS_SEGMENT, OUTS_SEGMENT)
    outs = ite(knobs.ghcb_ioio_segment_fixed, fixed, segment_of(instruction, knobs))
    segment = ite(is_string(instruction), ite(reads, INS_SEGMENT, outs), 0) << IOIO_SEGMENT_SHIFT
    repeat = ite(repeats(instruction, knobs), IOIO_REP, 0)
    string = ite(is_string(instruction), IOIO_STRING, 0)
    return port | size | addresses | segment | repeat | string | ite(reads, IOIO_IN, 0)


def physical(exchange: VcExchange, instruction: Instruction) -> Word:
    """The guest-physical address of the MMIO operand, by the guest's own page tables, without the C-bit."""
    return mapping_of(exchange, instruction.device).frame << 12 | instruction.device & 0xFFF


def request_of(exchange: VcExchange, instruction: Instruction) -> Request:
    """The control words."""
    mmio = is_one_of(instruction, Kind.LOAD, Kind.STORE)
    ports = is_one_of(instruction, Kind.IN, Kind.OUT)
    msr = ite(instruction.kind == Kind.WRMSR, MSR_WRITE, 0)
    info1 = ite(mmio, physical(exchange, instruction), ite(ports, ioio_info(exchange, instruction), msr))
    # A string goes out element by element, so that it can be interrupted anywhere.
    info2 = ite(mmio, instruction.size, ite(all_of(ports, is_string(instruction)), 1, 0))
    rax, rcx = register(exchange, RAX) & LOW_32, register(exchange, RCX) & LOW_32
    return Request(sent_code(instruction), info1, info2, rax, rcx)


def data_of(exchange: VcExchange, instruction: Instruction) -> Word:
    """What goes into the scratch area: the operand of a store or of OUTS, of its width."""
    memory = exchange.memory[instruction.memory]
    value = ite(instruction.immediate_source, instruction.immediate, source_of(exchange, instruction))
    value = ite(instruction.memory_source, memory, value)
    outs = all_of(instruction.kind == Kind.OUT, is_string(instruction))
    stored = ite(instruction.kind == Kind.STORE, value, ite(outs, memory, 0))
    return stored & mask_of(instruction.size)


def part_of(exchange: VcExchange, instruction: Instruction, qword: Qword) -> Word:
    """As much of a register as the instruction uses."""
    kind, value = instruction.kind, register(exchange, qword)
    low = is_one_of(instruction, Kind.CPUID, Kind.RDPMC, Kind.RDMSR, Kind.WRMSR)
    whole = any_field(qword, GhcbField.XCR0, GhcbField.XSS)
    mask = ite(all_of(low, none_of(whole)), LOW_32, LOW_64)
    value = value & ite(kind == Kind.OUT, mask_of(instruction.size), mask)
    debug = source_of(exchange, instruction) & DR7_WRITABLE | DR7_FIXED
    value = ite(kind == Kind.DR7_WRITE, debug, value)
    return ite(qword == CPL, context_of(exchange).cpl << CPL_SHIFT, value)


def any_field(qword: Qword, first: GhcbField, second: GhcbField) -> bool:
    """Whether a place is that of one of two fields."""
    return none_of(none_of(qword == place_of(first), qword == place_of(second)))


def wanted(exchange: VcExchange, qword: Qword) -> Word:
    """What the page holds at a place when the guest leaves: inputs, control words, and 0."""
    call = call_of(exchange)
    request, frame = call.request, exchange.frame
    scratch = ite(call.inputs & bit_of(GhcbField.SW_SCRATCH) != 0, frame << 12 | SHARED_BUFFER_OFFSET, 0)
    value = ite(is_input(call.inputs, qword), part_of(exchange, call.instruction, qword), 0)
    for place, control in (
        (place_of(GhcbField.SW_EXITCODE), request.code),
        (place_of(GhcbField.SW_EXITINFO1), request.info1),
        (place_of(GhcbField.SW_EXITINFO2), request.info2),
        (place_of(GhcbField.SW_SCRATCH), scratch),
        (BITMAP_LOW, call.inputs & LOW_64),
        (BITMAP_HIGH, call.inputs >> 64),
        (DATA, call.data),
        (LAST, exchange.version << VERSION_SHIFT),
    ):
        value = ite(qword == place, control, value)
    return value


def is_input(inputs: ValidBitmap, qword: Qword) -> bool:
    """Whether a place is marked valid. Behind the first 128 there are no bits."""
    return inputs >> qword & 1 == 1


def is_control(qword: Qword) -> bool:
    """A place that every request writes."""
    places = (GhcbField.SW_EXITCODE, GhcbField.SW_EXITINFO1, GhcbField.SW_EXITINFO2, GhcbField.SW_SCRATCH)
    fields = any_place(qword, *(place_of(field) for field in places))
    return none_of(none_of(fields, any_place(qword, BITMAP_LOW, BITMAP_HIGH, DATA, LAST)))


def any_place(qword: Qword, *places: Qword) -> bool:
    """Whether a place is one of these."""
    found = False
    for place in places:
        found = ite(qword == place, True, found)
    return found
