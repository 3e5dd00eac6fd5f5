"""Whatever exit code the hypervisor gives, and whenever: what a call carries out is the instruction at RIP.

Of a careful handler. A claim speaks of the call of any level, also of one that a nested call has interrupted.
"""

from spec.ghcb.vocabulary.exits import ExitCode, SvmExit
from spec.logic import all_of, any_of, implies, none_of, same
from spec.registry import Outcome, invariant
from spec.vc.admit import mapping_of, port_of
from spec.vc.instruction import RCX, Instruction, Kind, is_one_of, is_string
from spec.vc.levels import at, is_admitted, is_between, is_carried_out, is_live
from spec.vc.state import Level, Place, Port, Stage, VcExchange
from spec.vocabulary import Guarantor, GuestAction, SevFeatures

GUEST = Guarantor.GUEST
HANDLER = 'GHCB (56421), "#VC Handler"'


def instruction_of(exchange: VcExchange, level: Level) -> Instruction:
    """What a call carries out."""
    return exchange.calls[level].instruction


def raises(instruction: Instruction, code: ExitCode) -> bool:
    """Whether hardware may intercept an instruction with this code (APM Vol. 2, Appendix C), code by code."""
    ports, msr = is_one_of(instruction, Kind.IN, Kind.OUT), is_one_of(instruction, Kind.RDMSR, Kind.WRMSR)
    mmio = is_one_of(instruction, Kind.LOAD, Kind.STORE)
    return any_of(
        all_of(code == 0x27, instruction.kind == Kind.DR7_READ),
        all_of(code == 0x37, instruction.kind == Kind.DR7_WRITE),
        all_of(code == 0x6E, instruction.kind == Kind.RDTSC),
        all_of(code == 0x6F, instruction.kind == Kind.RDPMC),
        all_of(code == 0x72, instruction.kind == Kind.CPUID),
        all_of(code == 0x76, instruction.kind == Kind.INVD),
        all_of(code == 0x7B, ports),
        all_of(code == 0x7C, msr),
        all_of(code == 0x81, instruction.kind == Kind.VMMCALL),
        all_of(code == 0x87, instruction.kind == Kind.RDTSCP),
        all_of(code == 0x89, instruction.kind == Kind.WBINVD),
        all_of(code == 0x8A, instruction.kind == Kind.MONITOR),
        all_of(any_of(code == 0x8B, code == 0x8C), instruction.kind == Kind.MWAIT),
        all_of(code == 0x400, mmio),
    )


@invariant("GHCB-I7", guarantor=GUEST, manual=HANDLER)
def effects_match_exit_codes(exchange: VcExchange, level: Level) -> bool:
    """Nothing is carried out but an instruction that the exit code admits: opcode, escape bytes, ModRM, prefixes."""
    call = exchange.calls[level]
    return implies(is_admitted(exchange, level), raises(call.instruction, call.exit_code))


@invariant("GHCB-I9", guarantor=GUEST, manual='APM Vol. 3, 1.1; GHCB (56421), "#VC Handler"')
def lengths_are_those_of_instructions(exchange: VcExchange, level: Level) -> bool:
    """What is carried out is 1 to 15 bytes long."""
    length = instruction_of(exchange, level).length
    return implies(is_carried_out(exchange, level), all_of(length >= 1, length <= 15))


@invariant("GHCB-I10", guarantor=GUEST, manual=HANDLER)
def instructions_are_at_rip(exchange: VcExchange, level: Level) -> bool:
    """What is carried out for the kernel is what stands at RIP. User code may have changed it since it was fetched."""
    call, context = exchange.calls[level], exchange.contexts[level]
    fetched = all_of(is_live(exchange, level), is_between(call, Stage.FETCHED, Stage.BELIEVED))
    return implies(all_of(fetched, context.cpl != 3), same(call.instruction, context.code))


@invariant("GHCB-I10-ONCE", guarantor=GUEST, manual=HANDLER, unless=("vc_fetches", "hypervisor_raises_vc"))
def instructions_are_fetched_once(before: VcExchange, after: VcExchange, level: Level) -> bool:
    """Length, opcode and operands come from one fetch: no other step changes the copy."""
    alive = all_of(is_live(before, level), is_live(after, level))
    return implies(alive, same(instruction_of(before, level), instruction_of(after, level)))


@invariant("GHCB-I11", guarantor=GUEST, manual=HANDLER)
def unknown_codes_have_no_effect(exchange: VcExchange, level: Level) -> bool:
    """For a code without an event nothing is fetched, and nothing leaves the guest."""
    call = exchange.calls[level]
    known = any_of(
        *(call.exit_code == code for code in (0x27, 0x37, 0x6E, 0x6F, 0x72, 0x76, 0x7B, 0x7C, 0x81, 0x87)),
        *(call.exit_code == code for code in (0x89, 0x8A, 0x8B, 0x8C, 0x400)),
    )
    begun = all_of(is_live(exchange, level), call.stage >= Stage.ENTERED, call.stage < Stage.RESTORING)
    return implies(begun, known)


@invariant("GHCB-I12", guarantor=GUEST, manual=HANDLER)
def exceptions_are_not_emulated(exchange: VcExchange, level: Level) -> bool:
    """For an intercepted exception nothing is fetched, and nothing leaves the guest."""
    call = exchange.calls[level]
    begun = all_of(is_live(exchange, level), call.stage >= Stage.ENTERED, call.stage < Stage.RESTORING)
    return implies(begun, none_of(all_of(call.exit_code >= 0x40, call.exit_code <= 0x5F)))


@invariant("GHCB-I14", guarantor=GUEST, manual="APM Vol. 2, 12.2.4")
def ports_are_permitted(exchange: VcExchange, level: Level, number: Port) -> bool:
    """No port is read or written that the interrupted code may not use, not one byte of it."""
    context, instruction = exchange.contexts[level], instruction_of(exchange, level)
    uses = all_of(is_admitted(exchange, level), is_one_of(instruction, Kind.IN, Kind.OUT))
    first = port_of(at(exchange, level), instruction)
    touched = all_of(number >= first, number < first + instruction.size, number < first + 4)
    return implies(all_of(uses, touched), any_of(context.cpl <= context.iopl, exchange.ports[number]))


@invariant("GHCB-I14-PRIVILEGE", guarantor=GUEST, manual='APM Vol. 3; GHCB (56421), "#VC Handler"')
def privileges_are_kept(exchange: VcExchange, level: Level) -> bool:
    """Code at CPL 3 gets nothing done that it may not do: no MSR, no cache control, no debug register, no MMIO."""
    instruction = instruction_of(exchange, level)
    privileged = is_one_of(instruction, Kind.RDMSR, Kind.WRMSR, Kind.WBINVD, Kind.DR7_READ, Kind.DR7_WRITE)
    mmio = all_of(is_carried_out(exchange, level), is_one_of(instruction, Kind.LOAD, Kind.STORE))
    user = all_of(is_admitted(exchange, level), exchange.contexts[level].cpl == 3)
    return implies(user, none_of(privileged, mmio))


@invariant("GHCB-I16", guarantor=GUEST, manual='APM Vol. 3, "INS", "OUTS"; GHCB (56421), "IOIO_PROT"')
def strings_stay_in_reach(exchange: VcExchange, level: Level) -> bool:
    """The ordinary side of INS, OUTS and MOVS is mapped, and is the user's if the code runs at CPL 3."""
    instruction, view = instruction_of(exchange, level), at(exchange, level)
    one_sided = all_of(instruction.kind == Kind.STORE, none_of(instruction.memory_source))
    string = all_of(is_string(instruction), none_of(one_sided))
    mapping = mapping_of(view, instruction.memory)
    user = exchange.contexts[level].cpl == 3
    reached = all_of(mapping.present, implies(user, mapping.user))
    return implies(all_of(is_carried_out(exchange, level), string), reached)


@invariant("GHCB-I31", guarantor=GUEST, manual='GHCB (56421), "#VC Handler"; APM Vol. 2, 15.36.18')
def own_registers_come_from_nobody(exchange: VcExchange, level: Level) -> bool:
    """With a secure TSC no time comes from the hypervisor; with debug swap no DR7 goes to it."""
    instruction, features = instruction_of(exchange, level), exchange.sev_features
    carried_out = is_carried_out(exchange, level)
    time = any_of(
        is_one_of(instruction, Kind.RDTSC, Kind.RDTSCP),
        all_of(instruction.kind == Kind.RDMSR, exchange.registers[Place(level, RCX)] & 0xFFFF_FFFF == 0x10),
    )
    debug = is_one_of(instruction, Kind.DR7_READ, Kind.DR7_WRITE)
    return all_of(
        implies(all_of(carried_out, features & SevFeatures.SECURE_TSC != 0), none_of(time)),
        implies(all_of(carried_out, features & SevFeatures.DEBUG_VIRTUALIZATION != 0), none_of(debug)),
    )


@invariant("GHCB-I38", guarantor=GUEST, manual='APM Vol. 2, 15.36.10; GHCB (56421), "#VC Handler"')
def unvalidated_pages_end_the_guest(exchange: VcExchange, level: Level) -> bool:
    """After #VC 404h nothing is read, decoded or emulated."""
    call = exchange.calls[level]
    begun = all_of(is_live(exchange, level), call.stage >= Stage.ENTERED, call.stage < Stage.RESTORING)
    return implies(begun, call.exit_code != SvmExit.PAGE_NOT_VALIDATED)


@invariant("GHCB-I32", guarantor=GUEST, manual='GHCB (56421), "Termination Request"')
def nothing_follows_termination(before: VcExchange, after: VcExchange, outcome: Outcome) -> bool:
    """After it has terminated, the guest takes no step."""
    return implies(before.stopped, all_of(after.stopped, outcome.result != GuestAction.CONTINUES))


INVARIANTS = (
    effects_match_exit_codes,
    lengths_are_those_of_instructions,
    instructions_are_at_rip,
    instructions_are_fetched_once,
    unknown_codes_have_no_effect,
    exceptions_are_not_emulated,
    ports_are_permitted,
    privileges_are_kept,
    strings_stay_in_reach,
    own_registers_come_from_nobody,
    unvalidated_pages_end_the_guest,
    nothing_follows_termination,
)
