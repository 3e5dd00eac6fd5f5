"""The state of the machine as the rules see it."""

from typing import Annotated

from spec.features import Platform
from spec.firmware.state import Firmware
from spec.maps import Map
from spec.record import record
from spec.rmp.entry import RmpEntry
from spec.vocabulary import Asid, Bits, Pfn

Region = Annotated[int, Bits(31)]
"""A 2 MiB region: SPA[51:21]."""
PageCounter = Annotated[int, Bits(64)]
"""A per-ASID counter of the RMP's bookkeeping area."""


@record
class System:
    """Everything a step can read or change."""

    platform: Platform
    covered: Map[Region, bool]
    """The 2 MiB regions that the RMP has entries for; see `spec/rmp/coverage.py`."""
    rmp: Map[Pfn, RmpEntry]
    """The raw table."""
    in_use: Map[Pfn, bool]
    """Pages that VMRUN holds."""
    asid_pages: Map[Asid, PageCounter]
    """The per-ASID counters."""
    firmware: Firmware
