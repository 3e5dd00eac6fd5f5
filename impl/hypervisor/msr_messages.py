"""The MSR protocol, from the hypervisor's side. GHCB (56421), "GHCB MSR Protocol".

A request that is not understood, or not offered, leaves the value as it is: the guest then sees no answer.
"""

from dataclasses import dataclass

from impl.hypervisor.emulated import Emulated
from impl.hypervisor.page_states import GuestPages
from spec.ghcb.vocabulary.hv_features import HvFeature
from spec.ghcb.vocabulary.msr import (
    CPUID_REGISTER_SHIFT,
    CPUID_VALUE_SHIFT,
    DATA_SHIFT,
    INFO_MASK,
    NO_FRAME,
    PAGE_STATE_ERROR_SHIFT,
    PAGE_STATE_OPERATION_SHIFT,
    SEV_INFO_C_BIT_SHIFT,
    SEV_INFO_MAX_SHIFT,
    SEV_INFO_MIN_SHIFT,
    MsrCode,
)
from spec.ghcb.vocabulary.page import MAX_PROTOCOL_VERSION
from spec.ghcb.vocabulary.page_state import PageOperation
from spec.vocabulary import PAGE_SHIFT

LOWEST_VERSION = 1
C_BIT_POSITION = 51
FEATURES = HvFeature.SNP
CPUID_REGISTERS = 3
PAGE_STATE_FRAME = (1 << PAGE_STATE_OPERATION_SHIFT - DATA_SHIFT) - 1
PAGE_STATE_FAILED = 1 << 63


def sev_info() -> int:
    """What the MSR holds when a virtual processor starts, and the answer to the request."""
    versions = MAX_PROTOCOL_VERSION << SEV_INFO_MAX_SHIFT | LOWEST_VERSION << SEV_INFO_MIN_SHIFT
    return versions | C_BIT_POSITION << SEV_INFO_C_BIT_SHIFT | MsrCode.SEV_INFO_RESPONSE


@dataclass
class MsrMessages:
    """One virtual processor's."""

    emulated: Emulated
    pages: GuestPages | None
    """Of an SNP guest."""
    registered: int | None = None
    """GPA of the registered GHCB page."""

    def answer(self, value: int) -> int:
        """The new value of the MSR."""
        code, data = value & INFO_MASK, value >> DATA_SHIFT
        if code == MsrCode.SEV_INFO_REQUEST:
            return sev_info()
        if code == MsrCode.CPUID_REQUEST:
            return self._cpuid(value)
        if code == MsrCode.HV_FEATURES_REQUEST:
            return (FEATURES if self.pages else 0) << DATA_SHIFT | MsrCode.HV_FEATURES_RESPONSE
        if code == MsrCode.PREFERRED_GPA_REQUEST:
            return NO_FRAME << DATA_SHIFT | MsrCode.PREFERRED_GPA_RESPONSE
        if code == MsrCode.REGISTER_GPA_REQUEST:
            self.registered = data << PAGE_SHIFT
            return data << DATA_SHIFT | MsrCode.REGISTER_GPA_RESPONSE
        if code == MsrCode.PAGE_STATE_REQUEST and self.pages:
            return self._page_state(self.pages, data)
        return value

    def _cpuid(self, value: int) -> int:
        register = value >> CPUID_REGISTER_SHIFT & CPUID_REGISTERS
        reply = self.emulated.cpuid(value >> CPUID_VALUE_SHIFT, 0, None)
        return reply[register] << CPUID_VALUE_SHIFT | register << CPUID_REGISTER_SHIFT | MsrCode.CPUID_RESPONSE

    def _page_state(self, pages: GuestPages, data: int) -> int:
        """Only the two real operations."""
        frame, operation = data & PAGE_STATE_FRAME, data >> PAGE_STATE_OPERATION_SHIFT - DATA_SHIFT
        allowed = operation in (PageOperation.PRIVATE, PageOperation.SHARED)
        done = allowed and pages.change(frame << PAGE_SHIFT, operation)
        return (
            0 if done else PAGE_STATE_FAILED
        ) >> PAGE_STATE_ERROR_SHIFT << PAGE_STATE_ERROR_SHIFT | MsrCode.PAGE_STATE_RESPONSE
