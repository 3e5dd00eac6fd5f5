"""What holds of every call over the GHCB MSR, whatever the hypervisor answers.

Of a careful guest's steps; what the hypervisor writes into the MSR decides nothing but which check ends a call.
"""

from spec.ghcb.msr_codes import cpuid_register
from spec.ghcb.msr_state import MsrExchange, MsrStage, data_of, info_of, page_address
from spec.ghcb.vocabulary.msr import MsrCode
from spec.logic import all_of, any_of, implies, none_of
from spec.registry import Outcome, invariant
from spec.vocabulary import Guarantor, GuestAction

GUEST = Guarantor.GUEST
MSR = 'GHCB (56421), "GHCB MSR Protocol"'
NEGOTIATION = 'GHCB (56421), "Version Negotiation"'
REGISTRATION = 'GHCB (56421), "GHCB GPA Registration"'


@invariant("GHCB-I18", guarantor=GUEST, manual=REGISTRATION)
def registered_page_is_the_guests(exchange: MsrExchange) -> bool:
    """What a guest counts as registered is a page that it chose itself."""
    return implies(exchange.guest.registered, exchange.guest.has_page)


@invariant("GHCB-I18-POINTER", guarantor=GUEST, manual=REGISTRATION, by=("msr_uses_page",))
def pages_are_addressed_from_private_memory(before: MsrExchange, after: MsrExchange, outcome: Outcome) -> bool:
    """An exit over the page hands over the chosen, registered page, whatever RDMSR would have given."""
    ready = all_of(before.guest.has_page, implies(before.guest.snp, before.guest.registered))
    handed = all_of(ready, after.msr == page_address(before.guest))
    return implies(outcome.result == GuestAction.CONTINUES, handed)


@invariant("GHCB-I18-REGISTER", guarantor=GUEST, manual=REGISTRATION)
def only_the_own_page_is_registered(exchange: MsrExchange) -> bool:
    """No other frame is ever asked to be registered."""
    asks = all_of(exchange.stage != MsrStage.IDLE, info_of(exchange.request) == MsrCode.REGISTER_GPA_REQUEST)
    own = all_of(exchange.guest.has_page, data_of(exchange.request) == exchange.guest.frame)
    return implies(all_of(asks, none_of(exchange.guest.stopped)), own)


@invariant("GHCB-I19", guarantor=GUEST, manual=MSR, needs=("K-MSR-RESTORE",))
def no_request_is_left_behind(exchange: MsrExchange) -> bool:
    """Between calls, the last value that the guest wrote is the address of its page, once it has one."""
    idle = all_of(exchange.stage == MsrStage.IDLE, none_of(exchange.guest.stopped))
    return implies(all_of(idle, exchange.guest.has_page), exchange.written == page_address(exchange.guest))


@invariant("GHCB-I19-ASKED", guarantor=GUEST, manual=MSR)
def what_is_asked_is_what_was_written(exchange: MsrExchange) -> bool:
    """During a call, the guest's memory of its request is what it wrote."""
    return implies(exchange.stage != MsrStage.IDLE, exchange.written == exchange.request)


ANSWERS = (
    "on_sev_info_response",
    "on_cpuid_response",
    "on_ap_reset_hold_response",
    "on_preferred_gpa_response",
    "on_register_response",
    "on_unregister_response",
    "on_page_state_response",
    "on_run_vmpl_response",
    "on_hv_features_response",
)


@invariant("GHCB-I20", guarantor=GUEST, manual=MSR, by=ANSWERS)
def answers_fit_their_requests(before: MsrExchange, outcome: Outcome) -> bool:
    """What is accepted has the code after its request's, or before it for SEV information."""
    asked, given = info_of(before.request), info_of(before.msr)
    follows = any_of(
        all_of(asked != MsrCode.SEV_INFO_REQUEST, given == (asked | 1), asked & 1 == 0),
        all_of(asked == MsrCode.SEV_INFO_REQUEST, given == MsrCode.SEV_INFO_RESPONSE),
        # 006h is answered by 007h and so on; of the odd one, 011h, nothing is asked.
    )
    return implies(outcome.result == GuestAction.CONTINUES, follows)


@invariant("GHCB-I20-FRAME", guarantor=GUEST, manual=REGISTRATION, by=("on_register_response",))
def registrations_name_the_own_page(before: MsrExchange, outcome: Outcome) -> bool:
    """A registration is believed only if the answer names the frame that was asked for."""
    same = all_of(data_of(before.msr) == before.guest.frame, data_of(before.request) == before.guest.frame)
    return implies(outcome.result == GuestAction.CONTINUES, same)


@invariant("GHCB-I20-REGISTER", guarantor=GUEST, manual=MSR, needs=("K-CPUID-ECHO",), by=("on_cpuid_response",))
def registers_of_cpuid_are_those_asked_for(before: MsrExchange, outcome: Outcome) -> bool:
    """A value is taken for the register that it names."""
    same = cpuid_register(before.msr) == cpuid_register(before.request)
    return implies(outcome.result == GuestAction.CONTINUES, same)


@invariant("GHCB-I21", guarantor=GUEST, manual=NEGOTIATION)
def versions_are_common(exchange: MsrExchange) -> bool:
    """The version in use is one that both sides have named; with SNP it is 2 or later."""
    guest = exchange.guest
    common = all_of(
        guest.version >= guest.min_version,
        guest.version <= guest.max_version,
        guest.version >= guest.hv_min_version,
        guest.version <= guest.hv_max_version,
        implies(guest.snp, guest.version >= 2),
    )
    return implies(guest.version != 0, common)


@invariant("GHCB-I21-FEATURES", guarantor=GUEST, manual='GHCB (56421), "Hypervisor Feature Support"')
def snp_guests_have_snp_features(exchange: MsrExchange) -> bool:
    """An SNP guest that has asked for features goes on only with a hypervisor that supports SNP."""
    guest = exchange.guest
    return implies(all_of(guest.snp, guest.features_known), guest.features & 1 == 1)


@invariant("GHCB-I30", guarantor=GUEST, manual='GHCB (56421), "GHCB MSR Protocol", CPUID', by=("on_cpuid_response",))
def encryption_is_not_denied(before: MsrExchange, outcome: Outcome) -> bool:
    """No guest goes on that was told that there is no memory encryption, or no leaf that could say so."""
    leaf, eax = before.request >> 32, before.request >> 30 & 3 == 0
    value = before.msr >> 32
    denied = any_of(
        all_of(leaf == 0x8000_0000, value < 0x8000_001F),
        all_of(leaf == 0x8000_001F, value >> 1 & 1 == 0),
    )
    return implies(all_of(eax, denied), outcome.result != GuestAction.CONTINUES)


@invariant("GHCB-I32-MSR", guarantor=GUEST, manual='GHCB (56421), "Termination Request"')
def termination_is_final(before: MsrExchange, after: MsrExchange, outcome: Outcome) -> bool:
    """After it has terminated, a guest believes no answer and asks nothing but to be terminated."""
    silent = all_of(after.guest.stopped, outcome.result != GuestAction.CONTINUES)
    told = any_of(after.written == before.written, info_of(after.written) == MsrCode.TERMINATE)
    return implies(before.guest.stopped, all_of(silent, told))


INVARIANTS = (
    registered_page_is_the_guests,
    pages_are_addressed_from_private_memory,
    only_the_own_page_is_registered,
    no_request_is_left_behind,
    what_is_asked_is_what_was_written,
    answers_fit_their_requests,
    registrations_name_the_own_page,
    registers_of_cpuid_are_those_asked_for,
    versions_are_common,
    snp_guests_have_snp_features,
    encryption_is_not_denied,
    termination_is_final,
)
