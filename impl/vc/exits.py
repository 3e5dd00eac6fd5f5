"""What the handler asks the hypervisor: one method for each kind of exit, with the inputs that this exit needs.

GHCB (56421), "Standard VMGEXIT Events". An implementation fills the GHCB, leaves the guest and reads the reply once
into private memory. It passes on what the hypervisor said, whatever it is: the handler takes of an answer only the
bits that the instruction defines. Nothing but the arguments leaves the guest.
"""

from typing import NamedTuple, Protocol

from impl.vc.outcome import End, Fault, Outcome, Refusal, Vector


class CpuidReply(NamedTuple):
    """The four registers of CPUID."""

    eax: int
    ebx: int
    ecx: int
    edx: int


class ExceptionRequested(Exception):
    """SW_EXITINFO1 is 1: the hypervisor asks for an exception."""

    def __init__(self, event_injection: int) -> None:
        super().__init__(hex(event_injection))
        self.event_injection = event_injection
        """SW_EXITINFO2, in the format of EVENTINJ (APM Vol. 2, 15.20)."""


class ExitFailed(Exception):
    """Any other reply than success or an exception: an error code, or a field that is not marked valid."""


class Exits(Protocol):
    """One method an exit. Each may raise `ExceptionRequested` or `ExitFailed`."""

    def cpuid(self, leaf: int, subleaf: int, xcr0: int | None) -> CpuidReply:
        """72h. XCR0 goes out for leaf Dh alone."""

    def read_msr(self, msr: int) -> int:
        """7Ch with EXITINFO1 0: EDX:EAX."""

    def write_msr(self, msr: int, value: int) -> None:
        """7Ch with EXITINFO1 1."""

    def read_tsc(self) -> int:
        """6Eh: EDX:EAX."""

    def read_tscp(self) -> tuple[int, int]:
        """87h: EDX:EAX, and ECX, which is TSC_AUX."""

    def read_counter(self, counter: int) -> int:
        """6Fh: EDX:EAX."""

    def port_in(self, port: int, size: int) -> int:
        """7Bh, 1, 2 or 4 bytes."""

    def port_out(self, port: int, size: int, value: int) -> None:
        """7Bh, 1, 2 or 4 bytes."""

    def mmio_read(self, address: int, size: int) -> int:
        """80000001h, 1, 2, 4 or 8 bytes at a guest physical address."""

    def mmio_write(self, address: int, size: int, value: int) -> None:
        """80000002h, the same."""

    def write_dr7(self, value: int) -> None:
        """37h."""

    def write_back_caches(self) -> None:
        """89h, WBINVD and WBNOINVD."""

    def hypercall(self, rax: int, cpl: int) -> int:
        """81h, VMMCALL: RAX."""


EVENT_EXCEPTION = 3
EVENT_ERROR_CODE = 1 << 11
EVENT_RESERVED = 0x7FFFF << 12
EVENT_VALID = 1 << 31


def requested(event: int) -> Outcome:
    """The exception that the hypervisor asks for, if it is #GP or a #UD without error code; else a refusal.

    GHCB (56421), "Exception Injection": an instruction of the guest can fail in these ways alone.
    """
    vector, kind = event & 0xFF, event >> 8 & 7
    has_error_code = bool(event & EVENT_ERROR_CODE)
    if event & EVENT_VALID and not event & EVENT_RESERVED and kind == EVENT_EXCEPTION:
        if vector == Vector.UD and not has_error_code:
            return Outcome(End.FAULT, fault=Fault(Vector.UD))
        if vector == Vector.GP:
            return Outcome(End.FAULT, fault=Fault(Vector.GP, error_code=event >> 32 if has_error_code else 0))
    return Outcome(End.REFUSED, refusal=Refusal.FORGED_EXCEPTION)
