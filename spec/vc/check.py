"""From the fetched bytes to an instruction that the handler carries out: two steps, and nothing leaves the guest yet.

GHCB (56421), "#VC Handler".
"""

from spec.ghcb.msr_state import Moment
from spec.logic import all_of, none_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vc.admit import bad_device, believed, is_admitted, lacks_privilege, memory_faults, refused
from spec.vc.calls import ended, not_at, terminated, with_call
from spec.vc.cpuid import is_fatal
from spec.vc.instruction import Kind
from spec.vc.state import Stage, VcExchange, call_of
from spec.vocabulary import Actor, Event, Evidence, GuestAction

SOURCE = 'GHCB (56421), "#VC Handler"'


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def vc_admits(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Compare instruction and exit code, and check what the processor would have checked."""
    # 1. The instruction was fetched.
    if cause := not_at(exchange, Stage.FETCHED):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. The bytes are an instruction. Without rule S5 that is not looked at.
    call = call_of(exchange)
    instruction = believed(exchange)
    if instruction.kind == Kind.UNDECODABLE:
        return Outcome(Event.UD, "undecodable", ended(exchange), Evidence.MANUAL)
    if instruction.kind == Kind.TOO_LONG:
        return Outcome(Event.GP, "too-long", ended(exchange), Evidence.MANUAL)

    # 3. The exit code admits it (rule S5).
    if none_of(is_admitted(exchange)):
        return terminated(exchange, "opcode-mismatch")

    # 4. The interrupted code may execute it.
    if cause := lacks_privilege(exchange, instruction):
        return Outcome(Event.GP, cause, ended(exchange), Evidence.MANUAL)
    admitted = with_call(exchange, replace(call, stage=Stage.ADMITTED, instruction=instruction))
    return Outcome(GuestAction.CONTINUES, "admitted", admitted, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def vc_checks(exchange: VcExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Check that the handler carries the instruction out, and its operands."""
    # 1. The instruction was admitted.
    if cause := not_at(exchange, Stage.ADMITTED):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. Some it refuses by name.
    call = call_of(exchange)
    instruction = call.instruction
    if cause := refused(exchange, instruction):
        return terminated(exchange, cause)
    if all_of(instruction.kind == Kind.CPUID, is_fatal(exchange)):
        return terminated(exchange, "cpuid-leaf-missing")

    # 3. MMIO is where the guest has put it, and memory is the interrupted code's to use.
    if cause := bad_device(exchange, instruction):
        return terminated(exchange, cause)
    if memory_faults(exchange, instruction):
        return Outcome(Event.PF, "memory-operand", ended(exchange), Evidence.MANUAL)
    checked = with_call(exchange, replace(call, stage=Stage.CHECKED))
    return Outcome(GuestAction.CONTINUES, "checked", checked, Evidence.AGREED)


TRANSITIONS = (vc_admits, vc_checks)
