"""How the handling of a #VC ends: done, to be run again, an exception for the interrupted code, or a refusal."""

from enum import Enum, IntEnum, unique
from typing import NamedTuple

from impl.decode.undecodable import Reason


@unique
class Vector(IntEnum):
    """Exceptions that the interrupted code can be given. APM Vol. 2, "Vectors" (8.2)."""

    UD = 6
    SS = 12
    GP = 13
    PF = 14


@unique
class Refusal(Enum):
    """Why the handler goes no further: the guest terminates. Only whole elements of a string can have been done.

    The name is what is printed.
    """

    # The bytes at RIP.
    TRUNCATED = "the bytes end before the instruction does"
    # The exit code against the instruction.
    NOT_VALIDATED = "exit code 404h: a page that should be valid is not; the hypervisor has taken memory away"
    EXCEPTION_INTERCEPT = "exit codes 40h to 5Fh are exceptions, which are not emulated"
    AUTOMATIC_EXIT = "the exit leaves the guest by itself and never raises #VC"
    UNSUPPORTED_EXIT = "the GHCB protocol has no event for this exit code"
    MISMATCH = "the instruction at RIP is not one that this exit code admits"
    NOT_INTERCEPTED = "the instruction can raise no #VC"
    # The instruction.
    ATOMIC = "XCHG, XADD, CMPXCHG and LOCK: the device would see two accesses for one"
    VECTOR = "MMIO by a register of MMX, SSE, AVX or an opmask"
    SEGMENT_REGISTER = "MOV between MMIO and a segment register"
    OPERATION = "MMIO by an instruction other than a move, a string, arithmetic or a comparison"
    ADDRESS_ONLY = "the operand is an address; no data is read or written"
    OPERAND_SIZES = "66h with REX.W on port I/O, and on MOVSXD: the sources differ about the width"
    INVD = "INVD would drop memory contents that only the caches hold"
    DEBUG_REGISTER = "a debug register other than DR7"
    # What it accesses.
    PRIVATE_MEMORY = "an MMIO exit for memory that the guest does not share"
    PAGE_CROSSING = "the operand lies on two pages of which one is MMIO and the other memory, or not adjacent MMIO"
    BEYOND_LAST_ADDRESS = "the operand goes beyond the last offset that its address size can name"
    USER_MMIO = "MMIO at CPL 3, where another thread can change the instruction meanwhile"
    GHCB_MSR = "access to the GHCB MSR, which the handler itself needs"
    # What the hypervisor answers.
    TSC_INTERCEPTED = "Secure TSC is on, and the hypervisor intercepts the time-stamp counter"
    DR7_INTERCEPTED = "debug swap is on, and the hypervisor intercepts DR7"
    EXIT_FAILED = "the hypervisor answers with an error, or not in the form of the protocol"
    FORGED_EXCEPTION = "the hypervisor asks for an exception other than #GP and #UD"


class Refused(Exception):
    """The handler terminates the guest."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class Fault(Exception):
    """An exception that the interrupted code is given; RIP stays at the instruction."""

    def __init__(
        self, vector: Vector, *, error_code: int | None = None, address: int | None = None, reason: Reason | None = None
    ) -> None:
        super().__init__(f"#{vector.name}")
        self.vector = vector
        self.error_code = error_code
        self.address = address
        """CR2 of a page fault."""
        self.reason = reason
        """Why the bytes are no instruction, where that is the cause."""


@unique
class End(Enum):
    """How the handling ended."""

    DONE = "ok"
    AGAIN = "unfinished"
    """A repeated string instruction with elements left: RIP stays, and the instruction goes on when it runs again."""
    FAULT = "fault"
    REFUSED = "refused"


class Outcome(NamedTuple):
    """The end of one #VC."""

    end: End
    fault: Fault | None = None
    refusal: Refusal | None = None

    @property
    def name(self) -> str:
        """`ok`, `unfinished`, `#GP` and its kin, or the name of the refusal."""
        if self.fault is not None:
            return f"#{self.fault.vector.name}"
        return self.end.value if self.refusal is None else self.refusal.name


DONE = Outcome(End.DONE)
AGAIN = Outcome(End.AGAIN)
