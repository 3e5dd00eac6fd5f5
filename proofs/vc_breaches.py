"""What each rule of a careful #VC handler is for (S5 to S9, S15, S22)."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from proofs.breaches import Breach
from proofs.search import Move
from proofs.templates import nothing
from spec.ghcb.msr_state import Moment
from spec.ghcb.vocabulary.exits import SvmExit
from spec.record import replace
from spec.registry import transition_info
from spec.vc import admission_invariants as admission
from spec.vc import disclosure_invariants as disclosure
from spec.vc import effect_invariants as effects
from spec.vc import nesting_invariants as nesting
from spec.vc import reply_invariants as replies
from spec.vc.instruction import RAX, RBX, RCX, Extension, Instruction, Kind
from spec.vc.raised import (
    NewCode,
    PageWrite,
    RaisedVc,
    hypervisor_raises_vc,
    hypervisor_writes_page,
    thread_rewrites_code,
)
from spec.vc.receive import INFO1, INFO2
from spec.vc.request import BITMAP_HIGH, DATA
from spec.vc.state import (
    CAREFUL_HANDLER,
    CpuidEntry,
    CpuidIndex,
    HandlerRules,
    Mapping,
    SavedRegister,
    Stage,
    VcExchange,
)
from spec.vc.transitions import TRANSITIONS
from spec.vocabulary import Actor, SevFeatures

SECRET = 0x5EC2E7
"""A register's value that the hypervisor must not learn."""
FORGED = 0xBAD
PORT, OTHER_PORT = 0x60, 0x80
DEVICE, PRIVATE = 0x1000, 0x2000
HANDLER_STEPS: tuple[Callable[..., Any], ...] = tuple(
    t for t in TRANSITIONS if transition_info(t).actor is Actor.CAREFUL_GUEST
)


def code(kind: Kind, **parts: Any) -> Instruction:
    """An instruction of two bytes that can be fetched."""
    plain: Instruction = nothing(Instruction)
    usual = replace(plain, kind=int(kind), readable=True, length=2, size=4, address_size=8)
    return replace(usual, **parts)


def beginning(rules: HandlerRules, instruction: Instruction, cpl: int = 0, **parts: Any) -> VcExchange:
    """Code that runs, at an instruction; one port is allowed to it, one page is shared and one is private."""
    exchange: VcExchange = nothing(VcExchange)
    context = replace(exchange.contexts[1], code=instruction, cpl=cpl)
    shared = Mapping(present=True, shared=True, user=True, frame=DEVICE >> 12)
    private = replace(shared, shared=False, frame=PRIVATE >> 12)
    mappings = exchange.mappings.set(DEVICE >> 12, shared).set(PRIVATE >> 12, private)
    ports = exchange.ports
    for byte in range(4):
        ports = ports.set(PORT + byte, True)
    registers = exchange.registers.set(SavedRegister(1, RAX), SECRET).set(SavedRegister(1, RBX), SECRET)
    return replace(
        exchange,
        rules=rules,
        version=2,
        frame=0x77,
        contexts=exchange.contexts.set(1, context),
        mappings=mappings,
        ports=ports,
        registers=registers,
        **parts,
    )


def at_stage(exchange: VcExchange, stage: Stage, **parts: Any) -> VcExchange:
    """The same, in a call that has come to a stage."""
    call = replace(exchange.calls[1], stage=int(stage), instruction=exchange.contexts[1].code, **parts)
    return replace(exchange, depth=1, calls=exchange.calls.set(1, call))


def always(take: Callable[[Any, Any], Any], op: Any) -> Move[Any]:
    """A step that may be taken at any time."""
    return Move(take, lambda _: op)


def handler_moves() -> Iterator[Move[Any]]:
    """Every step of the handler."""
    return (always(step, Moment()) for step in HANDLER_STEPS)


def raising(*codes: int) -> list[Move[Any]]:
    """#VC with these codes, and the handler."""
    raises = (always(hypervisor_raises_vc, RaisedVc(exit_code, reserved=True)) for exit_code in codes)
    return [*raises, *handler_moves()]


def writing(*writes: tuple[int, int]) -> list[Move[Any]]:
    """The hypervisor writes the page, and the handler."""
    return [*(always(hypervisor_writes_page, PageWrite(*write)) for write in writes), *handler_moves()]


def rewriting(exit_code: int, instruction: Instruction) -> list[Move[Any]]:
    """#VC, another thread that puts another instruction there, and the handler."""
    return [always(thread_rewrites_code, NewCode(instruction)), *raising(exit_code)]


LEVELS = {"level": (1, 2)}
PLACES = LEVELS | {"qword": (RAX, RBX, RCX)}
RUNS = "the guest's kernel runs"
ON_MOV = "the guest's kernel is at MOV RBX, RAX, which raises no #VC"
OTHER = code(Kind.OTHER)
ON_LOAD = code(Kind.LOAD, device=DEVICE, destination=3, size=1, extension=int(Extension.SIGN), result_size=8)


def with_answer(exchange: VcExchange, info1: int, info2: int) -> VcExchange:
    """A reply that marks its answer valid was read."""
    answers = exchange.answers.set(SavedRegister(1, INFO1), info1).set(SavedRegister(1, INFO2), info2)
    bits = 1 << INFO1 - 64 | 1 << INFO2 - 64
    return replace(exchange, answers=answers.set(SavedRegister(1, BITMAP_HIGH), bits))


def nested(rules: HandlerRules) -> VcExchange:
    """A call that waits for its reply, and a second one that has its request ready."""
    outer = at_stage(beginning(rules, code(Kind.CPUID)), Stage.LEFT)
    inner = replace(outer.calls[1], stage=int(Stage.ASKING))
    ghost = replace(outer.ghost, sent_by=1)
    return replace(outer, depth=2, calls=outer.calls.set(2, inner), ghost=ghost)


def stale(rules: HandlerRules) -> VcExchange:
    """A call for WBINVD that has come to RAX in the page, where an earlier call has stored the register."""
    filling = at_stage(beginning(rules, code(Kind.WBINVD)), Stage.FILLING, cursor=RAX)
    ghost = replace(filling.ghost, stored=filling.ghost.stored.set(SavedRegister(1, RAX), SECRET))
    return replace(filling, ghost=ghost, page=filling.page.set(RAX, SECRET))


def with_cpuid_page(rules: HandlerRules) -> VcExchange:
    """An SNP guest at CPUID; the hypervisor's answer was read."""
    snp = beginning(rules, code(Kind.CPUID), sev_features=int(SevFeatures.SNP_ACTIVE))
    registers = snp.registers.set(SavedRegister(1, RAX), 0x8000_001F)
    index, entry = CpuidIndex(0x8000_001F, 0), CpuidEntry(True, True, eax=2, ebx=0x33, ecx=0, edx=0)
    known = replace(snp, registers=registers, cpuid_page=snp.cpuid_page.set(index, entry))
    return at_stage(known, Stage.BELIEVED)


def without(**rules: bool) -> HandlerRules:
    """A handler that lacks these rules."""
    return replace(CAREFUL_HANDLER, **rules)


def admitting() -> Iterator[Breach]:
    """Rules about the instruction."""
    wesee = partial(beginning, without(checks_opcode=False), OTHER)
    yield Breach(
        "S5",
        "A18 (WeSee): #VC is injected at an instruction that raises none, and is carried out as WRMSR",
        admission.instructions_are_at_rip,
        wesee,
        partial(raising, SvmExit.MSR),
        ON_MOV,
        LEVELS,
    )
    user = code(Kind.OUT, port=PORT)
    yield Breach(
        "S6",
        "B09: another thread puts OUT to a forbidden port in place of an allowed one",
        admission.ports_are_permitted,
        partial(beginning, without(distrusts_users=False), user, cpl=3),
        partial(rewriting, SvmExit.IOIO, code(Kind.OUT, port=OTHER_PORT)),
        "user code is at OUT to a port that it may use",
        LEVELS | {"number": (PORT, OTHER_PORT)},
    )
    yield Breach(
        "S6",
        "B09: user code has the kernel store to MMIO",
        admission.privileges_are_kept,
        partial(beginning, without(distrusts_users=False), code(Kind.STORE, device=DEVICE), cpl=3),
        partial(raising, SvmExit.NPF),
        "user code is at a store",
        LEVELS,
    )
    yield Breach(
        "S7",
        "B10: a private page is marked as MMIO, and what is stored there leaves the guest",
        disclosure.devices_are_on_shared_pages,
        partial(beginning, without(shared_mmio_only=False), code(Kind.STORE, device=PRIVATE, source=3)),
        partial(raising, SvmExit.NPF),
        "the guest's kernel is at a store of a secret to a private page",
        LEVELS,
    )
    yield Breach(
        "S15",
        "B28: an intercepted RDTSC gives the hypervisor's time, although the guest has a time of its own",
        admission.own_registers_come_from_nobody,
        partial(beginning, without(limits_registers=False), code(Kind.RDTSC), sev_features=int(SevFeatures.SECURE_TSC)),
        partial(raising, SvmExit.RDTSC),
        "a guest with a secure TSC is at RDTSC",
        LEVELS,
    )
    yield Breach(
        "S22",
        "B16: a page is taken away, and the access is emulated",
        admission.unvalidated_pages_end_the_guest,
        partial(beginning, without(stops_on_unvalidated=False), code(Kind.LOAD, device=PRIVATE)),
        partial(raising, SvmExit.PAGE_NOT_VALIDATED),
        "the guest's kernel is at a load from a page that should be valid",
        LEVELS,
    )


def nesting_and_stacks() -> Iterator[Breach]:
    """Rules about where #VC comes."""
    unsafe = beginning(without(safe_stack=False), OTHER)
    gap = replace(unsafe, contexts=unsafe.contexts.set(1, replace(unsafe.contexts[1], users_stack=True)))
    yield Breach(
        "S8",
        "B11: #VC between SYSCALL and the kernel's stack",
        nesting.frames_are_on_safe_stacks,
        lambda: gap,
        partial(raising, SvmExit.NPF),
        "SYSCALL was executed, and RSP is still the user's",
    )
    yield Breach(
        "S8",
        "B12: a second #VC before the handler has left its stack",
        nesting.frames_are_on_safe_stacks,
        partial(beginning, without(shifts_stack=False), OTHER),
        partial(raising, SvmExit.NPF),
        RUNS,
    )
    yield Breach(
        "S9",
        "B12: a nested call takes the page from a call that waits for its reply",
        nesting.nested_calls_copy_first,
        partial(nested, without(keeps_backup=False)),
        partial(raising),
        "a call waits for the reply to CPUID; another one has its request ready",
    )


def receiving() -> Iterator[Breach]:
    """Rules about the page and the reply."""
    yield Breach(
        "S9",
        "a register of an earlier request is still in the page when another request leaves",
        disclosure.nothing_else_is_in_the_page,
        partial(stale, without(exports_minimum=False)),
        partial(raising),
        "the page still has RAX from an earlier call, and is being filled for WBINVD",
        PLACES,
    )
    yield Breach(
        "S9",
        "B15: the reply to RDMSR marks no result valid",
        replies.results_were_marked_valid,
        lambda: at_stage(with_answer(beginning(without(honours_bitmap=False), code(Kind.RDMSR)), 0, 0), Stage.READ),
        partial(raising),
        "the reply to RDMSR was read; only its answer is marked valid",
        LEVELS,
    )
    yield Breach(
        "S9",
        "B34: the value of a sign-extending load changes between its sign and itself",
        effects.loads_give_values_that_exist,
        lambda: at_stage(beginning(without(reads_once=False), ON_LOAD), Stage.BELIEVED),
        partial(writing, (DATA, 0x80)),
        "the reply to MOVSX from MMIO was read and is 0",
    )
    yield Breach(
        "GHCB-I10",
        "B09: the instruction is read again after it was checked",
        effects.effects_are_those_of_the_instruction,
        lambda: at_stage(beginning(without(fetches_once=False), code(Kind.WBINVD), cpl=3), Stage.BELIEVED),
        partial(rewriting, SvmExit.WBINVD, replace(ON_LOAD, destination=3, size=8)),
        "the reply to WBINVD was read and believed",
        LEVELS | {"qword": (RAX, RBX, RCX)},
    )
    yield Breach(
        "GHCB-I5",
        "the hypervisor asks for the exception of its choice",
        replies.only_two_exceptions_are_accepted,
        lambda: at_stage(
            with_answer(beginning(without(limits_exceptions=False), code(Kind.RDMSR)), 1, 0x8000_0380), Stage.READ
        ),
        partial(raising),
        "the reply to RDMSR asks for vector 80h",
    )
    yield Breach(
        "S13",
        "B14: CPUID of an SNP guest is what the hypervisor says",
        effects.cpuid_of_snp_guests_is_their_own,
        partial(with_cpuid_page, without(limits_registers=False)),
        partial(raising),
        "the hypervisor has denied memory encryption: CPUID Fn8000_001F EAX is 0 in its reply",
    )


VC_BREACHES = (*admitting(), *nesting_and_stacks(), *receiving())
