"""The other side of the GHCB MSR: a hypervisor that may write anything, and a host that answers as the protocol says.

GHCB (56421), "GHCB MSR Protocol". The host reads the value once, when the guest leaves, and answers in its place.
"""

from typing import Annotated

from spec.ghcb.msr_codes import is_offered, is_well_formed
from spec.ghcb.msr_state import MsrExchange, MsrHost, MsrStage, data_of, info_of, message
from spec.ghcb.vocabulary.msr import (
    CPUID_REGISTER_SHIFT,
    CPUID_VALUE_SHIFT,
    NO_FRAME,
    PAGE_STATE_ERROR_SHIFT,
    RUN_VMPL_ERROR_SHIFT,
    SEV_INFO_C_BIT_SHIFT,
    SEV_INFO_MAX_SHIFT,
    SEV_INFO_MIN_SHIFT,
    MsrCode,
    MsrValue,
)
from spec.logic import all_of, any_of, as_bit, ite, none_of, select
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Bits, Event, Evidence, HostAction

SOURCE = 'GHCB (56421), "GHCB MSR Protocol"'


@record
class AnyValue:
    """A value of the hypervisor's choice."""

    value: MsrValue


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def hypervisor_writes_msr(exchange: MsrExchange, op: AnyValue) -> Outcome:
    """Change what the guest will read from the GHCB MSR; it can force an exit and do so at any moment."""
    return Outcome(Event.COMPLETES, "written", replace(exchange, msr=op.value), Evidence.MANUAL)


@record
class HostChoice:
    """What a careful host knows besides the request: registers of CPUID, and whether it could do what was asked."""

    eax: Annotated[int, Bits(32)]
    ebx: Annotated[int, Bits(32)]
    ecx: Annotated[int, Bits(32)]
    edx: Annotated[int, Bits(32)]
    woken: bool
    """A SIPI came for the parked processor."""
    done: bool
    """The page was registered, its state was changed, or the VMPL ran."""


def sev_info(host: MsrHost) -> MsrValue:
    """001h: also what the MSR holds after a reset of the virtual processor."""
    versions = host.max_version << SEV_INFO_MAX_SHIFT | host.min_version << SEV_INFO_MIN_SHIFT
    return versions | host.c_bit << SEV_INFO_C_BIT_SHIFT | MsrCode.SEV_INFO_RESPONSE


def cpuid_answer(request: MsrValue, op: HostChoice) -> MsrValue:
    """005h: the register that was asked for, and its number again."""
    register = request >> CPUID_REGISTER_SHIFT & 3
    value = select(register, (op.eax, op.ebx, op.ecx, op.edx))
    return value << CPUID_VALUE_SHIFT | register << CPUID_REGISTER_SHIFT | MsrCode.CPUID_RESPONSE


def answer(exchange: MsrExchange, op: HostChoice) -> MsrValue:
    """The response to a request of the protocol."""
    host, request = exchange.host, exchange.msr
    info, data = info_of(request), data_of(request)
    frame = ite(op.done, data, NO_FRAME)
    failed = as_bit(none_of(op.done))
    found = sev_info(host)
    for code, response in (
        (MsrCode.CPUID_REQUEST, cpuid_answer(request, op)),
        (MsrCode.AP_RESET_HOLD_REQUEST, message(MsrCode.AP_RESET_HOLD_RESPONSE, as_bit(op.woken))),
        (MsrCode.PREFERRED_GPA_REQUEST, message(MsrCode.PREFERRED_GPA_RESPONSE, NO_FRAME)),
        (MsrCode.REGISTER_GPA_REQUEST, message(MsrCode.REGISTER_GPA_RESPONSE, frame)),
        (MsrCode.PAGE_STATE_REQUEST, failed << PAGE_STATE_ERROR_SHIFT | MsrCode.PAGE_STATE_RESPONSE),
        (MsrCode.RUN_VMPL_REQUEST, failed << RUN_VMPL_ERROR_SHIFT | MsrCode.RUN_VMPL_RESPONSE),
        (MsrCode.UNREGISTER_GPA_REQUEST, message(MsrCode.UNREGISTER_GPA_RESPONSE, frame)),
        (MsrCode.HV_FEATURES_REQUEST, message(MsrCode.HV_FEATURES_RESPONSE, host.features & NO_FRAME)),
    ):
        found = ite(info == code, response, found)
    return found


@transition(actor=Actor.CAREFUL_HOST, manual=SOURCE)
def host_answers_msr(exchange: MsrExchange, op: HostChoice) -> Outcome:
    """Serve one VMGEXIT whose MSR value is a message."""
    # 1. The guest has left.
    if exchange.stage != MsrStage.LEFT:
        return Outcome(HostAction.WAITS, "not-left", exchange, Evidence.MANUAL)

    # 2. A request to be terminated ends the guest.
    host, request = exchange.host, exchange.msr
    info, data = info_of(request), data_of(request)
    if info == MsrCode.TERMINATE:
        return Outcome(HostAction.KILLS, "termination", exchange, Evidence.AGREED)

    # 3. What belongs to SNP ends another guest, unless the host offers it.
    if none_of(is_offered(info, host.max_version, host.features, exchange.guest.snp)):
        return Outcome(HostAction.KILLS, "not-offered", exchange, Evidence.AGREED)

    # 4. An unknown request is left as it is: the guest sees that its code has not changed. For a page state there is
    #    an error.
    unregister = all_of(info == MsrCode.UNREGISTER_GPA_REQUEST, none_of(exchange.platform.knobs.ghcb_unregister))
    if any_of(none_of(is_well_formed(request)), unregister):
        refusal = 1 << 63 | MsrCode.PAGE_STATE_RESPONSE
        value = ite(info == MsrCode.PAGE_STATE_REQUEST, refusal, request)
        return Outcome(HostAction.REFUSES, "well-formed", replace(exchange, msr=value), Evidence.AGREED)

    # 5. A page is registered for one virtual processor and VMPL; another registration replaces it.
    registers = all_of(info == MsrCode.REGISTER_GPA_REQUEST, op.done)
    leaves = all_of(info == MsrCode.UNREGISTER_GPA_REQUEST, op.done)
    noted = replace(
        host,
        frame=ite(registers, data, host.frame),
        registered=any_of(registers, all_of(host.registered, none_of(leaves))),
    )
    served = replace(exchange, msr=answer(exchange, op), host=noted)
    return Outcome(HostAction.SERVES, "answered", served, Evidence.AGREED)


TRANSITIONS = (hypervisor_writes_msr, host_answers_msr)
"""Both are the hypervisor's; a guest must be safe from the first, and can work with the second."""
