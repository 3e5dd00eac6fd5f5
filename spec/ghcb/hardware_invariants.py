"""What hardware does for page state changes: no change of a page's owner, address or size leaves it validated."""

from spec.logic import all_of, implies
from spec.registry import invariant
from spec.rmp.authority import effective
from spec.system.state import System
from spec.vocabulary import Guarantor, Pfn


@invariant("GHCB-I28", guarantor=Guarantor.HARDWARE, manual="APM Vol. 2, 15.36.5", by=("rmpupdate",))
def changed_pages_are_not_validated(before: System, after: System, page: Pfn) -> bool:
    """What RMPUPDATE leaves validated was validated, for the same guest, at the same address."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    kept = all_of(old.validated, old.assigned == new.assigned, old.asid == new.asid, old.gfn == new.gfn)
    return implies(new.validated, kept)


INVARIANTS = (changed_pages_are_not_validated,)
