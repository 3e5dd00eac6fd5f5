"""Messages of one register: what a guest can ask before it has a GHCB page. GHCB (56421), "GHCB MSR Protocol".

The value that answers is read once. It must be the answer to the question, and its reserved bits must be 0. Afterwards
the MSR has its old value: a request that is left there would be repeated by whoever executes VMGEXIT next.
"""

from typing import NamedTuple

from impl.ghcb.gate import Gate
from impl.ghcb.termination import terminate
from spec.ghcb.vocabulary.msr import (
    CPUID_REGISTER_SHIFT,
    CPUID_VALUE_SHIFT,
    DATA_SHIFT,
    INFO_MASK,
    PAGE_STATE_ERROR_SHIFT,
    PAGE_STATE_OPERATION_SHIFT,
    SEV_INFO_C_BIT_SHIFT,
    SEV_INFO_MAX_SHIFT,
    SEV_INFO_MIN_SHIFT,
    CpuidRegister,
    MsrCode,
)
from spec.ghcb.vocabulary.page_state import PageOperation
from spec.vocabulary import PAGE_SHIFT

LOW_16, LOW_32 = 0xFFFF, 0xFFFF_FFFF
CPUID_RESERVED = (1 << CPUID_REGISTER_SHIFT) - 1 & ~INFO_MASK
"""[29:12] of a CPUID message."""
PAGE_STATE_RESERVED = (1 << PAGE_STATE_ERROR_SHIFT) - 1 & ~INFO_MASK
"""[31:12] of the answer to a page state change."""
SEV_INFO_RESERVED = (1 << SEV_INFO_C_BIT_SHIFT) - 1 & ~INFO_MASK


class SevInfo(NamedTuple):
    """What the hypervisor says of itself."""

    lowest: int
    highest: int
    """Versions of the protocol."""
    c_bit: int
    """Position of the C-bit, as the hypervisor says; the guest has better sources."""


def exchanged(gate: Gate, request: int, response: MsrCode) -> int:
    """Ask, and take the value of the answer; any other code than the response's ends the guest."""
    before = gate.read_msr()
    gate.write_msr(request)
    gate.vmgexit()
    value = gate.read_msr()
    gate.write_msr(before)
    if value & INFO_MASK != response:
        terminate(gate, f"GHCB MSR: {value & INFO_MASK:#05x} is no answer to {request & INFO_MASK:#05x}")
    return value


def sev_info(gate: Gate) -> SevInfo:
    """The versions that the hypervisor speaks."""
    value = exchanged(gate, MsrCode.SEV_INFO_REQUEST, MsrCode.SEV_INFO_RESPONSE)
    if value & SEV_INFO_RESERVED:
        terminate(gate, "GHCB MSR: SEV_INFO with reserved bits set")
    return SevInfo(
        value >> SEV_INFO_MIN_SHIFT & LOW_16, value >> SEV_INFO_MAX_SHIFT, value >> SEV_INFO_C_BIT_SHIFT & 0xFF
    )


def cpuid_register(gate: Gate, leaf: int, register: CpuidRegister) -> int:
    """One register of a leaf; ECX counts as 0."""
    asked = leaf << CPUID_VALUE_SHIFT | register << CPUID_REGISTER_SHIFT
    value = exchanged(gate, asked | MsrCode.CPUID_REQUEST, MsrCode.CPUID_RESPONSE)
    if value >> CPUID_REGISTER_SHIFT & 3 != register or value & CPUID_RESERVED:
        terminate(gate, "GHCB MSR: the CPUID answer is about another register, or has reserved bits set")
    return value >> CPUID_VALUE_SHIFT


def hypervisor_features(gate: Gate) -> int:
    """What the hypervisor offers, see `HvFeature`."""
    return exchanged(gate, MsrCode.HV_FEATURES_REQUEST, MsrCode.HV_FEATURES_RESPONSE) >> DATA_SHIFT


def register_page(gate: Gate, gpa: int) -> None:
    """Name the page that VMGEXIT will be about; the hypervisor must say the same page back."""
    frame = gpa >> PAGE_SHIFT
    value = exchanged(gate, frame << DATA_SHIFT | MsrCode.REGISTER_GPA_REQUEST, MsrCode.REGISTER_GPA_RESPONSE)
    if value >> DATA_SHIFT != frame:
        terminate(gate, "GHCB MSR: the hypervisor registers another page")


def change_page_state(gate: Gate, gpa: int, operation: PageOperation) -> None:
    """Have the hypervisor make one page of 4 KiB private or shared."""
    asked = operation << PAGE_STATE_OPERATION_SHIFT | gpa >> PAGE_SHIFT << DATA_SHIFT
    value = exchanged(gate, asked | MsrCode.PAGE_STATE_REQUEST, MsrCode.PAGE_STATE_RESPONSE)
    if value >> PAGE_STATE_ERROR_SHIFT or value & PAGE_STATE_RESERVED:
        terminate(gate, "GHCB MSR: the page state was not changed")
