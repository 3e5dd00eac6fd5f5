"""What leaves the guest: in the page there is nothing that the call has stored but the inputs of its instruction.

The claims are about what the guest stores, and so hold at every moment and whatever the hypervisor writes between two
stores. `may_leave` says, instruction by instruction, how much of which register that is; it does not look at events.
"""

from spec.ghcb.vocabulary.page import ValidBitmap
from spec.logic import all_of, any_of, implies, ite, none_of
from spec.registry import invariant
from spec.vc.admission_invariants import instruction_of
from spec.vc.admit import mapping_of, port_of, source_of
from spec.vc.instruction import (
    CPL,
    LOW_32,
    LOW_64,
    RAX,
    RCX,
    RDX,
    XCR0,
    XSS,
    Kind,
    Qword,
    Word,
    is_one_of,
    is_string,
    mask_of,
)
from spec.vc.levels import at, is_asking, is_between, is_carried_out, is_live
from spec.vc.request import BITMAP_HIGH, BITMAP_LOW, DATA, LAST
from spec.vc.state import Level, Place, Stage, VcExchange
from spec.vocabulary import Guarantor

GUEST = Guarantor.GUEST
LAYOUT = 'GHCB (56421), "GHCB Layout"'
EVENTS = 'GHCB (56421), "Standard VMGEXIT Events"'
EXITCODE, INFO1, INFO2, SCRATCH = 114, 115, 116, 117
SCRATCH_BEGINS, SCRATCH_ENDS = 0x800, 0xFF0


def may_leave(exchange: VcExchange, level: Level, qword: Qword) -> Word:
    """How much of a register an instruction shows the hypervisor: a mask."""
    instruction, knobs = instruction_of(exchange, level), exchange.platform.knobs
    low = is_one_of(instruction, Kind.CPUID, Kind.WRMSR)
    rax = ite(low, LOW_32, ite(instruction.kind == Kind.VMMCALL, LOW_64, 0))
    plain_out = all_of(instruction.kind == Kind.OUT, none_of(is_string(instruction)))
    rax = ite(plain_out, mask_of(instruction.size), rax)
    counted = is_one_of(instruction, Kind.CPUID, Kind.RDPMC, Kind.RDMSR, Kind.WRMSR)
    rcx = ite(counted, LOW_32, 0)
    rdx = ite(instruction.kind == Kind.WRMSR, LOW_32, 0)
    watched = all_of(none_of(knobs.vc_monitor_silent), is_one_of(instruction, Kind.MONITOR, Kind.MWAIT))
    address = all_of(watched, instruction.kind == Kind.MONITOR)
    shown = ite(qword == RAX, ite(watched, LOW_64, rax), 0)
    shown = ite(qword == RCX, ite(watched, LOW_64, rcx), shown)
    shown = ite(qword == RDX, ite(address, LOW_64, rdx), shown)
    return ite(any_of(qword == XCR0, qword == XSS), extended_state(exchange, level, qword), shown)


def extended_state(exchange: VcExchange, level: Level, qword: Qword) -> Word:
    """The same of XCR0 and XSS, which CPUID may show."""
    knobs = exchange.platform.knobs
    cpuid = instruction_of(exchange, level).kind == Kind.CPUID
    leaf = exchange.registers[Place(level, RAX)] & LOW_32 == 0xD
    subleaf = exchange.registers[Place(level, RCX)] & LOW_32 == 1
    xcr0 = all_of(cpuid, any_of(leaf, none_of(knobs.ghcb_xcr0_for_leaf)))
    xss = all_of(cpuid, leaf, subleaf, knobs.ghcb_xss_sent)
    return ite(qword == XCR0, ite(xcr0, LOW_64, 0), ite(xss, LOW_64, 0))


def is_stored(exchange: VcExchange, level: Level, qword: Qword) -> bool:
    """The call has stored this place of its request; when it leaves, all of them."""
    call = exchange.calls[level]
    some = all_of(call.stage == Stage.FILLING, qword < call.cursor)
    return all_of(is_live(exchange, level), any_of(some, is_between(call, Stage.FILLED, Stage.READ)))


def is_protocol(qword: Qword) -> bool:
    """A place for control words, the bitmap, scratch data or the version."""
    control = all_of(qword >= EXITCODE, qword <= SCRATCH)
    return any_of(control, qword == BITMAP_LOW, qword == BITMAP_HIGH, qword == DATA, qword == LAST)


@invariant("GHCB-I1", guarantor=GUEST, manual=LAYOUT)
def nothing_else_is_in_the_page(exchange: VcExchange, level: Level, qword: Qword) -> bool:
    """Of the registers, the page has the parts that the instruction shows; everywhere else the guest has stored 0."""
    stored = exchange.ghost.stored[Place(level, qword)]
    shown = may_leave(exchange, level, qword)
    instruction = instruction_of(exchange, level)
    debug = all_of(instruction.kind == Kind.DR7_WRITE, qword == RAX)
    call = all_of(instruction.kind == Kind.VMMCALL, qword == CPL)
    value = ite(shown == 0, 0, exchange.registers[Place(level, qword)] & shown)
    expected = ite(call, exchange.contexts[level].cpl << 24, value)
    own = none_of(is_protocol(qword), debug)
    return implies(all_of(is_stored(exchange, level, qword), own), stored == expected)


@invariant("GHCB-I2", guarantor=GUEST, manual=EVENTS)
def debug_register_goes_out_masked(exchange: VcExchange, level: Level) -> bool:
    """MOV to DR7 shows the low half of its source, as far as DR7 has such bits."""
    instruction = instruction_of(exchange, level)
    value = source_of(at(exchange, level), instruction)
    stored = exchange.ghost.stored[Place(level, RAX)]
    writes = all_of(is_stored(exchange, level, RAX), instruction.kind == Kind.DR7_WRITE)
    return implies(writes, stored == (value & 0xFFFF_23FF | 0x400))


@invariant("GHCB-I2-DATA", guarantor=GUEST, manual=EVENTS)
def data_is_the_operand(exchange: VcExchange, level: Level) -> bool:
    """The data of a request is the operand of a store or of OUTS, and no byte more; for anything else it is 0."""
    instruction, data = instruction_of(exchange, level), exchange.calls[level].data
    outs = all_of(instruction.kind == Kind.OUT, is_string(instruction))
    register = source_of(at(exchange, level), instruction)
    value = ite(instruction.immediate_source, instruction.immediate, register) & mask_of(instruction.size)
    from_memory = any_of(outs, instruction.memory_source)
    # Memory may have changed since the operand was read; what went out was its value then.
    of_width = data & mask_of(instruction.size) == data
    sends = any_of(outs, instruction.kind == Kind.STORE)
    right = ite(sends, ite(from_memory, of_width, data == value), data == 0)
    return implies(is_asking(exchange, level), right)


@invariant("GHCB-I2-SCRATCH", guarantor=GUEST, manual=EVENTS)
def scratch_holds_the_data(exchange: VcExchange, level: Level) -> bool:
    """The scratch area has the data of the request."""
    stored = exchange.ghost.stored[Place(level, DATA)]
    return implies(is_stored(exchange, level, DATA), stored == exchange.calls[level].data)


@invariant("GHCB-I13", guarantor=GUEST, manual='GHCB (56421), "IOIO_PROT"; APM Vol. 2, 15.10.2')
def ports_come_from_the_instruction(exchange: VcExchange, level: Level) -> bool:
    """Port, size and direction of port I/O are those of the instruction and of DX."""
    instruction = instruction_of(exchange, level)
    ports = is_one_of(instruction, Kind.IN, Kind.OUT)
    info1 = exchange.calls[level].request.info1
    right = all_of(
        info1 & 1 == ite(instruction.kind == Kind.IN, 1, 0),
        info1 >> 16 == port_of(at(exchange, level), instruction),
        implies(any_of(*(instruction.size == size for size in (1, 2, 4))), info1 >> 4 & 7 == instruction.size),
        (info1 >> 2 & 1 == 1) == is_string(instruction),
    )
    return implies(all_of(is_asking(exchange, level), ports), right)


@invariant("GHCB-I15", guarantor=GUEST, manual='GHCB (56421), "MMIO Access"')
def mmio_is_on_shared_pages(exchange: VcExchange, level: Level) -> bool:
    """An MMIO request is about a page that the guest's own tables map shared, by the address that they give, of 1, 2,
    4 or 8 bytes inside the page.
    """
    call, instruction = exchange.calls[level], instruction_of(exchange, level)
    mmio = is_one_of(instruction, Kind.LOAD, Kind.STORE)
    mapping = mapping_of(exchange, instruction.device)
    offset, size = instruction.device & 0xFFF, call.request.info2
    right = all_of(
        mapping.present,
        mapping.shared,
        call.request.info1 == mapping.frame << 12 | offset,
        size == instruction.size,
        any_of(size == 1, size == 2, size == 4, size == 8),
        offset + size <= 0x1000,
    )
    return implies(all_of(is_asking(exchange, level), mmio), right)


@invariant("GHCB-I15-CHECKED", guarantor=GUEST, manual='GHCB (56421), "MMIO Access"')
def devices_are_on_shared_pages(exchange: VcExchange, level: Level) -> bool:
    """The same of the operand, from when it was checked: the guest's page tables do not change meanwhile."""
    instruction = instruction_of(exchange, level)
    mapping = mapping_of(exchange, instruction.device)
    sizes = any_of(*(instruction.size == size for size in (1, 2, 4, 8)))
    inside = (instruction.device & 0xFFF) + instruction.size <= 0x1000
    mmio = is_one_of(instruction, Kind.LOAD, Kind.STORE)
    right = all_of(mapping.present, mapping.shared, sizes, inside)
    return implies(all_of(is_carried_out(exchange, level), mmio), right)


@invariant("GHCB-I17", guarantor=GUEST, manual='GHCB (56421), "GHCB Layout", shared buffer')
def scratch_is_in_the_own_page(exchange: VcExchange, level: Level) -> bool:
    """SW_SCRATCH is 0, or the address of the shared buffer of the guest's registered page: eight bytes fit there."""
    stored = exchange.ghost.stored[Place(level, SCRATCH)]
    page = exchange.frame << 12
    inside = all_of(stored >= page + SCRATCH_BEGINS, stored + 8 <= page + SCRATCH_ENDS)
    return implies(is_stored(exchange, level, SCRATCH), any_of(stored == 0, inside))


@invariant("GHCB-I35", guarantor=GUEST, manual=LAYOUT)
def bitmap_is_that_of_the_inputs(exchange: VcExchange, level: Level, qword: Qword) -> bool:
    """A bit is set for the control words, for SW_SCRATCH if there is data, and for what the instruction shows."""
    inputs = exchange.calls[level].inputs
    instruction = instruction_of(exchange, level)
    in_scratch = all_of(is_string(instruction), is_one_of(instruction, Kind.IN, Kind.OUT))
    data = any_of(in_scratch, is_one_of(instruction, Kind.LOAD, Kind.STORE))
    control = all_of(qword >= EXITCODE, qword <= INFO2)
    debug = all_of(instruction.kind == Kind.DR7_WRITE, qword == RAX)
    call = all_of(instruction.kind == Kind.VMMCALL, qword == CPL)
    shown = any_of(may_leave(exchange, level, qword) != 0, debug, call)
    marked = any_of(control, all_of(qword == SCRATCH, data), shown)
    return implies(is_asking(exchange, level), (inputs >> qword & 1 == 1) == marked)


@invariant("GHCB-I35-WORDS", guarantor=GUEST, manual=LAYOUT)
def bitmap_is_sent_as_it_is(exchange: VcExchange, level: Level) -> bool:
    """The two words of the bitmap are those of the request."""
    inputs: ValidBitmap = exchange.calls[level].inputs
    low, high = (exchange.ghost.stored[Place(level, place)] for place in (BITMAP_LOW, BITMAP_HIGH))
    return all_of(
        implies(is_stored(exchange, level, BITMAP_LOW), low == inputs & LOW_64),
        implies(is_stored(exchange, level, BITMAP_HIGH), high == inputs >> 64),
    )


@invariant("GHCB-I39", guarantor=GUEST, manual='GHCB (56421), "GHCB Layout", shared buffer')
def no_other_page_is_named(exchange: VcExchange, level: Level) -> bool:
    """No address of a private page goes out as scratch area: what SW_SCRATCH names is the page of the exchange."""
    stored = exchange.ghost.stored[Place(level, SCRATCH)]
    return implies(all_of(is_stored(exchange, level, SCRATCH), stored != 0), stored >> 12 == exchange.frame)


INVARIANTS = (
    nothing_else_is_in_the_page,
    debug_register_goes_out_masked,
    data_is_the_operand,
    scratch_holds_the_data,
    ports_come_from_the_instruction,
    mmio_is_on_shared_pages,
    devices_are_on_shared_pages,
    scratch_is_in_the_own_page,
    bitmap_is_that_of_the_inputs,
    bitmap_is_sent_as_it_is,
    no_other_page_is_named,
)
