"""Which pages the RMP covers (APM Vol. 2, 15.36.4 and "Segmented RMP", 15.36.22)."""

from spec.logic import all_of
from spec.rmp.authority import page_of
from spec.system.state import System
from spec.vocabulary import Address

SPA_BITS = 52
REGION_SHIFT = 9


def is_covered(system: System, spa: Address) -> bool:
    """Whether the page at `spa` has an RMP entry; no page beyond 52 address bits has."""
    return all_of(spa >> SPA_BITS == 0, system.covered[page_of(spa) >> REGION_SHIFT])
