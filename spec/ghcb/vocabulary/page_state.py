"""The buffer of a page state change (GHCB, 56421, "SNP Page State Change", NAE event 80000010h).

A header of eight bytes, then entries of eight bytes, all inside the shared buffer.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.ghcb.vocabulary.page import SHARED_BUFFER_SIZE
from spec.vocabulary import Bits

EntryIndex = Annotated[int, Bits(16)]
"""cur_entry and end_entry of the header."""

HEADER_SIZE = 8
HEADER_CURRENT_OFFSET = 0
"""Two bytes: the first entry that is not handled yet."""
HEADER_END_OFFSET = 2
"""Two bytes: the last entry, which is included."""
HEADER_RESERVED_OFFSET = 4
"""Four bytes of 0."""
ENTRY_SIZE = 8
MAX_ENTRIES = (SHARED_BUFFER_SIZE - HEADER_SIZE) // ENTRY_SIZE
"""253."""

# Parts of an entry: the lowest bit of each.

ENTRY_PAGE_SHIFT = 0
"""[11:0]: how many 4 KiB pages of this entry are handled."""
ENTRY_PAGE_MASK = 0xFFF
ENTRY_GFN_SHIFT = 12
"""[51:12]: guest frame number, of 40 bits."""
ENTRY_GFN_MASK = (1 << 40) - 1
ENTRY_OPERATION_SHIFT = 52
"""[55:52]: see `PageOperation`."""
ENTRY_OPERATION_MASK = 0xF
ENTRY_SIZE_SHIFT = 56
"""[56]: 1 for 2 MiB."""
ENTRY_RESERVED = 0x7F << 57
"""[63:57]: 0."""


@unique
class PageOperation(IntEnum):
    """What becomes of the page."""

    PRIVATE = 1
    SHARED = 2
    PSMASH = 3
    """A hint, and not in the MSR protocol."""
    UNSMASH = 4
    """The same."""


class PageStateError(IntEnum):
    """SW_EXITINFO2 of the reply; 0 where all went well so far."""

    NONE = 0
    INVALID_HEADER = 1 << 32 | 1
    INVALID_ENTRY = 1 << 32 | 2
    GENERIC = 0x100 << 32
    """The hypervisor could not change a page."""
