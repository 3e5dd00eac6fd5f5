"""What a hypervisor saw of its guest at one exit, and what it gave back: the lines of `sevspec run --trace`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from impl.vc.admission import CR_READ, EXCEPTIONS
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.msr import MsrCode

OTHER_EXITS = {0x60: "INTR", 0x78: "HLT", 0x7F: "SHUTDOWN"}


@dataclass
class Seen:
    """One exit."""

    exit_code: int
    info1: int
    info2: int
    event: str = ""
    """Of VMGEXIT: the event or the message."""
    exposed: Mapping[str, int] = field(default_factory=dict)
    """Registers, fields of the GHCB that are marked valid, or the GHCB MSR."""
    data: bytes = b""
    """What the shared buffer held for this event, or the bytes at RIP."""
    stray: int = 0
    """Bytes of the GHCB page that the guest stored and that belong to nothing that it marked valid."""
    returned: Mapping[str, int] = field(default_factory=dict)
    returned_data: bytes = b""

    @property
    def name(self) -> str:
        """The exit code's name."""
        return exit_name(self.exit_code)


def exit_name(code: int) -> str:
    """An exit code or an event by its name in the manuals."""
    for names in (SvmExit, GhcbEvent):
        if code in tuple(names):
            return names(code).name
    if code in EXCEPTIONS:
        return f"EXCP{code - EXCEPTIONS.start}"
    if CR_READ <= code < EXCEPTIONS.start:
        return f"{'CR' if code < 0x20 else 'DR'}{code & 15} {'write' if code & 16 else 'read'}"
    return OTHER_EXITS.get(code, f"{code:#x}")


def message_name(code: int) -> str:
    """A message of the MSR protocol by its name."""
    return MsrCode(code).name if code in tuple(MsrCode) else f"{code:#05x}"
