"""What a call does to the interrupted code: the effect of the instruction at RIP, or nothing.

Of a careful handler. The value that a device or the hypervisor gives is the hypervisor's to choose; where it goes, how
wide it is, and everything else, is not.
"""

from spec.ghcb.vocabulary.page import ValidBitmap
from spec.logic import all_of, any_of, iff, implies, ite, none_of
from spec.registry import Outcome, invariant
from spec.vc.admit import is_empty, mapping_of
from spec.vc.cpuid import asks_hypervisor, index_of
from spec.vc.instruction import (
    DR7,
    GENERAL,
    LOW_32,
    RAX,
    RBX,
    RCX,
    RDI,
    RDX,
    RIP,
    RSI,
    Extension,
    Instruction,
    Kind,
    Qword,
    is_one_of,
    is_string,
)
from spec.vc.levels import at, is_live
from spec.vc.receive import INFO1, INFO2
from spec.vc.request import BITMAP_HIGH, BITMAP_LOW
from spec.vc.state import Call, Level, Place, Stage, VcExchange
from spec.vocabulary import Address, Event, Guarantor, GuestAction, SevFeatures

GUEST = Guarantor.GUEST
HANDLER = 'GHCB (56421), "#VC Handler"'
COMPLETES = ("vc_completes",)
RUNS = ("vc_completes", "guest_runs")
BIT_RAX, BIT_RBX, BIT_RCX, BIT_RDX = 1 << 63, 1 << 99, 1 << 97, 1 << 98


def done(before: VcExchange) -> Call:
    """The call that a step of completion ends."""
    return before.calls[before.depth]


def names(instruction: Instruction, qword: Qword) -> bool:
    """Whether an instruction may write a register (APM Vol. 3, each instruction)."""
    kind, string = instruction.kind, is_string(instruction)
    four = all_of(kind == Kind.CPUID, any_of(qword == RAX, qword == RBX, qword == RCX, qword == RDX))
    two = is_one_of(instruction, Kind.RDTSC, Kind.RDTSCP, Kind.RDPMC, Kind.RDMSR)
    accumulator = all_of(any_of(kind == Kind.VMMCALL, all_of(kind == Kind.IN, none_of(string))), qword == RAX)
    pointers = all_of(string, any_of(qword == RSI, qword == RDI, qword == RCX))
    moves = is_one_of(instruction, Kind.IN, Kind.OUT, Kind.LOAD, Kind.STORE)
    loads = any_of(all_of(kind == Kind.LOAD, none_of(string)), kind == Kind.DR7_READ)
    target = any_of(*(all_of(instruction.destination == n, qword == place) for n, place in enumerate(GENERAL)))
    return any_of(
        qword == RIP,
        four,
        all_of(two, any_of(qword == RAX, qword == RDX)),
        all_of(kind == Kind.RDTSCP, qword == RCX),
        accumulator,
        all_of(moves, pointers),
        all_of(loads, target),
        all_of(kind == Kind.DR7_WRITE, qword == DR7),
    )


@invariant("GHCB-I36", guarantor=GUEST, manual=f"APM Vol. 3; {HANDLER}", by=COMPLETES)
def effects_are_those_of_the_instruction(before: VcExchange, after: VcExchange, level: Level, qword: Qword) -> bool:
    """Completion changes no register that the instruction does not write, and none of another level."""
    place = Place(level, qword)
    changed = after.registers[place] != before.registers[place]
    own = all_of(level == before.depth, names(done(before).instruction, qword))
    return implies(changed, own)


@invariant("GHCB-I36-ELSE", guarantor=GUEST, manual=HANDLER, unless=RUNS)
def nothing_else_has_effects(before: VcExchange, after: VcExchange, level: Level, qword: Qword) -> bool:
    """No other step of the handler, and nothing that the hypervisor does, changes a register of interrupted code."""
    place = Place(level, qword)
    return after.registers[place] == before.registers[place]


@invariant("GHCB-I36-BELOW", guarantor=GUEST, manual=HANDLER, by=("guest_runs",))
def running_code_changes_its_own_registers(before: VcExchange, after: VcExchange, level: Level, qword: Qword) -> bool:
    """What runs on top of a call leaves what the call has interrupted alone."""
    place = Place(level, qword)
    return implies(level <= before.depth, after.registers[place] == before.registers[place])


@invariant("GHCB-I36-MEMORY", guarantor=GUEST, manual=HANDLER)
def memory_is_written_by_strings_alone(before: VcExchange, after: VcExchange, outcome: Outcome, where: Address) -> bool:
    """Memory changes at the destination of INS, or of MOVS from MMIO, and that is mapped, and the user's at CPL 3."""
    instruction = done(before).instruction
    writes = all_of(is_string(instruction), is_one_of(instruction, Kind.IN, Kind.LOAD), where == instruction.memory)
    mapping = mapping_of(before, instruction.memory)
    allowed = all_of(mapping.present, implies(before.contexts[before.depth].cpl == 3, mapping.user))
    completed = all_of(outcome.result == GuestAction.CONTINUES, done(before).stage == Stage.BELIEVED)
    changed = after.memory[where] != before.memory[where]
    return implies(changed, all_of(completed, writes, allowed))


@invariant("GHCB-I8", guarantor=GUEST, manual=HANDLER, by=COMPLETES)
def rip_moves_by_the_length(before: VcExchange, after: VcExchange, outcome: Outcome) -> bool:
    """RIP is behind the instruction if it is done, and where it was if elements are left."""
    place = Place(before.depth, RIP)
    length = done(before).instruction.length
    ahead = after.registers[place] == (before.registers[place] + length) & ((1 << 64) - 1)
    kept = after.registers[place] == before.registers[place]
    return ite(completes_at(outcome), ahead, kept)


def completes_at(outcome: Outcome) -> bool:
    """The instruction is done. Elements left, and a step that was not taken, are not."""
    return all_of(outcome.result == GuestAction.CONTINUES, outcome.check != "one-element")


@invariant("GHCB-I37", guarantor=GUEST, manual="APM Vol. 1, 3.1.2", by=COMPLETES)
def results_have_their_widths(before: VcExchange, after: VcExchange, outcome: Outcome) -> bool:
    """Results of 32 bits clear the upper half; those of 8 and 16 bits keep what was above them."""
    instruction, level = done(before).instruction, before.depth
    rax, rdx = Place(level, RAX), Place(level, RDX)
    old, new = before.registers[rax], after.registers[rax]
    pairs = is_one_of(instruction, Kind.CPUID, Kind.RDTSC, Kind.RDTSCP, Kind.RDPMC, Kind.RDMSR)
    port = all_of(instruction.kind == Kind.IN, none_of(is_string(instruction)))
    right = all_of(
        implies(pairs, all_of(new >> 32 == 0, after.registers[rdx] >> 32 == 0)),
        implies(all_of(port, instruction.size == 1), new >> 8 == old >> 8),
        implies(all_of(port, instruction.size == 2), new >> 16 == old >> 16),
        implies(all_of(port, instruction.size == 4), new >> 32 == 0),
    )
    return implies(outcome.result == GuestAction.CONTINUES, right)


@invariant("GHCB-I4", guarantor=GUEST, manual=HANDLER, by=COMPLETES)
def loads_give_values_that_exist(before: VcExchange, after: VcExchange, outcome: Outcome) -> bool:
    """A sign-extending load of one byte gives a register whose upper bits all are its sign: the value is read once."""
    instruction = done(before).instruction
    signed = all_of(instruction.kind == Kind.LOAD, instruction.extension == Extension.SIGN, instruction.size == 1)
    whole = all_of(instruction.result_size == 8, none_of(is_string(instruction), instruction.high_byte))
    results = (after.registers[Place(before.depth, place)] for place in GENERAL)
    extended = (
        implies(instruction.destination == number, any_of(new >> 7 == 0, new >> 7 == (1 << 57) - 1))
        for number, new in enumerate(results)
    )
    return implies(all_of(outcome.result == GuestAction.CONTINUES, signed, whole), all_of(*extended))


@invariant("GHCB-I4-ONCE", guarantor=GUEST, manual=HANDLER, unless=("vc_reads",))
def replies_are_read_once(before: VcExchange, after: VcExchange, level: Level, qword: Qword) -> bool:
    """Nothing changes what was read of a reply."""
    place = Place(level, qword)
    return after.answers[place] == before.answers[place]


@invariant("GHCB-I3", guarantor=GUEST, manual=HANDLER, needs=("K-RDMSRVALID",))
def results_were_marked_valid(exchange: VcExchange, level: Level) -> bool:
    """No register of a reply is taken that the reply does not mark valid."""
    call, view = exchange.calls[level], at(exchange, level)
    low, high = (exchange.answers[Place(level, place)] for place in (BITMAP_LOW, BITMAP_HIGH))
    marked: ValidBitmap = high << 64 | low
    kind = call.instruction.kind
    asked = all_of(kind == Kind.CPUID, asks_hypervisor(view))
    two = is_one_of(call.instruction, Kind.RDTSC, Kind.RDTSCP, Kind.RDPMC, Kind.RDMSR)
    port = all_of(kind == Kind.IN, none_of(is_string(call.instruction)))
    right = all_of(
        implies(any_of(asked, two, port, kind == Kind.VMMCALL), marked & BIT_RAX != 0),
        implies(any_of(asked, two), marked & BIT_RDX != 0),
        implies(any_of(asked, kind == Kind.RDTSCP), marked & BIT_RCX != 0),
        implies(asked, marked & BIT_RBX != 0),
    )
    return implies(all_of(is_live(exchange, level), call.stage == Stage.BELIEVED), right)


@invariant("GHCB-I5", guarantor=GUEST, manual='GHCB (56421), "Exception Injection"', by=("vc_believes",))
def only_two_exceptions_are_accepted(before: VcExchange, outcome: Outcome) -> bool:
    """On the hypervisor's word the interrupted code gets #GP, or #UD without error code, and nothing else."""
    info2 = before.answers[Place(before.depth, INFO2)]
    formed = all_of(info2 >> 31 & 1 == 1, info2 >> 8 & 7 == 3, info2 >> 12 & 0x7FFFF == 0)
    vector, coded = info2 & 0xFF, info2 >> 11 & 1 == 1
    raised = none_of(
        outcome.result == GuestAction.CONTINUES,
        outcome.result == GuestAction.REFRAINS,
        outcome.result == GuestAction.TERMINATES,
    )
    return all_of(
        implies(raised, any_of(outcome.result == Event.GP, outcome.result == Event.UD)),
        implies(outcome.result == Event.GP, all_of(formed, vector == 13)),
        implies(outcome.result == Event.UD, all_of(formed, vector == 6, none_of(coded))),
    )


@invariant("GHCB-I6", guarantor=GUEST, manual='GHCB (56421), "VMGEXIT"', by=("vc_believes",))
def other_answers_end_the_guest(before: VcExchange, after: VcExchange, outcome: Outcome) -> bool:
    """After any SW_EXITINFO1 but 0 and 1 the guest terminates."""
    low = before.answers[Place(before.depth, INFO1)] & LOW_32
    judged = none_of(outcome.result == GuestAction.REFRAINS)
    return implies(all_of(judged, low > 1), after.stopped)


@invariant(
    "GHCB-I6-VALID", guarantor=GUEST, manual='GHCB (56421), "VMGEXIT"', needs=("K-INFOVALID",), by=("vc_believes",)
)
def answers_were_marked_valid(before: VcExchange, outcome: Outcome) -> bool:
    """An answer that is not marked valid is none."""
    marked = before.answers[Place(before.depth, BITMAP_HIGH)] >> INFO1 - 64 & 1 == 1
    silent = any_of(outcome.result == GuestAction.REFRAINS, outcome.result == GuestAction.TERMINATES)
    return any_of(silent, marked)


@invariant("GHCB-I29", guarantor=GUEST, manual='Firmware ABI (56860), "CPUID Reporting"', by=COMPLETES)
def cpuid_of_snp_guests_is_their_own(before: VcExchange, after: VcExchange, outcome: Outcome) -> bool:
    """With SNP the hypervisor decides no bit of CPUID but APIC identifiers and the APIC's being on."""
    instruction, index = done(before).instruction, index_of(before)
    entry = before.cpuid_page[index]
    snp = before.sev_features & SevFeatures.SNP_ACTIVE != 0
    eax, ebx, edx = (after.registers[Place(before.depth, place)] for place in (RAX, RBX, RDX))
    leaf = index.leaf
    processor = leaf == 0x8000_001E
    own = all_of(
        implies(none_of(processor), eax == entry.eax),
        implies(none_of(processor, leaf == 1), ebx == entry.ebx),
        implies(leaf == 1, ebx & 0xFF_FFFF == entry.ebx & 0xFF_FFFF),
        implies(none_of(leaf == 1, leaf == 0xB), edx == entry.edx),
        implies(leaf == 1, iff(edx & 1 == 1, entry.edx & 1 == 1)),
    )
    answered = all_of(outcome.result == GuestAction.CONTINUES, instruction.kind == Kind.CPUID, snp, entry.present)
    return implies(all_of(answered, none_of(is_empty(before, instruction))), own)


INVARIANTS = (
    effects_are_those_of_the_instruction,
    nothing_else_has_effects,
    running_code_changes_its_own_registers,
    memory_is_written_by_strings_alone,
    rip_moves_by_the_length,
    results_have_their_widths,
    loads_give_values_that_exist,
    replies_are_read_once,
    results_were_marked_valid,
    only_two_exceptions_are_accepted,
    other_answers_end_the_guest,
    answers_were_marked_valid,
    cpuid_of_snp_guests_is_their_own,
)
