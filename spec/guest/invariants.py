"""What a careful guest can rely on, and no other: each of its pages has one valid copy (RMP-I34).

The copy is a validated page of memory or a metadata entry that can bring one back. Which rule of the guest each part
rests on is shown by dropping it: `proofs/small_world.py`.
"""

from spec.firmware.state import MetadataEntry, MetadataSlot, SealedSlot
from spec.guest.copies import context, counts, counts_at, counts_inside, frame_of, is_running, is_valid_at
from spec.guest.ghost import HomeKind
from spec.guest.world import World, asid_of
from spec.logic import all_of, any_of, implies, none_of
from spec.registry import Outcome, invariant
from spec.rmp.access_invariants import is_private
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.authority import effective, page_of
from spec.vocabulary import Event, Gfn, Guarantor, Pfn

GUEST = Guarantor.GUEST
VALIDATION = "APM Vol. 2, 15.36.6"
CHECKS = "APM Vol. 2, 15.36.10, Table 15-39"
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT" and "SNP_PAGE_SWAP_IN"'
UNIQUE = ("D1", "D2", "D3", "D4", "D8", "D9")
"""The rules that keep copies unique; those about masks have no part in it."""
OWN_STEPS = (
    "launch_update",
    "careful_accept",
    "careful_accept_later",
    "careful_unvalidated",
    "careful_rescind",
    "careful_share",
)
"""The steps by which a careful guest, or its launch, gives an address a page or takes it away."""


@invariant("RMP-I34", guarantor=GUEST, manual=VALIDATION, needs=("K-GPA0",), premises=UNIQUE)
def valid_pages_are_unique(world: World, page: Pfn) -> bool:
    """At most one page is valid at each of the guest's addresses: the home of that address."""
    entry = effective(world.system.rmp, page)
    owned = all_of(entry.asid != 0, entry.asid == asid_of(world))
    valid = all_of(entry.validated, owned, world.guest.uses[entry.gfn], is_running(world))
    home = world.ghost.home[entry.gfn]
    return implies(valid, all_of(home.kind == HomeKind.PAGE, home.page == page))


@invariant("RMP-I34-ACCEPTED", guarantor=GUEST, manual=VALIDATION, needs=("K-GPA0",), premises=UNIQUE)
def what_is_not_accepted_has_no_home(world: World, gfn: Gfn) -> bool:
    """An address that the guest does not count as accepted has no valid copy."""
    forgotten = all_of(none_of(world.guest.accepted[gfn]), world.guest.uses[gfn], is_running(world))
    return implies(forgotten, world.ghost.home[gfn].kind == HomeKind.NONE)


def is_home(world: World, entry: MetadataEntry, gfn: Gfn) -> bool:
    """The entry is the valid copy of each page that it can bring back."""
    home = world.ghost.home[gfn]
    return implies(
        all_of(frame_of(entry, gfn), world.guest.uses[gfn]), all_of(home.kind == HomeKind.TOKEN, home.iv == entry.iv)
    )


@invariant("RMP-I34-ROOT", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",), premises=UNIQUE)
def root_entry_is_the_home(world: World, gfn: Gfn) -> bool:
    """The root metadata entry is the one valid copy of what it can bring back."""
    entry = context(world).root_metadata
    return implies(all_of(counts(world, entry), is_running(world)), is_home(world, entry, gfn))


@invariant("RMP-I34-ENTRY", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",), premises=UNIQUE)
def entries_are_homes(world: World, slot: MetadataSlot, gfn: Gfn) -> bool:
    """An entry in a METADATA page is the one valid copy of what it can bring back."""
    entry = world.system.firmware.metadata[slot]
    return implies(all_of(counts_at(world, slot), is_running(world)), is_home(world, entry, gfn))


@invariant("RMP-I34-NESTED", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",), premises=UNIQUE)
def nested_entries_are_homes(world: World, slot: SealedSlot, gfn: Gfn) -> bool:
    """An entry inside a swapped-out METADATA page is the one valid copy of what it can bring back."""
    entry = world.system.firmware.sealed[slot]
    return implies(all_of(counts_inside(world, slot), is_running(world)), is_home(world, entry, gfn))


@invariant("RMP-I36", guarantor=GUEST, manual=CHECKS, needs=("K-GPA0",), premises=UNIQUE, by=("access",))
def remapped_addresses_fault(before: World, op: MemoryAccess, outcome: Outcome) -> bool:
    """A private access by the guest is performed only at the one valid copy of its page.

    Anywhere else it faults: "not validated" goes to the guest if the page is its own at this address, and every other
    access is a nested page fault for the hypervisor.
    """
    gfn, page = op.translation.gfn, page_of(op.translation.spa)
    own = all_of(is_private(op), op.asid != 0, op.asid == asid_of(before), before.guest.uses[gfn])
    checked = all_of(own, is_running(before), before.system.platform.features.snp_enabled)
    home = before.ghost.home[gfn]
    elsewhere = none_of(all_of(home.kind == HomeKind.PAGE, home.page == page))
    entry = effective(before.system.rmp, page)
    invalid = all_of(entry.asid == op.asid, entry.gfn == gfn, none_of(entry.validated, entry.immutable))
    told = all_of(any_of(outcome.result == Event.VC, outcome.result == Event.VMEXIT), invalid)
    return implies(all_of(checked, elsewhere), any_of(outcome.result == Event.NPF, told))


def is_lost(world: World, gfn: Gfn) -> bool:
    """The page that held the one valid copy at this address is no longer valid there: the host took it away."""
    home = world.ghost.home[gfn]
    return all_of(home.kind == HomeKind.PAGE, none_of(is_valid_at(world, home.page, gfn)))


@invariant("RMP-I38", guarantor=GUEST, manual=VALIDATION, needs=("K-GPA0",), premises=UNIQUE, unless=OWN_STEPS)
def lost_pages_stay_lost(before: World, after: World, gfn: Gfn) -> bool:
    """What the host has taken away stays lost until the guest validates the address again: nothing brings it back.

    By RMP-I36 every private access there faults, and rule D4 stops the guest when it is told.
    """
    lost = all_of(is_lost(before, gfn), before.guest.uses[gfn], is_running(after))
    return implies(lost, is_lost(after, gfn))


INVARIANTS = (
    valid_pages_are_unique,
    what_is_not_accepted_has_no_home,
    root_entry_is_the_home,
    entries_are_homes,
    nested_entries_are_homes,
    remapped_addresses_fault,
    lost_pages_stay_lost,
)
