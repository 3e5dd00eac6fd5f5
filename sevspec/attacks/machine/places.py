"""Where the host of the ladder puts its own things. Pages of the guest come from `sevspec/attacks/setting.py`."""

from collections.abc import Iterator
from itertools import count

from impl.memory.engine import PAGE_BYTES

BUFFER, OPERAND, RESPONSE = 0x2000_0000, 0x2000_1000, 0x2000_2000
"""Command buffer, memory operand of RMPUPDATE, response page of guest requests."""
HOST_SAVE = 0x2000_3000
VMCBS = {"main": 0x2000_4000, "other": 0x2000_5000, "attacker": 0x2000_6000}
CONTEXTS = {"guest": 0x3000_0000, "attacker": 0x3000_1000, "next": 0x3000_2000}
VMSAS = {"main": 0x3000_4000, "other": 0x3000_5000, "attacker": 0x3000_6000}
VMSA_FRAMES = {"main": 0x10, "other": 0x11, "attacker": 0x12}
TRUSTED_REGION, TRUSTED_BYTES = 0x3010_0000, 1 << 20
"""The region that INIT of SEV-ES takes."""
LAUNCHED = 0x3800_0000
"""Pages of launches that are measured and not run."""
NESTED, NESTED_OF_ATTACKER = 0x2100_0000, 0x2180_0000
"""Roots of nested tables, and behind each the pages for more of them."""
TABLE_FRAMES = {"main": 0x100, "other": 0x140, "stranger": 0x180}
TABLE_PAGES = {"main": 0x32000, "other": 0x32400, "stranger": 0x32800}
"""The guest's own tables: their root, and behind it pages for more."""
TABLES = 12
CORE = 0


def from_page(spa: int) -> Iterator[int]:
    """This page and those behind it."""
    return count(spa, PAGE_BYTES)
