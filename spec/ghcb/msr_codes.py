"""The messages of the MSR protocol as data: which response answers which request, and which bits are 0 in both.

GHCB (56421), "GHCB MSR Protocol". 100h has no response and 000h is no message, so neither stands here.
"""

from dataclasses import dataclass

from spec.ghcb.msr_state import Version, data_of, info_of
from spec.ghcb.vocabulary.hv_features import FeatureBitmap, HvFeature
from spec.ghcb.vocabulary.msr import CPUID_REGISTER_SHIFT, DATA_SHIFT, MsrCode, MsrData, MsrInfo, MsrValue
from spec.ghcb.vocabulary.page_state import PageOperation
from spec.logic import all_of, any_of, implies, ite, none_of
from spec.vocabulary import VMPLS

ALL_DATA = (1 << 52) - 1


def data_bits(high: int, low: int) -> MsrData:
    """A mask of GHCBData for bits [high:low] of the value."""
    return (1 << high - DATA_SHIFT + 1) - (1 << low - DATA_SHIFT)


@dataclass(frozen=True)
class Message:
    """A request and its response."""

    request: MsrCode
    response: MsrCode
    zero_in_request: MsrData
    """Data bits that are 0."""
    zero_in_response: MsrData
    since: int
    """Protocol version."""
    feature: int = 0
    """What the hypervisor must offer, see `HvFeature`."""
    snp: bool = False
    """Only a guest with SNP may send it."""


MESSAGES = (
    Message(MsrCode.SEV_INFO_REQUEST, MsrCode.SEV_INFO_RESPONSE, ALL_DATA, data_bits(23, 12), since=1),
    Message(MsrCode.CPUID_REQUEST, MsrCode.CPUID_RESPONSE, data_bits(29, 12), data_bits(29, 12), since=1),
    Message(MsrCode.AP_RESET_HOLD_REQUEST, MsrCode.AP_RESET_HOLD_RESPONSE, ALL_DATA, 0, since=2),
    Message(MsrCode.PREFERRED_GPA_REQUEST, MsrCode.PREFERRED_GPA_RESPONSE, ALL_DATA, 0, since=2, snp=True),
    Message(MsrCode.REGISTER_GPA_REQUEST, MsrCode.REGISTER_GPA_RESPONSE, 0, 0, since=2, snp=True),
    Message(
        MsrCode.PAGE_STATE_REQUEST, MsrCode.PAGE_STATE_RESPONSE, data_bits(63, 56), data_bits(31, 12), since=2, snp=True
    ),
    Message(
        MsrCode.RUN_VMPL_REQUEST,
        MsrCode.RUN_VMPL_RESPONSE,
        data_bits(31, 12) | data_bits(63, 40),
        data_bits(31, 12),
        since=2,
        feature=HvFeature.MULTI_VMPL,
        snp=True,
    ),
    Message(
        MsrCode.UNREGISTER_GPA_REQUEST,
        MsrCode.UNREGISTER_GPA_RESPONSE,
        0,
        0,
        since=2,
        feature=HvFeature.UNREGISTER_GPA,
        snp=True,
    ),
    Message(MsrCode.HV_FEATURES_REQUEST, MsrCode.HV_FEATURES_RESPONSE, ALL_DATA, 0, since=2),
)


def response_to(info: MsrInfo) -> MsrInfo:
    """The code that answers a request; `PAGE` where there is none."""
    found: MsrInfo = MsrCode.PAGE
    for row in MESSAGES:
        found = ite(info == row.request, row.response, found)
    return found


def zero_in_response(info: MsrInfo) -> MsrData:
    """The data bits that are 0 in the answer to a request."""
    found: MsrData = 0
    for row in MESSAGES:
        found = ite(info == row.request, row.zero_in_response, found)
    return found


def is_well_formed(value: MsrValue) -> bool:
    """Whether a value is a request whose reserved bits are 0 and whose parts are known."""
    info, data = info_of(value), data_of(value)
    known = any_of(*(all_of(info == row.request, data & row.zero_in_request == 0) for row in MESSAGES))
    # The low four bits of [63:52] of a page state request; PSMASH and UNSMASH have no place here.
    operation = data >> 40
    page_state = any_of(operation == PageOperation.PRIVATE, operation == PageOperation.SHARED)
    return all_of(
        known,
        implies(info == MsrCode.PAGE_STATE_REQUEST, page_state),
        implies(info == MsrCode.RUN_VMPL_REQUEST, data >> 20 < len(VMPLS)),
    )


def is_offered(info: MsrInfo, version: Version, features: FeatureBitmap, snp: bool) -> bool:
    """Whether both sides have agreed on a version and features with which a request may be sent.

    The questions for the version itself, and those of version 1, may come before any agreement.
    """
    refused = False
    for row in MESSAGES:
        needs_snp = row.snp
        # Guests without SNP may change page states where the hypervisor says so.
        allowed = any_of(
            snp,
            none_of(needs_snp),
            all_of(row.request == MsrCode.PAGE_STATE_REQUEST, features & HvFeature.SEV_PAGE_STATE_CHANGE != 0),
        )
        agreed = all_of(implies(row.since > 1, version >= row.since), features & row.feature == row.feature)
        refused = any_of(refused, all_of(info == row.request, none_of(all_of(agreed, allowed))))
    return none_of(refused)


def cpuid_register(value: MsrValue) -> MsrValue:
    """Which register a CPUID request or response is about."""
    return value >> CPUID_REGISTER_SHIFT & 3
