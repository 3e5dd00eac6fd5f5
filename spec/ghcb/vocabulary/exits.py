"""SW_EXITCODE: exit codes of intercepted instructions, and the events that software defined.

APM Vol. 2, Appendix C, "SVM Intercept Exit Codes"; GHCB (56421), "Standard VMGEXIT Events".
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.vocabulary import Bits

ExitCode = Annotated[int, Bits(64)]
"""SW_EXITCODE, and the error code of #VC."""


@unique
class SvmExit(IntEnum):
    """Exit codes of hardware that the protocol or the #VC handler speaks of."""

    DR7_READ = 0x27
    DR7_WRITE = 0x37
    FIRST_EXCEPTION = 0x40
    """40h to 5Fh: intercepted exceptions, by vector."""
    DB_EXCEPTION = 0x41
    AC_EXCEPTION = 0x51
    LAST_EXCEPTION = 0x5F
    RDTSC = 0x6E
    RDPMC = 0x6F
    CPUID = 0x72
    INVD = 0x76
    IOIO = 0x7B
    MSR = 0x7C
    VMMCALL = 0x81
    RDTSCP = 0x87
    WBINVD = 0x89
    MONITOR = 0x8A
    MWAIT = 0x8B
    MWAIT_CONDITIONAL = 0x8C
    XSETBV = 0x8D
    RDPRU = 0x8E
    NPF = 0x400
    """As #VC: a nested fault that the hypervisor marks as MMIO."""
    VMGEXIT = 0x403
    PAGE_NOT_VALIDATED = 0x404


@unique
class GhcbEvent(IntEnum):
    """Events without an exit of hardware: bit 31 is set."""

    MMIO_READ = 0x8000_0001
    MMIO_WRITE = 0x8000_0002
    NMI_COMPLETE = 0x8000_0003
    AP_RESET_HOLD = 0x8000_0004
    AP_JUMP_TABLE = 0x8000_0005
    PAGE_STATE_CHANGE = 0x8000_0010
    GUEST_REQUEST = 0x8000_0011
    EXTENDED_GUEST_REQUEST = 0x8000_0012
    AP_CREATION = 0x8000_0013
    HV_DOORBELL = 0x8000_0014
    HV_IPI = 0x8000_0015
    HV_TIMER = 0x8000_0016
    APIC_ID_LIST = 0x8000_0017
    RUN_VMPL = 0x8000_0018
    SECURE_AVIC = 0x8000_001A
    CONFIGURE_INJECTION = 0x8000_001B
    DISABLE_ALTERNATE_INJECTION = 0x8000_001C
    SPECIFIC_EOI = 0x8000_001D
    TIO_GUEST_REQUEST = 0x8000_0020
    TIO_OPERATION = 0x8000_0021
    HV_FEATURES = 0x8000_FFFD
    TERMINATION = 0x8000_FFFE
    UNSUPPORTED = 0x8000_FFFF


# --- EXITINFO1 of single events ---

MSR_READ, MSR_WRITE = 0, 1
"""EXITINFO1 of 7Ch."""
JUMP_TABLE_SET, JUMP_TABLE_GET = 0, 1
"""EXITINFO1 of 80000005h."""
AP_CREATE_ON_INIT, AP_CREATE, AP_DESTROY = 0, 1, 2
"""EXITINFO1[15:0] of 80000013h; [19:16] is the VMPL, [63:32] the APIC ID."""
AP_VMPL_SHIFT, AP_APIC_ID_SHIFT = 16, 32
DOORBELL_PREFERRED, DOORBELL_SET, DOORBELL_QUERY, DOORBELL_CLEAR = 0, 1, 2, 3
"""EXITINFO1 of 80000014h."""
SECURE_AVIC_REGISTER, SECURE_AVIC_UNREGISTER = 0, 1
"""EXITINFO1 of 8000001Ah."""
NO_ADDRESS = (1 << 64) - 1
"""All ones as an address in a reply: there is none, or no preference."""
EXTENDED_STATE_LEAF = 0xD
"""CPUID leaf with XCR0 as an input; its subleaf 1 has XSS as well."""

# --- EXITINFO1 of 7Bh, which is that of hardware (APM Vol. 2, 15.10.2) ---

IOIO_IN = 1 << 0
"""Clear: OUT."""
IOIO_STRING = 1 << 2
IOIO_REP = 1 << 3
IOIO_SIZE_SHIFT = 4
"""[6:4]: operand size in bytes, 1, 2 or 4."""
IOIO_ADDRESS_16, IOIO_ADDRESS_32, IOIO_ADDRESS_64 = 1 << 7, 1 << 8, 1 << 9
IOIO_SEGMENT_SHIFT = 10
"""[12:10]: ES, CS, SS, DS, FS, GS from 0."""
IOIO_PORT_SHIFT = 16
"""[31:16]."""
IOIO_RESERVED = 0xFFFF_FFFF_0000_E002
"""Bits that are 0."""
