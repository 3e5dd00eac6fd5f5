"""What the guest makes of a response over the GHCB MSR: one step a response. Its value is the hypervisor's: anything.

GHCB (56421), "GHCB MSR Protocol". RDMSR is read once; an unknown or refused request comes back as it was sent.
"""

from spec.ghcb.msr_codes import cpuid_register, response_to, zero_in_response
from spec.ghcb.msr_state import Moment, MsrExchange, MsrStage, data_of, info_of
from spec.ghcb.vocabulary.msr import (
    CPUID_VALUE_SHIFT,
    PAGE_STATE_ERROR_SHIFT,
    RUN_VMPL_ERROR_SHIFT,
    CpuidRegister,
    MsrCode,
    MsrInfo,
)
from spec.logic import all_of, first_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Evidence, GuestAction

SEV_LEAF, HIGHEST_EXTENDED_LEAF = 0x8000_001F, 0x8000_0000
SEV_ENABLED = 1 << 1
"""CPUID Fn8000_001F EAX[1] (APM Vol. 3, Appendix E)."""


def not_asked(exchange: MsrExchange, request: MsrInfo) -> str | None:
    """Why no answer to this request is waited for, or None."""
    return first_of(
        ("stopped", exchange.guest.stopped),
        ("not-left", exchange.stage != MsrStage.LEFT),
        ("another-request", info_of(exchange.request) != request),
    )


def no_answer(exchange: MsrExchange) -> str | None:
    """Why what RDMSR gives is no answer to the request, or None."""
    asked, value = info_of(exchange.request), exchange.msr
    strict = exchange.platform.knobs.ghcb_msr_reserved_zero
    return first_of(
        ("answers-the-request", info_of(value) != response_to(asked)),
        ("reserved-bits", all_of(strict, data_of(value) & zero_in_response(asked) != 0)),
    )


def stopped(exchange: MsrExchange, check: str) -> Outcome:
    """The guest believes nothing and terminates."""
    after = replace(exchange, guest=replace(exchange.guest, stopped=True))
    return Outcome(GuestAction.TERMINATES, check, after, Evidence.AGREED)


def accepted(exchange: MsrExchange) -> MsrExchange:
    """The answer is believed as far as it goes."""
    return replace(exchange, stage=MsrStage.ANSWERED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB MSR Protocol", CPUID')
def on_cpuid_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """One register of one leaf: before there is a page, and never for an SNP guest, which has its CPUID page (S13)."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.CPUID_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)

    # 3. It is about the register that was asked for; some guests do not look.
    request, value = exchange.request, exchange.msr
    if all_of(exchange.platform.knobs.ghcb_cpuid_echo, cpuid_register(value) != cpuid_register(request)):
        return stopped(exchange, "same-register")

    # 4. The hypervisor does not deny that memory is encrypted: such a guest would send its secrets in the clear.
    leaf, result = request >> CPUID_VALUE_SHIFT, value >> CPUID_VALUE_SHIFT
    eax = cpuid_register(request) == CpuidRegister.EAX
    if cause := first_of(
        ("encryption-leaf-denied", all_of(eax, leaf == HIGHEST_EXTENDED_LEAF, result < SEV_LEAF)),
        ("encryption-denied", all_of(eax, leaf == SEV_LEAF, result & SEV_ENABLED == 0)),
    ):
        return stopped(exchange, cause)
    return Outcome(GuestAction.CONTINUES, "register-known", accepted(exchange), Evidence.AGREED, result)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "AP Reset Hold"')
def on_ap_reset_hold_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """A parked processor was resumed."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.AP_RESET_HOLD_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)

    # 3. Not by a SIPI: it asks again.
    if data_of(exchange.msr) == 0:
        return Outcome(GuestAction.CONTINUES, "woken-without-sipi", accepted(exchange), Evidence.AGREED, False)
    return Outcome(GuestAction.CONTINUES, "woken-by-sipi", accepted(exchange), Evidence.AGREED, True)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "SNP Page State Change", MSR protocol')
def on_page_state_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """The state of one 4 KiB page was changed; whether that is true shows when the page is validated or used."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.PAGE_STATE_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)

    # 3. An error leaves the page in its old state.
    if exchange.msr >> PAGE_STATE_ERROR_SHIFT != 0:
        return stopped(exchange, "page-state-error")
    return Outcome(GuestAction.CONTINUES, "page-state-changed", accepted(exchange), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "SNP Run VMPL", MSR protocol')
def on_run_vmpl_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """The other VMPL has run, and has given control back."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.RUN_VMPL_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)

    # 3. It did not run. The caller decides what to do; nothing has changed.
    if exchange.msr >> RUN_VMPL_ERROR_SHIFT != 0:
        return Outcome(GuestAction.CONTINUES, "vmpl-did-not-run", accepted(exchange), Evidence.AGREED, False)
    return Outcome(GuestAction.CONTINUES, "vmpl-ran", accepted(exchange), Evidence.AGREED, True)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "Hypervisor Feature Support", MSR protocol')
def on_hv_features_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """What the hypervisor offers."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.HV_FEATURES_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)

    # 3. An SNP guest cannot do without the first bit.
    features = data_of(exchange.msr)
    if all_of(exchange.guest.snp, features & 1 == 0):
        return stopped(exchange, "snp-features")
    guest = replace(exchange.guest, features=features, features_known=True)
    return Outcome(GuestAction.CONTINUES, "features-known", replace(accepted(exchange), guest=guest), Evidence.AGREED)


TRANSITIONS = (
    on_cpuid_response,
    on_ap_reset_hold_response,
    on_page_state_response,
    on_run_vmpl_response,
    on_hv_features_response,
)
