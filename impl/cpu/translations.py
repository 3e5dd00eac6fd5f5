"""The TLB: where linear pages lie, as the guest's page tables, the nested ones and the RMP allowed it.

APM Vol. 2, "Page-Translation Caching" (5.5) and "TLB Management" with RMPUPDATE (15.36.3). An entry holds for one kind
of access until it is flushed; a kind that was not asked for yet is walked and checked when it is.
"""

from typing import NamedTuple

from impl.completion import Completion
from impl.machine import Cpu, Machine
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.memory.guest_paging import translate
from impl.rmp.access import check_access
from impl.rmp.faults import Access
from spec.vocabulary import PAGE_SHIFT, AccessKind, Agent, Event


class Mapping(NamedTuple):
    """Where one linear page lies for one kind of access."""

    spa: int
    """Of the page."""
    asid: int
    """The key: the guest's, or 0 for a shared page."""


class Translations:
    """One processor's TLB for the guest that it runs."""

    def __init__(self, machine: Machine) -> None:
        """Empty."""
        self._machine = machine
        self._entries: dict[tuple[int, AccessKind], Mapping] = {}

    def flush(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def held(self, linear: int, kind: AccessKind) -> Mapping | None:
        """The entry of a linear address, if there is one."""
        return self._entries.get((linear >> PAGE_SHIFT, kind))

    def find(self, cpu: Cpu, linear: int, kind: AccessKind) -> Mapping | Completion:
        """The entry of a linear address; a `Completion` is the fault of the access."""
        tag = linear >> PAGE_SHIFT, kind
        found = self._entries.get(tag)
        if found is None:
            walked = self._walk(cpu, linear, kind)
            if isinstance(walked, Completion):
                return walked
            found = self._entries[tag] = walked
        return found

    def _walk(self, cpu: Cpu, linear: int, kind: AccessKind) -> Mapping | Completion:
        where = translate(self._machine, cpu, linear, kind)
        if isinstance(where, Completion):
            return where
        agent = Agent.SNP_GUEST if cpu.snp_active else Agent.NON_SNP_GUEST
        access = Access(agent, kind, where.spa, where.mapping_size, where.gpa, where.c_bit, linear)
        checked = check_access(self._machine, cpu, access)
        if checked.result != Event.COMPLETES:
            return checked
        return Mapping(where.spa - where.spa % PAGE_BYTES, cpu.asid if where.c_bit else HOST_ASID)
