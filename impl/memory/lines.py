"""Cache lines between the cores and memory, as far as it matters that memory may be older than what cores see.

APM Vol. 2, 15.34.9 and 15.36.14. Two histories are kept: what memory held before a line was modified, and what the host
modified while a page was its own. A processor that keeps caches coherent (R20) lets nobody see either.
"""

from dataclasses import dataclass, field

from impl.memory.engine import PAGE_BYTES
from impl.memory.physical import PhysicalMemory


@dataclass
class Lines:
    """Modified lines by the SPA of their page; those of one page are modified and dropped together."""

    behind: dict[int, bytes] = field(default_factory=dict)
    """What memory holds where a cache has something newer."""
    of_host: dict[int, bytes] = field(default_factory=dict)
    """What the host's lines hold of pages that it wrote."""

    def modifying(self, memory: PhysicalMemory, spa: int) -> None:
        """A core is about to write in the page."""
        page = spa - spa % PAGE_BYTES
        if page not in self.behind:
            self.behind[page] = memory.read_raw(page, PAGE_BYTES)

    def modified_by_host(self, memory: PhysicalMemory, spa: int) -> None:
        """The host has written in the page."""
        page = spa - spa % PAGE_BYTES
        self.of_host[page] = memory.read_raw(page, PAGE_BYTES)

    def write_back(self, page: int) -> None:
        """Memory holds what cores see."""
        self.behind.pop(page, None)

    def drop(self, memory: PhysicalMemory, page: int, *, coherent: bool) -> bool:
        """INVD: whether modified lines were lost; a processor that keeps to R20 writes them back instead."""
        older = self.behind.pop(page, None)
        if older is None or coherent:
            return False
        memory.write_raw(page, older)
        return True

    def leave(self, memory: PhysicalMemory, page: int, *, coherent: bool) -> bool:
        """The host's line of the page leaves the cache, late. Whether it overwrote anything."""
        line = self.of_host.pop(page, None)
        if line is None or coherent:
            return False
        memory.write_raw(page, line)
        return True

    def evict(self, page: int) -> None:
        """A guest evicts what is left of the page's shared life (CPUID Fn8000_001F EBX[31], COHERENCY_SFW_NO)."""
        self.of_host.pop(page, None)
