"""What one might expect and nothing promises: statements that do not hold, each with a trace (`proofs/premises.py`)."""

from spec.guest.copies import is_running
from spec.guest.invariants import is_lost
from spec.guest.launch_invariants import page_type_was_measured
from spec.guest.mask_invariants import is_closed
from spec.guest.world import World, asid_of
from spec.logic import all_of, implies, is_subset, none_of
from spec.registry import invariant
from spec.rmp.authority import effective
from spec.vocabulary import Gfn, Guarantor, Pfn

NOBODY = Guarantor.NOBODY


@invariant("RMP-I43", guarantor=NOBODY, manual="APM Vol. 2, 15.36.7")
def masks_shrink_with_privilege(world: World, page: Pfn) -> bool:
    """VMPL2 has nothing that VMPL1 lacks, and VMPL3 nothing that VMPL2 lacks. VMPL0 may give them more."""
    entry = effective(world.system.rmp, page)
    own = all_of(entry.asid != 0, entry.asid == asid_of(world))
    ordered = (is_subset(entry.masks.vmpl2, of=entry.masks.vmpl1), is_subset(entry.masks.vmpl3, of=entry.masks.vmpl2))
    return implies(own, all_of(*ordered))


@invariant("RMP-I48", guarantor=NOBODY, manual="APM Vol. 2, 15.36.5")
def accepted_pages_stay_usable(world: World, gfn: Gfn) -> bool:
    """The guest keeps a page that it accepted. The host may take it away, unmap it, or never run the guest again."""
    return implies(all_of(world.guest.accepted[gfn], is_running(world)), none_of(is_lost(world, gfn)))


@invariant("RMP-I42-ANY", guarantor=NOBODY, manual='Firmware ABI (56860), "SNP_PAGE_SWAP_OUT"')
def vmsas_are_closed_anyway(world: World, page: Pfn) -> bool:
    """RMP-I42 where SWAP_OUT compares no types (knob K-SWAP-TYPE): a page that VMPL1 may write becomes a VMSA."""
    return is_closed(world, page)


@invariant("RMP-I32-ANY", guarantor=NOBODY, manual='Firmware ABI (56860), "SNP_PAGE_SWAP_OUT"')
def types_were_measured_anyway(world: World, page: Pfn) -> bool:
    """RMP-I32-TYPE where SWAP_OUT compares no types (knob K-SWAP-TYPE): a page measured as data becomes a VMSA."""
    return implies(effective(world.system.rmp, page).validated, page_type_was_measured(world, page))


STATEMENTS = (
    masks_shrink_with_privilege,
    accepted_pages_stay_usable,
    vmsas_are_closed_anyway,
    types_were_measured_anyway,
)
