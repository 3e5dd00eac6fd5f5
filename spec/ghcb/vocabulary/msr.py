"""The GHCB MSR and the codes of the MSR protocol (GHCB, 56421, "GHCB MSR Protocol").

Bits [11:0] of the value are the code (GHCBInfo), bits [63:12] the data (GHCBData). Code 000h is not a message: the
value is then the guest-physical address of the GHCB page, and VMGEXIT uses the page.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.vocabulary import Bits

GHCB_MSR = 0xC001_0130

MsrValue = Annotated[int, Bits(64)]
"""What the GHCB MSR holds."""
MsrInfo = Annotated[int, Bits(12)]
"""GHCBInfo, see `MsrCode`."""
MsrData = Annotated[int, Bits(52)]
"""GHCBData: bits [63:12] of the value; a guest frame number, where it is an address."""

INFO_MASK = 0xFFF
DATA_SHIFT = 12
NO_FRAME = (1 << 52) - 1
"""All ones as data: no preferred page (011h), or the registration is refused (013h)."""


@unique
class MsrCode(IntEnum):
    """GHCBInfo."""

    PAGE = 0x000
    """Not a message: the page protocol."""
    SEV_INFO_RESPONSE = 0x001
    """Also the value of the MSR after a reset of the virtual processor."""
    SEV_INFO_REQUEST = 0x002
    CPUID_REQUEST = 0x004
    CPUID_RESPONSE = 0x005
    AP_RESET_HOLD_REQUEST = 0x006
    AP_RESET_HOLD_RESPONSE = 0x007
    PREFERRED_GPA_REQUEST = 0x010
    PREFERRED_GPA_RESPONSE = 0x011
    REGISTER_GPA_REQUEST = 0x012
    REGISTER_GPA_RESPONSE = 0x013
    PAGE_STATE_REQUEST = 0x014
    PAGE_STATE_RESPONSE = 0x015
    RUN_VMPL_REQUEST = 0x016
    RUN_VMPL_RESPONSE = 0x017
    UNREGISTER_GPA_REQUEST = 0x018
    UNREGISTER_GPA_RESPONSE = 0x019
    HV_FEATURES_REQUEST = 0x080
    HV_FEATURES_RESPONSE = 0x081
    TERMINATE = 0x100
    """There is no response."""


# Where the parts of a value are: the lowest bit of each, counted in the 64-bit value.

SEV_INFO_C_BIT_SHIFT = 24
"""[31:24]: position of the C-bit in page-table entries, as the hypervisor says."""
SEV_INFO_MIN_SHIFT = 32
"""[47:32]: lowest protocol version."""
SEV_INFO_MAX_SHIFT = 48
"""[63:48]: highest protocol version."""

CPUID_REGISTER_SHIFT = 30
"""[31:30]: which register, see `CpuidRegister`; the same in request and response."""
CPUID_VALUE_SHIFT = 32
"""[63:32]: leaf (EAX in) in the request, the register's value in the response. ECX in is 0: it has no place here."""

PAGE_STATE_OPERATION_SHIFT = 52
"""[55:52]: see `PageOperation`; [51:12] is the guest frame number, and the page is one of 4 KiB."""
PAGE_STATE_ERROR_SHIFT = 32
"""[63:32]: error, 0 if the state was changed."""

RUN_VMPL_SHIFT = 32
"""[39:32]: VMPL to run."""
RUN_VMPL_ERROR_SHIFT = 32
"""[63:32]: error, 0 if it ran."""

TERMINATE_SET_SHIFT = 12
"""[15:12]: set of reasons, see `ReasonSet`."""
TERMINATE_REASON_SHIFT = 16
"""[23:16]: reason within the set."""


@unique
class CpuidRegister(IntEnum):
    """Which register a CPUID message is about."""

    EAX = 0
    EBX = 1
    ECX = 2
    EDX = 3
