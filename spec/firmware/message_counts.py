"""How many messages a guest and firmware have exchanged under each VMPCK (ABI, "Guest Messages").

A request has the next number, which is odd; its response the one after. So no number is used twice under one key.
"""

from typing import Annotated

from spec.firmware.state import MessageCounts
from spec.logic import ite, select
from spec.vocabulary import Bits

LAST_COUNT = (1 << 64) - 2
"""No request is answered any more."""
COUNT_MASK = (1 << 64) - 1
Vmpck = Annotated[int, Bits(8)]
"""MSG_VMPCK of a header, known to be below 4."""


def count_of(counts: MessageCounts, vmpck: Vmpck) -> int:
    """The count of one VMPCK."""
    return select(vmpck & 3, (counts.vmpck0, counts.vmpck1, counts.vmpck2, counts.vmpck3))


def counted(counts: MessageCounts, vmpck: Vmpck) -> MessageCounts:
    """The counts after one more request and its response."""

    def after(number: int, count: int) -> int:
        return ite(vmpck & 3 == number, (count + 2) & COUNT_MASK, count)

    return MessageCounts(
        after(0, counts.vmpck0), after(1, counts.vmpck1), after(2, counts.vmpck2), after(3, counts.vmpck3)
    )
