"""Events for intercepted instructions: the exit code is that of hardware (GHCB, 56421, "Standard VMGEXIT Events").

CPUID has inputs beyond its row where EAX is Dh; see `spec/ghcb/events.py`.
"""

from spec.ghcb.event import EventRow
from spec.ghcb.vocabulary.exits import IOIO_IN, IOIO_STRING, MSR_READ, MSR_WRITE, GhcbEvent, SvmExit
from spec.ghcb.vocabulary.page import GhcbField
from spec.vocabulary import Evidence

RAX, RBX, RCX, RDX = GhcbField.RAX, GhcbField.RBX, GhcbField.RCX, GhcbField.RDX
ALL_BITS = (1 << 64) - 1

INSTRUCTION_EVENTS = (
    EventRow(SvmExit.DR7_READ, "DR7 read", outputs=(GhcbField.DR7,), evidence=Evidence.INFERRED),
    EventRow(SvmExit.DR7_WRITE, "DR7 write", inputs=(RAX,)),
    EventRow(SvmExit.RDTSC, "RDTSC", outputs=(RAX, RDX)),
    EventRow(SvmExit.RDPMC, "RDPMC", inputs=(RCX,), outputs=(RAX, RDX)),
    EventRow(SvmExit.CPUID, "CPUID", inputs=(RAX, RCX), outputs=(RAX, RBX, RCX, RDX)),
    EventRow(SvmExit.INVD, "INVD"),
    EventRow(SvmExit.IOIO, "OUT", inputs=(RAX,), info1_mask=IOIO_IN | IOIO_STRING, info1_value=0),
    EventRow(SvmExit.IOIO, "IN", outputs=(RAX,), info1_mask=IOIO_IN | IOIO_STRING, info1_value=IOIO_IN),
    EventRow(SvmExit.IOIO, "OUTS", scratch_in=True, info1_mask=IOIO_IN | IOIO_STRING, info1_value=IOIO_STRING),
    EventRow(
        SvmExit.IOIO, "INS", scratch_out=True, info1_mask=IOIO_IN | IOIO_STRING, info1_value=IOIO_IN | IOIO_STRING
    ),
    EventRow(SvmExit.MSR, "RDMSR", inputs=(RCX,), outputs=(RAX, RDX), info1_mask=ALL_BITS, info1_value=MSR_READ),
    EventRow(SvmExit.MSR, "WRMSR", inputs=(RAX, RCX, RDX), info1_mask=ALL_BITS, info1_value=MSR_WRITE),
    EventRow(SvmExit.VMMCALL, "VMMCALL", inputs=(RAX, GhcbField.CPL), outputs=(RAX,)),
    EventRow(SvmExit.RDTSCP, "RDTSCP", outputs=(RAX, RCX, RDX)),
    EventRow(SvmExit.WBINVD, "WBINVD"),
    EventRow(SvmExit.MONITOR, "MONITOR", inputs=(RAX, RCX, RDX)),
    EventRow(SvmExit.MWAIT, "MWAIT", inputs=(RAX, RCX)),
    EventRow(GhcbEvent.MMIO_READ, "MMIO read", scratch_out=True),
    EventRow(GhcbEvent.MMIO_WRITE, "MMIO write", scratch_in=True),
)
