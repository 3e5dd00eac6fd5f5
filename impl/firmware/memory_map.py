"""The platform's memory map, and which addresses the firmware lets a command name."""

from dataclasses import dataclass

from impl.rmp.table import RmpTable
from spec.vocabulary import Status

GIB = 1 << 30
PAGE_BYTES = 0x1000


@dataclass(frozen=True)
class Span:
    """System-physical addresses from `first` to `last`, both included. Bytes."""

    first: int
    last: int

    def overlaps(self, other: "Span") -> bool:
        """Whether some byte lies in both."""
        return self.first <= other.last and other.first <= self.last

    def holds(self, other: "Span") -> bool:
        """Whether every byte of `other` lies in this one."""
        return self.first <= other.first and other.last <= self.last


def page_span(spa: int) -> Span:
    """The 4 KiB page that holds `spa`."""
    first = spa - spa % PAGE_BYTES
    return Span(first, first + PAGE_BYTES - 1)


ASEG = Span(0xA_0000, 0xB_FFFF)
"""The compatibility SMM area."""
HYPERTRANSPORT = Span(0xFD_0000_0000, 0xFD_FFFF_FFFF)
"""Legacy HyperTransport area; never guest memory."""


@dataclass(frozen=True)
class MemoryMap:
    """What lies where in system-physical memory."""

    dram: tuple[Span, ...] = (Span(0, 6 * GIB - 1),)
    """Regions of DRAM; whatever must lie in DRAM lies in one of them."""
    tseg: Span | None = Span(0xF000_0000, 0xF07F_FFFF)
    """SMM memory."""
    aseg: Span | None = ASEG
    tmrs: tuple[Span, ...] = ()
    """Trusted memory regions that software may not access."""
    ring_buffers: tuple[Span, ...] = ()
    """Command and status queues of the mailbox."""
    iommu_buffers: tuple[Span, ...] = ()
    """Event log, peripheral page request log and completion-wait buffers, in whole pages."""
    maximum_address: int = 0x7FC_FFFF_FFFF
    """The highest address that a command may name."""

    def in_dram(self, span: Span) -> bool:
        """Whether one region of DRAM holds the span."""
        return any(region.holds(span) for region in self.dram)

    @property
    def forbidden(self) -> tuple[Span, ...]:
        """Spans that a command may not touch."""
        system = tuple(span for span in (self.tseg, self.aseg) if span is not None)
        return system + self.tmrs + self.ring_buffers

    @property
    def reserved(self) -> tuple[Span, ...]:
        """Spans in or out of DRAM that SNP_INIT makes HV_FIXED."""
        return (*(span for span in (self.tseg, self.aseg) if span is not None), HYPERTRANSPORT)

    def forbids(self, span: Span) -> bool:
        """Whether a command may not name the span, whatever the RMP says of it."""
        return span.last > self.maximum_address or any(span.overlaps(other) for other in self.forbidden)

    def refusal(self, span: Span, rmp: RmpTable) -> Status | None:
        """Why the firmware does not access the span, or None."""
        if self.forbids(span):
            return Status.INVALID_ADDRESS
        if any(rmp.contains(byte) for byte in (*range(span.first, span.last + 1, PAGE_BYTES), span.last)):
            return Status.INVALID_ADDRESS
        return None if self.in_dram(span) else Status.INVALID_CONFIG
