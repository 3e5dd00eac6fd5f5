"""The list of page ranges that the host wants HV_FIXED, and firmware's walk over it (ABI, "RANGE_LIST Structure").

Firmware copies the list before it reads it, so the host cannot change it under the walk.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.maps import Map
from spec.record import record
from spec.vocabulary import Address, Bits, Pfn

RangeNumber = Annotated[int, Bits(8, "range")]
MAX_RANGES = 255
"""As many fit the list's page."""


@unique
class WalkPhase(IntEnum):
    """Firmware walks the list twice, so that it writes nothing before it has seen every page."""

    DONE = 0
    CHECKING = 1
    WRITING = 2


@record
class PageRange:
    """One entry of the list."""

    base: Address
    """Of the first page, its C-bit removed."""
    page_count: Annotated[int, Bits(32)]
    reserved: bool


@record
class RangeWalk:
    """How far SNP_PAGE_SET_STATE has come: the next page is page number `page` of range number `current`."""

    phase: Annotated[int, Bits(2)]
    """A `WalkPhase`."""
    count: Annotated[int, Bits(8)]
    ranges: Map[RangeNumber, PageRange]
    rmp_pages: Map[Pfn, bool]
    """The pages of the RMP itself, which firmware cuts out of every range. A fact of the platform."""
    current: RangeNumber
    page: Annotated[int, Bits(32)]


NO_WALK = RangeWalk(
    phase=WalkPhase.DONE,
    count=0,
    ranges=Map(PageRange(base=0, page_count=0, reserved=False)),
    rmp_pages=Map(False),
    current=0,
    page=0,
)
