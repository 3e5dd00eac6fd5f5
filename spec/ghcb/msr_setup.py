"""How a guest comes to have a version and a registered page: SEV information, preferred address, registration.

GHCB (56421), "Version Negotiation", "GHCB GPA Registration". An SNP guest uses no page before it is registered.
"""

from spec.ghcb.msr_answers import accepted, no_answer, not_asked, stopped
from spec.ghcb.msr_state import Moment, MsrExchange, MsrStage, data_of, page_address
from spec.ghcb.vocabulary.msr import (
    SEV_INFO_C_BIT_SHIFT,
    SEV_INFO_MAX_SHIFT,
    SEV_INFO_MIN_SHIFT,
    MsrCode,
)
from spec.ghcb.vocabulary.page import GhcbFrame
from spec.logic import all_of, any_of, first_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Evidence, GuestAction

SNP_VERSION = 2
"""SNP needs this version of the protocol, or a later one."""
HIGH_C_BIT, LOW_C_BIT = 63, 32
"""Where a C-bit may be: a bit of a page-table entry above [31:0]."""


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "Version Negotiation"')
def on_sev_info_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """The hypervisor's range of versions: the highest common one is used from now on."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.SEV_INFO_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)

    # 3. There is a common version, and SNP has it.
    guest, value = exchange.guest, exchange.msr
    lowest, highest = value >> SEV_INFO_MIN_SHIFT & 0xFFFF, value >> SEV_INFO_MAX_SHIFT
    version = ite(highest < guest.max_version, highest, guest.max_version)
    floor = ite(guest.snp, SNP_VERSION, 1)
    if any_of(version < guest.min_version, version < lowest, version < floor):
        return stopped(exchange, "version-range")

    # 4. The C-bit is where one can be. That it is the real one is for CPUID and memory itself to show (rule S14).
    c_bit = value >> SEV_INFO_C_BIT_SHIFT & 0xFF
    if any_of(c_bit < LOW_C_BIT, c_bit > HIGH_C_BIT):
        return stopped(exchange, "c-bit-position")
    known = replace(guest, version=version, hv_min_version=lowest, hv_max_version=highest, c_bit=c_bit)
    return Outcome(GuestAction.CONTINUES, "version-agreed", replace(accepted(exchange), guest=known), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "Preferred GHCB GPA"')
def on_preferred_gpa_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """An address that the hypervisor would like. A careful guest uses a page of its own choice, and ignores it."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.PREFERRED_GPA_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)
    return Outcome(GuestAction.CONTINUES, "preference-ignored", accepted(exchange), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB GPA Registration"')
def on_register_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """The page is registered, or refused."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.REGISTER_GPA_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)

    # 3. It names the guest's page; all ones is a refusal.
    if data_of(exchange.msr) != exchange.guest.frame:
        return stopped(exchange, "same-frame")
    guest = replace(exchange.guest, registered=True)
    return Outcome(GuestAction.CONTINUES, "registered", replace(accepted(exchange), guest=guest), Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB GPA Registration"')
def on_unregister_response(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """The page is free for other uses."""
    # 1. It was asked for.
    if cause := not_asked(exchange, MsrCode.UNREGISTER_GPA_REQUEST):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.INFERRED)

    # 2. It is an answer.
    if cause := no_answer(exchange):
        return stopped(exchange, cause)
    guest = replace(exchange.guest, registered=False, has_page=False)
    return Outcome(GuestAction.CONTINUES, "unregistered", replace(accepted(exchange), guest=guest), Evidence.INFERRED)


@record
class NewPage:
    """A frame that the guest maps shared (C=0) and uses for nothing but its GHCB."""

    frame: GhcbFrame


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "GHCB GPA Registration"')
def msr_chooses_page(exchange: MsrExchange, op: NewPage) -> Outcome:
    """Choose the page. From here on its address stands in the MSR between calls."""
    # 1. There is none yet, and no call is under way.
    guest = exchange.guest
    if cause := first_of(
        ("stopped", guest.stopped),
        ("call-under-way", exchange.stage != MsrStage.IDLE),
        ("has-a-page", guest.has_page),
    ):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    chosen = replace(guest, has_page=True, frame=op.frame, registered=False)
    address = page_address(chosen)
    after = replace(exchange, guest=chosen, msr=address, written=address)
    return Outcome(GuestAction.CONTINUES, "page-chosen", after, Evidence.AGREED)


@transition(actor=Actor.CAREFUL_GUEST, manual='GHCB (56421), "VMGEXIT"')
def msr_uses_page(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """Begin an exit over the page: the MSR gets the page's address from private memory, never from RDMSR."""
    # 1. Between calls over the MSR.
    guest = exchange.guest
    if cause := first_of(("stopped", guest.stopped), ("call-under-way", exchange.stage != MsrStage.IDLE)):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)

    # 2. There is a page, a version, and with SNP a registration.
    if cause := first_of(
        ("no-page", none_of(guest.has_page)),
        ("no-version", guest.version == 0),
        ("not-registered", all_of(guest.snp, none_of(guest.registered))),
    ):
        return Outcome(GuestAction.REFRAINS, cause, exchange, Evidence.AGREED)
    address = page_address(guest)
    return Outcome(
        GuestAction.CONTINUES, "page-addressed", replace(exchange, msr=address, written=address), Evidence.AGREED
    )


TRANSITIONS = (
    on_sev_info_response,
    on_preferred_gpa_response,
    on_register_response,
    on_unregister_response,
    msr_chooses_page,
    msr_uses_page,
)
