"""How an instruction or a memory access ends: a result, flags, a fault word, output registers."""

from dataclasses import dataclass

from spec.knobs import Knobs
from spec.vocabulary import Eax, Event, Limit, NpfInfo, PfError


@dataclass(frozen=True)
class Flags:
    """Arithmetic flags after an instruction; None is undefined."""

    cf: bool | None
    zf: bool | None
    of: bool | None
    sf: bool | None
    af: bool | None
    pf: bool | None


@dataclass(frozen=True)
class Completion:
    """The end of one instruction or access."""

    result: Eax | Event | Limit
    check: str
    """The check that decided, by name."""
    flags: Flags | None = None
    """Set where `result` is a code in EAX."""
    error: int = 0
    """#PF and #VC: the error code (`PfError`, `VC_PAGE_NOT_VALIDATED`). NPF: EXITINFO1 (`NpfInfo`).
    A #VC reflected as an exit: GUEST_EXITCODE."""
    address: int | None = None
    """#PF and #VC: CR2. NPF: EXITINFO2, the guest-physical address."""
    rcx: int | None = None
    """Output register, None if untouched."""
    rdx: int | None = None
    """Output register, None if untouched."""


def finished(code: Eax, check: str, knobs: Knobs, cf: bool | None = None) -> Completion:
    """An instruction that left `code` in EAX; `cf` has a meaning for PVALIDATE only."""
    return Completion(code, check, flags=_flags(code, knobs, cf))


def nested_fault(word: NpfInfo, gpa: int, check: str) -> Completion:
    """#VMEXIT(NPF). APM Vol. 2, 15.25.6: every nested access counts as a user access, so U is always set."""
    return Completion(Event.NPF, check, error=NpfInfo.U | word, address=gpa)


def page_fault(word: PfError, address: int, check: str) -> Completion:
    """#PF with CR2."""
    return Completion(Event.PF, check, error=word, address=address)


def _flags(code: Eax, knobs: Knobs, cf: bool | None) -> Flags:
    """Flags as by comparing EAX with 0 (knob K-FLAGS)."""
    if not knobs.flags_from_eax:
        return Flags(cf=cf, zf=None, of=None, sf=None, af=None, pf=None)
    even_parity = code.bit_count() % 2 == 0
    return Flags(cf=cf, zf=code == 0, of=False, sf=code >> 31 == 1, af=False, pf=even_parity)
