"""What a hypervisor emulates: CPUID, MSRs, counters, ports and devices in memory space.

One object with the questions of `impl/vc/exits.py`, whoever asks: the hypervisor itself for an SEV guest, or the
guest's #VC handler over the GHCB. Counters advance with each reading, so the same program reads the same values.
"""

from collections.abc import Mapping

from impl.firmware.cpuid_page import CpuidFunction
from impl.guest.layout import BLOCK_DEVICE
from impl.hypervisor.devices.block import BlockDevice
from impl.hypervisor.devices.bus import Bus, Traffic
from impl.hypervisor.devices.serial import PORTS as SERIAL_PORTS
from impl.hypervisor.devices.serial import Serial
from impl.hypervisor.devices.timer import PORTS as TIMER_PORTS
from impl.hypervisor.devices.timer import Timer
from impl.memory.engine import PAGE_BYTES
from impl.vc.exits import CpuidReply, ExceptionRequested
from spec.ghcb.vocabulary.answers import EVENT_ERROR_CODE_VALID, EVENT_TYPE_SHIFT, EVENT_VALID, EventType, Vector

SERIAL_BASE, TIMER_BASE = 0x3F8, 0x40
GENERAL_PROTECTION = EVENT_VALID | EVENT_ERROR_CODE_VALID | EventType.EXCEPTION << EVENT_TYPE_SHIFT | Vector.GP
"""#GP(0) in the form of EVENTINJ."""
TSC_STEP = 1000
TSC_AUX = 0x5E7
COUNTERS = 6

CPUID: tuple[tuple[int, int, CpuidReply], ...] = (
    (0x0, 0, CpuidReply(0xD, 0x68747541, 0x444D4163, 0x69746E65)),
    (0x1, 0, CpuidReply(0x00A1_0F11, 0x0000_0800, 0x0000_0201, 0x0781_FBFF)),
    (0x7, 0, CpuidReply(0, 0x0000_0128, 0, 0)),
    (0xD, 0, CpuidReply(3, 0x240, 0x340, 0)),
    (0xD, 1, CpuidReply(0, 0x240, 0, 0)),
    (0x8000_0000, 0, CpuidReply(0x8000_001F, 0x68747541, 0x444D4163, 0x69746E65)),
    (0x8000_0001, 0, CpuidReply(0x00A1_0F11, 0, 0x0000_0001, 0x2010_0800)),
    (0x8000_001F, 0, CpuidReply(0x0000_001B, 0x0000_0173, 0x0000_01FD, 0x0000_0001)),
)
"""Leaf, subleaf, answer: an EPYC's first leaves, as few as a small guest needs. All other leaves read as zeros."""
MSRS: Mapping[int, int] = {
    0x0000_001B: 0xFEE0_0900,  # APIC_BASE
    0x0000_0277: 0x0007_0406_0007_0406,  # PAT
    0xC001_0015: 0x0000_0000_0900_0011,  # HWCR
    0xC001_0131: 0x0000_0000_0000_0001,  # SEV_STATUS
    0x4B56_4D00: 0,  # a paravirtual clock's address
}
"""MSRs that can be read and written, with their first values; any other is #GP(0)."""


class Emulated:
    """One virtual processor's platform."""

    def __init__(self) -> None:
        self.traffic: list[Traffic] = []
        """Every access to a port or an address, in order."""
        self.serial, self.timer, self.block = Serial(), Timer(), BlockDevice()
        self.bus = Bus(self.traffic.append)
        self.bus.at_ports(SERIAL_BASE, SERIAL_PORTS, self.serial)
        self.bus.at_ports(TIMER_BASE, TIMER_PORTS, self.timer)
        self.bus.at_memory(BLOCK_DEVICE.gpa, BLOCK_DEVICE.pages * PAGE_BYTES, self.block)
        self.msrs = dict(MSRS)
        self.dr7 = 0x400
        self.calls: list[int] = []
        """RAX of every hypercall."""
        self._tsc = 0
        self.port_in, self.port_out = self.bus.port_in, self.bus.port_out
        self.mmio_read, self.mmio_write = self.bus.mmio_read, self.bus.mmio_write

    def cpuid(self, leaf: int, subleaf: int, _: int | None) -> CpuidReply:
        """From the table; ECX counts only where the table has more than one answer."""
        answers = [(sub, reply) for number, sub, reply in CPUID if number == leaf]
        if leaf in (0x7, 0xD):
            answers = [(sub, reply) for sub, reply in answers if sub == subleaf]
        return answers[0][1] if answers else CpuidReply(0, 0, 0, 0)

    def read_msr(self, msr: int) -> int:
        """Unknown ones are #GP(0)."""
        if msr not in self.msrs:
            raise ExceptionRequested(GENERAL_PROTECTION)
        return self.msrs[msr]

    def write_msr(self, msr: int, value: int) -> None:
        """The same."""
        if msr not in self.msrs:
            raise ExceptionRequested(GENERAL_PROTECTION)
        self.msrs[msr] = value

    def read_tsc(self) -> int:
        """Later at each reading."""
        self._tsc += TSC_STEP
        return self._tsc << 20 | self._tsc

    def read_tscp(self) -> tuple[int, int]:
        """The same, with TSC_AUX."""
        return self.read_tsc(), TSC_AUX

    def read_counter(self, counter: int) -> int:
        """Performance counters that count nothing; one that does not exist is #GP(0)."""
        if counter >= COUNTERS:
            raise ExceptionRequested(GENERAL_PROTECTION)
        return 0

    def write_dr7(self, value: int) -> None:
        """Kept, and no breakpoint is armed."""
        self.dr7 = value

    def write_back_caches(self) -> None:
        """Nothing of this platform is cached."""

    def hypercall(self, rax: int, cpl: int) -> int:
        """An interface of our own: the call's number, inverted, so that an answer shows."""
        self.calls.append(rax << 2 | cpl)
        return ~rax & 0xFFFF_FFFF_FFFF_FFFF


def cpuid_functions() -> list[CpuidFunction]:
    """The same table as an SNP guest's CPUID page wants it."""
    return [
        CpuidFunction(
            eax_in=leaf,
            ecx_in=subleaf,
            xcr0_in=1 if leaf == 0xD else 0,
            xss_in=0,
            eax=reply.eax,
            ebx=reply.ebx,
            ecx=reply.ecx,
            edx=reply.edx,
        )
        for leaf, subleaf, reply in CPUID
    ]
