"""What the handler checks of the fetched instruction before anything leaves the guest (GHCB, 56421, "#VC Handler").

The processor has checked privileges before it intercepts, but an injected #VC comes without such checks; they are made
again. All of it is private: the instruction, the registers, the guest's page tables, the I/O permission bitmap.
"""

from spec.ghcb.vocabulary.exits import SvmExit
from spec.ghcb.vocabulary.msr import GHCB_MSR
from spec.logic import all_of, any_of, first_of, implies, ite, none_of, select
from spec.record import replace
from spec.vc.exits import EXIT_CODES, admits
from spec.vc.instruction import GENERAL, LOW_32, RCX, RDX, Instruction, Kind, Word, is_one_of, is_string, repeats
from spec.vc.state import Mapping, VcExchange, call_of, context_of, register
from spec.vocabulary import SevFeatures

PAGE = 0x1000
TSC_MSR = 0x10
PORT_BYTES = (0, 1, 2, 3)
"""An access to a port has at most four bytes."""
PRIVILEGED = (Kind.RDMSR, Kind.WRMSR, Kind.INVD, Kind.WBINVD, Kind.MONITOR, Kind.MWAIT, Kind.DR7_READ, Kind.DR7_WRITE)
"""At CPL 0 only; MONITOR and MWAIT unless a model-specific bit allows them, which the handler does not look at."""


def believed(exchange: VcExchange) -> Instruction:
    """What the handler takes the instruction for. Without rule S5 that is what the exit code says."""
    call = call_of(exchange)
    fetched = call.instruction
    # Not validated: without rule S22 it is taken for MMIO.
    code = ite(call.exit_code == SvmExit.PAGE_NOT_VALIDATED, SvmExit.NPF, call.exit_code)
    kind = fetched.kind
    for known, raises in EXIT_CODES:
        kind = ite(code == raises, known, kind)
    forged = all_of(none_of(exchange.rules.checks_opcode), none_of(admits(code, fetched, exchange.platform.knobs)))
    return replace(fetched, kind=ite(forged, kind, fetched.kind))


def is_admitted(exchange: VcExchange) -> bool:
    """The exit code admits the instruction (rule S5)."""
    call = call_of(exchange)
    code = ite(call.exit_code == SvmExit.PAGE_NOT_VALIDATED, SvmExit.NPF, call.exit_code)
    return any_of(none_of(exchange.rules.checks_opcode), admits(code, call.instruction, exchange.platform.knobs))


def port_of(exchange: VcExchange, instruction: Instruction) -> int:
    """DX, or the immediate, which is unsigned."""
    return ite(instruction.port_in_dx, register(exchange, RDX) & 0xFFFF, instruction.port)


def may_use_port(exchange: VcExchange, instruction: Instruction) -> bool:
    """CPL does not exceed IOPL, or the bitmap allows every byte of the access (APM Vol. 2, 12.2.4)."""
    context = context_of(exchange)
    port = port_of(exchange, instruction)
    allowed = all_of(*(implies(byte < instruction.size, exchange.ports[port + byte]) for byte in PORT_BYTES))
    return any_of(context.cpl <= context.iopl, allowed)


def lacks_privilege(exchange: VcExchange, instruction: Instruction) -> str | None:
    """Why the interrupted code may not execute the instruction, or None."""
    context = context_of(exchange)
    tsc, counter = is_one_of(instruction, Kind.RDTSC, Kind.RDTSCP), instruction.kind == Kind.RDPMC
    ports = is_one_of(instruction, Kind.IN, Kind.OUT)
    unprivileged = context.cpl != 0
    return first_of(
        ("privilege", all_of(unprivileged, is_one_of(instruction, *PRIVILEGED))),
        ("time-stamp-disabled", all_of(unprivileged, tsc, context.cr4_tsd)),
        ("counters-disabled", all_of(unprivileged, counter, none_of(context.cr4_pce))),
        # Rule S6.
        ("port", all_of(ports, exchange.rules.distrusts_users, none_of(may_use_port(exchange, instruction)))),
        # MOV DR7 with a value whose upper half is not 0 (APM Vol. 3, "MOV DRn").
        ("dr7-upper-half", all_of(instruction.kind == Kind.DR7_WRITE, source_of(exchange, instruction) > LOW_32)),
    )


def source_of(exchange: VcExchange, instruction: Instruction) -> Word:
    """The general register that goes out."""
    whole = register(exchange, select(instruction.source, GENERAL))
    return ite(instruction.source_high_byte, whole >> 8 & 0xFF, whole)


def refused(exchange: VcExchange, instruction: Instruction) -> str | None:
    """Why the handler does not carry out an instruction that is otherwise legal, or None."""
    knobs, kind = exchange.platform.knobs, instruction.kind
    ports = is_one_of(instruction, Kind.IN, Kind.OUT)
    watches = is_one_of(instruction, Kind.MONITOR, Kind.MWAIT)
    number = register(exchange, RCX) & LOW_32
    msr = is_one_of(instruction, Kind.RDMSR, Kind.WRMSR)
    own = exchange.rules.limits_registers
    secure_tsc = all_of(own, exchange.sev_features & SevFeatures.SECURE_TSC != 0)
    debug = all_of(own, exchange.sev_features & SevFeatures.DEBUG_VIRTUALIZATION != 0)
    return first_of(
        # INVD would drop memory contents that only the caches hold.
        ("invd", all_of(kind == Kind.INVD, knobs.vc_invd_refused)),
        ("wide-port", all_of(ports, instruction.wide_port, knobs.vc_wide_port_refused)),
        ("prefixed-monitor", all_of(watches, instruction.prefixed, knobs.vc_monitor_prefix_refused)),
        # The handler itself needs this register, so there would be no end.
        ("ghcb-msr", all_of(msr, number == GHCB_MSR)),
        # The guest has a time-stamp counter and debug registers of its own: an intercept is an attack (rule S15).
        ("secure-tsc", all_of(secure_tsc, is_one_of(instruction, Kind.RDTSC, Kind.RDTSCP))),
        ("secure-tsc-msr", all_of(secure_tsc, kind == Kind.RDMSR, number == TSC_MSR)),
        ("debug-swap", all_of(debug, is_one_of(instruction, Kind.DR7_READ, Kind.DR7_WRITE))),
        ("no-length", instruction.length == 0),
    )


def mapping_of(exchange: VcExchange, address: int) -> Mapping:
    """What the guest's page tables say of a linear address."""
    return exchange.mappings[address >> 12]


def crosses_page(address: int, size: int) -> bool:
    """An access lies on two pages."""
    return (address & PAGE - 1) + size > PAGE


def bad_device(exchange: VcExchange, instruction: Instruction) -> str | None:
    """Why an operand is not MMIO that the handler touches, or None. GHCB (56421), "MMIO Access"."""
    mapping = mapping_of(exchange, instruction.device)
    mmio = is_one_of(instruction, Kind.LOAD, Kind.STORE)
    sizes = any_of(*(instruction.size == size for size in (1, 2, 4, 8)))
    return first_of(
        # User code can change the instruction while it is handled (rule S6).
        ("user-mmio", all_of(mmio, exchange.rules.distrusts_users, context_of(exchange).cpl == 3)),
        ("device-size", all_of(mmio, none_of(sizes))),
        ("page-crossing", all_of(mmio, crosses_page(instruction.device, instruction.size))),
        ("not-mapped", all_of(mmio, none_of(mapping.present))),
        # The hypervisor can mark any page as MMIO; what is private does not leave the guest (rule S7).
        ("private-memory", all_of(mmio, exchange.rules.shared_mmio_only, none_of(mapping.shared))),
    )


def uses_memory(instruction: Instruction) -> bool:
    """The instruction has a side in ordinary memory."""
    moves = all_of(instruction.kind == Kind.STORE, instruction.memory_source)
    return all_of(is_string(instruction), any_of(is_one_of(instruction, Kind.IN, Kind.OUT, Kind.LOAD), moves))


def memory_faults(exchange: VcExchange, instruction: Instruction) -> bool:
    """A string's other side is not the interrupted code's to use; tested before a port or a device is read."""
    mapping = mapping_of(exchange, instruction.memory)
    crosses = crosses_page(instruction.memory, instruction.size)
    user = all_of(context_of(exchange).cpl == 3, exchange.rules.distrusts_users)
    allowed = all_of(mapping.present, none_of(crosses), implies(user, mapping.user))
    return all_of(uses_memory(instruction), none_of(allowed))


def is_empty(exchange: VcExchange, instruction: Instruction) -> bool:
    """A repeated string with a count of 0: there is nothing to do."""
    count = register(exchange, RCX)
    wide = ite(instruction.address_size == 4, count & LOW_32, count)
    left = ite(instruction.address_size == 2, count & 0xFFFF, wide)
    return all_of(repeats(instruction, exchange.platform.knobs), left == 0)
