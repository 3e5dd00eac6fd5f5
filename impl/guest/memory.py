"""Memory as the #VC handler asks for it: what is MMIO, the guest's own page tables and memory map say."""

from impl.completion import Completion
from impl.cpu.entry import Entry
from impl.cpu.memory import GuestAccess
from impl.guest.layout import is_device
from impl.memory.engine import PAGE_BYTES
from impl.memory.guest_paging import walk_guest
from impl.vc.memory import Place
from impl.vc.outcome import Refusal, Refused
from spec.vocabulary import AccessKind


class KernelMemory:
    """`impl/vc/memory.py` on a processor."""

    def __init__(self, entry: Entry, access: GuestAccess) -> None:
        self._entry = entry
        self._access = access

    def place(self, linear: int, size: int, cpl: int, *, write: bool) -> Place:  # noqa: ARG002 -- the processor knows it
        """MMIO if the guest maps the page as shared, at an address that is a device's."""
        kind = AccessKind.WRITE if write else AccessKind.READ
        first = self._page(linear, kind)
        in_first = PAGE_BYTES - linear % PAGE_BYTES
        if size > in_first:
            second = self._page(linear + in_first, kind)
            adjacent = second.address == first.address + in_first
            if first.mmio != second.mmio or (first.mmio and not adjacent):
                raise Refused(Refusal.PAGE_CROSSING)
        return first if first.mmio else Place(linear, mmio=False)

    def load(self, linear: int, size: int) -> int:
        """Ordinary memory, private or shared."""
        return int.from_bytes(self._access.read(linear, size), "little")

    def store(self, linear: int, size: int, value: int) -> None:
        """The same to write."""
        self._access.write(linear, value.to_bytes(size, "little"))

    def port_allowed(self, port: int, size: int) -> bool:  # noqa: ARG002 -- there is no map
        """A flat guest has no TSS, so no I/O permission map."""
        return False

    def _page(self, linear: int, kind: AccessKind) -> Place:
        """One page, as the guest's tables have it; what they refuse is a fault of the instruction."""
        while True:
            walked = walk_guest(self._entry.machine, self._entry.cpu, linear, kind)
            if not isinstance(walked, Completion):
                gpa, c_bit, _large = walked
                return Place(gpa, mmio=not c_bit and is_device(gpa))
            self._access.failed(walked)
