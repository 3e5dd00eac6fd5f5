"""The arithmetic flags that an RMP instruction leaves (APM Vol. 3; knob K-FLAGS)."""

from spec.features import Platform
from spec.record import record
from spec.vocabulary import Eax


@record
class Flags:
    """RFLAGS as by comparing EAX with 0, and CF."""

    defined: bool
    """The sources say what OF, ZF, AF, PF and SF are; if not, their values here mean nothing."""
    overflow: bool
    zero: bool
    adjust: bool
    parity: bool
    sign: bool
    carry: bool
    """Set by PVALIDATE that changes nothing; after the other instructions it means nothing."""


def flags_after(platform: Platform, eax: Eax, carry: bool) -> Flags:
    """The flags after an instruction that returned `eax`. Comparing with 0 cannot borrow or overflow."""
    halves = eax ^ (eax >> 4)
    pairs = halves ^ (halves >> 2)
    odd = (pairs ^ (pairs >> 1)) & 1
    return Flags(
        defined=platform.knobs.flags_from_eax,
        overflow=False,
        zero=eax == 0,
        adjust=False,
        parity=odd == 0,
        sign=eax >> 31 != 0,
        carry=carry,
    )
