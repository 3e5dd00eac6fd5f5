"""What happens to the handler from outside: #VC at any moment, writes into the page, other threads, code that runs on.

APM Vol. 2, 15.35.5 and 15.36.16. Without restricted or alternate injection the hypervisor may inject vector 29 with any
error code wherever it likes; with them, #VC comes only from an instruction that it intercepts.
"""

from spec.ghcb.events import Request
from spec.ghcb.vocabulary.exits import ExitCode, SvmExit
from spec.logic import all_of, any_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vc.exits import NO_EXIT, exit_code_of
from spec.vc.instruction import Instruction, Qword, Word
from spec.vc.state import DEEPEST, Call, Context, Place, Stage, VcExchange, context_of
from spec.vocabulary import Actor, Event, Evidence, GuestAction, Limit, SevFeatures

PROTECTED = SevFeatures.RESTRICTED_INJECTION | SevFeatures.ALTERNATE_INJECTION


@record
class RaisedVc:
    """The error code that the handler is given."""

    exit_code: ExitCode


def fresh(exit_code: ExitCode, code: Instruction) -> Call:
    """A call that has not begun. What is not known yet is arbitrary: here, what stands at RIP."""
    return Call(
        stage=Stage.RAISED,
        exit_code=exit_code,
        instruction=code,
        request=Request(code=0, info1=0, info2=0, rax=0, rcx=0),
        inputs=0,
        data=0,
        cursor=0,
        saved=False,
    )


def is_genuine(exchange: VcExchange, exit_code: ExitCode) -> bool:
    """Whether the instruction at RIP can raise this #VC: by its own exit code, or by what it accesses."""
    own = exit_code_of(exchange.contexts[exchange.depth + 1].code)
    of_access = any_of(exit_code == SvmExit.NPF, exit_code == SvmExit.PAGE_NOT_VALIDATED)
    return any_of(of_access, all_of(exit_code == own, own != NO_EXIT))


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.35.5 and 15.36.16")
def hypervisor_raises_vc(exchange: VcExchange, op: RaisedVc) -> Outcome:
    """#VC at the instruction that runs now: of the guest's code, or of what has interrupted the handler."""
    # 1. The guest has not terminated.
    if exchange.stopped:
        return Outcome(Limit.NOT_MODELLED, "stopped", exchange, Evidence.INFERRED)

    # 2. With Reflect #VC it becomes an exit, which the paravisor handles.
    if exchange.sev_features & SevFeatures.REFLECT_VC != 0:
        return Outcome(Event.VMEXIT, "reflected", exchange, Evidence.MANUAL)

    # 3. There is no room for a third call: the handler notices on entry, and touches nothing.
    if exchange.depth >= DEEPEST:
        return Outcome(GuestAction.TERMINATES, "nesting-bound", replace(exchange, stopped=True), Evidence.AGREED)

    # 4. VMRUN refuses the injection, or does not look at it.
    protected = exchange.sev_features & PROTECTED != 0
    if all_of(protected, none_of(is_genuine(exchange, op.exit_code))):
        return Outcome(Event.VMEXIT_INVALID, "injection-restricted", exchange, Evidence.MANUAL)

    # 5. The processor pushes the frame, to the stack of its own that #VC has (rule S8).
    level = exchange.depth + 1
    running = exchange.contexts[level]
    on_stack = all_of(exchange.depth != 0, exchange.calls[exchange.depth].stage == Stage.RAISED)
    lost = all_of(on_stack, none_of(exchange.rules.shifts_stack))
    misplaced = all_of(running.users_stack, none_of(exchange.rules.safe_stack))
    ghost = replace(
        exchange.ghost,
        frame_on_users_stack=any_of(exchange.ghost.frame_on_users_stack, misplaced),
        frame_lost=any_of(exchange.ghost.frame_lost, lost),
    )
    calls = exchange.calls.set(level, fresh(op.exit_code, running.code))
    raised = replace(exchange, depth=level, calls=calls, ghost=ghost)
    return Outcome(Event.VC, "raised", raised, Evidence.MANUAL)


@record
class PageWrite:
    """Eight bytes of the page."""

    qword: Qword
    value: Word


@transition(actor=Actor.HYPERVISOR, manual='GHCB (56421), "GHCB Layout"')
def hypervisor_writes_page(exchange: VcExchange, op: PageWrite) -> Outcome:
    """The page is shared: anything, at any moment, between any two accesses of the guest."""
    page = exchange.page.set(op.qword, op.value)
    return Outcome(Event.COMPLETES, "written", replace(exchange, page=page), Evidence.MANUAL)


@record
class NewCode:
    """What other bytes mean."""

    code: Instruction


@transition(actor=Actor.GUEST, manual="APM Vol. 2, 15.35.5")
def thread_rewrites_code(exchange: VcExchange, op: NewCode) -> Outcome:
    """Another thread changes the instruction at RIP of user code while its #VC is being handled."""
    # 1. A call is under way, of code at CPL 3; the kernel does not change its own code.
    context = context_of(exchange)
    if any_of(exchange.depth == 0, context.cpl != 3):
        return Outcome(Limit.NOT_MODELLED, "no-user-code", exchange, Evidence.AGREED)
    contexts = exchange.contexts.set(exchange.depth, replace(context, code=op.code))
    return Outcome(Event.COMPLETES, "rewritten", replace(exchange, contexts=contexts), Evidence.AGREED)


@record
class GuestRun:
    """What code that runs has done: one register changed, and it is somewhere else."""

    qword: Qword
    value: Word
    context: Context


@transition(actor=Actor.GUEST, manual="APM Vol. 2, 15.35.5")
def guest_runs(exchange: VcExchange, op: GuestRun) -> Outcome:
    """Code that no #VC has interrupted runs: the guest's own, or an interrupt handler on top of a call."""
    # 1. There is no room above the second call; after termination nothing runs.
    if any_of(exchange.stopped, exchange.depth >= DEEPEST):
        return Outcome(Limit.NOT_MODELLED, "nothing-runs", exchange, Evidence.INFERRED)
    level = exchange.depth + 1
    registers = exchange.registers.set(Place(level, op.qword), op.value)
    contexts = exchange.contexts.set(level, op.context)
    return Outcome(Event.COMPLETES, "ran", replace(exchange, registers=registers, contexts=contexts), Evidence.MANUAL)


TRANSITIONS = (hypervisor_raises_vc, hypervisor_writes_page, thread_rewrites_code, guest_runs)
