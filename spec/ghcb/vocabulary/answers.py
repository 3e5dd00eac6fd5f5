"""What a hypervisor may answer in SW_EXITINFO1 and SW_EXITINFO2 (GHCB, 56421, "VMGEXIT", "Exception Injection")."""

from enum import IntEnum, unique


@unique
class Answer(IntEnum):
    """SW_EXITINFO1[31:0] of a reply; any other number is an error of the hypervisor."""

    NO_ACTION = 0
    """Done."""
    EXCEPTION = 1
    """The hypervisor asks for an exception, which SW_EXITINFO2 describes as EVENTINJ does."""
    MALFORMED = 2
    """The request is refused; SW_EXITINFO2 says why, see `Malformed`. From version 2 on."""


@unique
class Malformed(IntEnum):
    """SW_EXITINFO2 with `Answer.MALFORMED`."""

    NOT_REGISTERED = 1
    """The GHCB's address is not the registered one."""
    INVALID_USAGE = 2
    """GHCB_USAGE is not one that the hypervisor knows."""
    BAD_SCRATCH = 3
    """The scratch area lies where it may not."""
    MISSING_INPUT = 4
    """A field that the event needs is not marked valid."""
    INVALID_INPUT = 5
    INVALID_EVENT = 6
    """The hypervisor knows no such event, or does not offer it."""


# --- EVENTINJ (APM Vol. 2, 15.20) ---

EVENT_VECTOR = 0xFF
EVENT_TYPE_SHIFT = 8
EVENT_TYPE = 7 << EVENT_TYPE_SHIFT
EVENT_ERROR_CODE_VALID = 1 << 11
EVENT_RESERVED = 0x7FFFF << 12
EVENT_VALID = 1 << 31
EVENT_ERROR_CODE_SHIFT = 32


@unique
class EventType(IntEnum):
    """EVENTINJ[10:8]."""

    INTERRUPT = 0
    NMI = 2
    EXCEPTION = 3
    SOFTWARE_INTERRUPT = 4


@unique
class Vector(IntEnum):
    """Exceptions that the protocol or the #VC handler speaks of (APM Vol. 2, 8.2)."""

    DB = 1
    UD = 6
    SS = 12
    GP = 13
    PF = 14
    AC = 17
    HV = 28
    VC = 29
