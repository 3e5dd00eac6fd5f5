"""Page tables of four levels as bytes, as a guest's launch image has them. APM Vol. 2, 5.3; the C-bit, 15.34.5."""

from impl.memory.engine import PAGE_BYTES
from impl.memory.paging import C_BIT, ENTRY_BYTES, FULL_ACCESS, LEVELS, Pte, entry_offset

USED = Pte.ACCESSED | Pte.DIRTY


class PageTables:
    """Tables that are private pages, from `root` on."""

    def __init__(self, root: int) -> None:
        """Nothing is mapped. `root` is the GPA of the first table; others follow it."""
        self.root = root
        self.pages: dict[int, bytearray] = {root: bytearray(PAGE_BYTES)}
        """Tables by GPA."""

    def map(self, linear: int, gpa: int, *, private: bool) -> None:
        """Map one page of 4 KiB."""
        table = self.root
        for level in LEVELS[:-1]:
            table = self._table(table, entry_offset(linear, level))
        leaf = gpa | FULL_ACCESS | USED | (C_BIT if private else 0)
        self._store(table, entry_offset(linear, LEVELS[-1]), leaf)

    def _table(self, table: int, offset: int) -> int:
        entry = int.from_bytes(self.pages[table][offset : offset + ENTRY_BYTES], "little")
        if entry:
            return entry & -PAGE_BYTES & ~C_BIT
        below = self.root + len(self.pages) * PAGE_BYTES
        self.pages[below] = bytearray(PAGE_BYTES)
        self._store(table, offset, below | FULL_ACCESS | USED | C_BIT)
        return below

    def _store(self, table: int, offset: int, entry: int) -> None:
        self.pages[table][offset : offset + ENTRY_BYTES] = entry.to_bytes(ENTRY_BYTES, "little")
