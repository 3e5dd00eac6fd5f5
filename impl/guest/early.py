"""#VC before there is a GHCB: CPUID alone, over the MSR. GHCB (56421), "CPUID Request"; APM Vol. 2, 15.35.5.

What decides whether the guest believes to be an SEV guest must not be denied: leaf 8000_0000h has to reach 8000_001Fh,
and that leaf has to say that SEV is on.
"""

from typing import NoReturn

from impl.ghcb.gate import Gate
from impl.ghcb.msr_protocol import cpuid_register
from impl.ghcb.termination import terminate
from impl.vc.exits import CpuidReply, ExitFailed
from spec.ghcb.vocabulary.msr import CpuidRegister

LAST_EXTENDED, ENCRYPTION = 0x8000_0000, 0x8000_001F
SEV_ENABLED = 1 << 1
SUBLEAF_LEAVES = frozenset([0x4, 0x7, 0xB, 0xD, 0x8000_001D])
"""Leaves that are not asked with a subleaf other than 0: the MSR has no place for it."""


class EarlyExits:
    """The questions of `impl/vc/exits.py` without a page; all but one end the guest."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def cpuid(self, leaf: int, subleaf: int, _: int | None) -> CpuidReply:
        """Four messages, one for each register."""
        if subleaf and leaf in SUBLEAF_LEAVES:
            raise ExitFailed(f"CPUID leaf {leaf:#x} has subleaves, and the MSR protocol has not")
        reply = CpuidReply(*(cpuid_register(self._gate, leaf, register) for register in CpuidRegister))
        if leaf == LAST_EXTENDED and reply.eax < ENCRYPTION:
            terminate(self._gate, "CPUID denies that the processor has SEV")
        if leaf == ENCRYPTION and not reply.eax & SEV_ENABLED:
            terminate(self._gate, "CPUID denies that SEV is on")
        return reply

    def _no_page(self, *_: int) -> NoReturn:
        raise ExitFailed("there is no GHCB page yet")

    read_msr = write_msr = read_tsc = read_tscp = read_counter = port_in = port_out = _no_page
    mmio_read = mmio_write = write_dr7 = write_back_caches = hypercall = _no_page
