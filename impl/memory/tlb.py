"""Translation lookaside buffers: what each core remembers of walks and of the RMP checks that came with them.

APM Vol. 2, "TLB Management" (15.16 and, for SNP, 15.36.15). An entry is found by ASID and virtual address alone, so
the hypervisor's flushes decide what a guest sees; with SNP the processor flushes where that would not be safe.
"""

from dataclasses import dataclass, field

from impl.memory.engine import PAGE_BYTES
from spec.vocabulary import PAGES_PER_2M, MappingSize

_BYTES = {
    MappingSize.MAP_4K: PAGE_BYTES,
    MappingSize.MAP_2M: PAGE_BYTES * PAGES_PER_2M,
    MappingSize.MAP_1G: PAGE_BYTES * PAGES_PER_2M**2,
}


@dataclass(frozen=True)
class Cached:
    """One translation, checked when it was filled. Addresses are those of the first byte of the span."""

    asid: int
    gva: int
    gpa: int
    spa: int
    size: MappingSize
    """How far the translation reaches: the smaller one of the guest's mapping and the nested one."""
    c_bit: bool
    writable: bool
    """It was filled by a write, so that rights and dirty bit were seen to."""
    fetched: bool
    """It was filled by an instruction fetch."""

    def holds(self, gva: int) -> bool:
        """Whether the virtual address lies in the span."""
        return 0 <= gva - self.gva < _BYTES[self.size]

    def touches(self, first: int, last: int) -> bool:
        """Whether some byte of the span lies in these system-physical addresses."""
        return self.spa <= last and first < self.spa + _BYTES[self.size]


@dataclass(frozen=True)
class Entered:
    """What last ran on a core."""

    asid: int
    vmsa: int | None
    vmpl: int


@dataclass
class Tlb:
    """The entries of every core, any number."""

    entries: dict[int, list[Cached]] = field(default_factory=dict)
    entered: dict[int, Entered] = field(default_factory=dict)

    def find(self, core: int, asid: int, gva: int, *, writes: bool, fetches: bool) -> Cached | None:
        """The entry that an access uses; one that another kind of access filled does not serve."""
        for entry in self.entries.get(core, ()):
            if entry.asid == asid and entry.holds(gva) and entry.fetched == fetches and (entry.writable or not writes):
                return entry
        return None

    def fill(self, core: int, entry: Cached) -> None:
        """Remember a translation."""
        self.entries.setdefault(core, []).insert(0, entry)

    def flush(self, core: int, asid: int | None = None) -> None:
        """Forget what the core has of an ASID, or all."""
        kept = [entry for entry in self.entries.get(core, ()) if asid is not None and entry.asid != asid]
        self.entries[core] = kept

    def flush_address(self, core: int, asid: int, gva: int) -> None:
        """INVLPG in a guest."""
        self.entries[core] = [e for e in self.entries.get(core, ()) if e.asid != asid or not e.holds(gva)]

    def drop_memory(self, first: int, last: int) -> None:
        """Forget on every core what leads to these system-physical addresses."""
        for core, entries in self.entries.items():
            self.entries[core] = [entry for entry in entries if not entry.touches(first, last)]
