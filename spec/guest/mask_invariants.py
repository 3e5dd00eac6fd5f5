"""Levels inside one guest (theorem T3): VMPL1 to VMPL3 have of a page what VMPL0 or the launch gave them (rule D6).

VMPL0 is careful; the other levels are not, and the host is not. Masks travel with a page that is moved or swapped, and
so the same is said of metadata entries. Whether caches of old masks are flushed is rule D5, and not state yet.
"""

from spec.firmware.state import MetadataEntry, MetadataSlot, SealedSlot
from spec.guest.copies import context, counts, counts_at, counts_inside, frame_of, is_running
from spec.guest.given import Given
from spec.guest.world import World, asid_of
from spec.logic import all_of, implies, is_subset, none_of
from spec.registry import Outcome, invariant
from spec.rmp.access_invariants import is_private
from spec.rmp.access_kind import MemoryAccess, required
from spec.rmp.authority import effective
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import Event, Gfn, Guarantor, Permission, Pfn

GUEST = Guarantor.GUEST
LEVELS = "APM Vol. 2, 15.36.7"
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT" and "SNP_PAGE_SWAP_IN"'


def within(masks: VmplMasks, given: Given) -> bool:
    """No less privileged level has more than was given."""
    return all_of(
        is_subset(masks.vmpl1, of=given.most(1)),
        is_subset(masks.vmpl2, of=given.most(2)),
        is_subset(masks.vmpl3, of=given.most(3)),
    )


@invariant("RMP-T3-PAGE", guarantor=GUEST, manual=LEVELS, needs=("K-GPA0",))
def levels_have_what_was_given(world: World, page: Pfn) -> bool:
    """Of a valid page VMPL1 to VMPL3 have at most what the launch gave them, or VMPL0 since it accepted the page."""
    entry = effective(world.system.rmp, page)
    owned = all_of(entry.asid != 0, entry.asid == asid_of(world))
    valid = all_of(entry.validated, owned, world.guest.uses[entry.gfn], is_running(world))
    return implies(valid, within(entry.masks, world.guest.given[entry.gfn]))


def brings_what_was_given(world: World, entry: MetadataEntry, gfn: Gfn) -> bool:
    """The same of the page that an entry brings back."""
    return implies(
        all_of(frame_of(entry, gfn), world.guest.uses[gfn], is_running(world)),
        within(entry.masks, world.guest.given[gfn]),
    )


@invariant("RMP-T3-ROOT", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_brings_what_was_given(world: World, gfn: Gfn) -> bool:
    """The same of the page that the root metadata entry brings back."""
    entry = context(world).root_metadata
    return implies(counts(world, entry), brings_what_was_given(world, entry, gfn))


@invariant("RMP-T3-ENTRY", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def entries_bring_what_was_given(world: World, slot: MetadataSlot, gfn: Gfn) -> bool:
    """The same of the page that an entry in a METADATA page brings back."""
    return implies(counts_at(world, slot), brings_what_was_given(world, world.system.firmware.metadata[slot], gfn))


@invariant("RMP-T3-NESTED", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_bring_what_was_given(world: World, slot: SealedSlot, gfn: Gfn) -> bool:
    """The same of the page that an entry inside a swapped-out METADATA page brings back."""
    return implies(counts_inside(world, slot), brings_what_was_given(world, world.system.firmware.sealed[slot], gfn))


@invariant("RMP-T3-ACCESS", guarantor=GUEST, manual=LEVELS, needs=("K-GPA0",), by=("access",))
def levels_use_what_was_given(before: World, op: MemoryAccess, outcome: Outcome) -> bool:
    """A private access below VMPL0 is performed only with what was given: what VMPL0 keeps to itself is untouched."""
    gfn = op.translation.gfn
    own = all_of(is_private(op), op.asid != 0, op.asid == asid_of(before), before.guest.uses[gfn])
    checked = all_of(own, is_running(before), before.system.platform.features.snp_enabled)
    performed = all_of(checked, op.vmpl != 0, outcome.result == Event.COMPLETES)
    return implies(performed, is_subset(required(before.system, op), of=before.guest.given[gfn].most(op.vmpl)))


def no_writers(masks: VmplMasks) -> bool:
    """Only VMPL0 may write."""
    return (masks.vmpl1 | masks.vmpl2 | masks.vmpl3) & Permission.WRITE == 0


def is_closed(world: World, page: Pfn) -> bool:
    """If the page is a VMSA page of the guest, only VMPL0 may write it."""
    entry = effective(world.system.rmp, page)
    owned = all_of(entry.asid != 0, entry.asid == asid_of(world), is_running(world))
    return implies(all_of(entry.vmsa, owned), no_writers(entry.masks))


@invariant("RMP-I42", guarantor=GUEST, manual=LEVELS, needs=("K-GPA0",))
def vmsas_are_closed(world: World, page: Pfn) -> bool:
    """No level but VMPL0 may write a VMSA page of the guest, where SWAP_OUT compares types (knob K-SWAP-TYPE).

    Where it does not, the host makes a VMSA of any page that a lower level may write: RMP-I42-ANY.
    """
    return implies(world.system.platform.knobs.swap_type_checked, is_closed(world, page))


def brings_closed_vmsa(world: World, entry: MetadataEntry) -> bool:
    """The same of a VMSA that an entry brings back."""
    checked = world.system.platform.knobs.swap_type_checked
    return implies(all_of(entry.vmsa, none_of(entry.metadata), checked, is_running(world)), no_writers(entry.masks))


@invariant("RMP-I42-ROOT", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_brings_closed_vmsas(world: World) -> bool:
    """The same of a VMSA that the root metadata entry brings back."""
    entry = context(world).root_metadata
    return implies(counts(world, entry), brings_closed_vmsa(world, entry))


@invariant("RMP-I42-ENTRY", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def entries_bring_closed_vmsas(world: World, slot: MetadataSlot) -> bool:
    """The same of a VMSA that an entry in a METADATA page brings back."""
    return implies(counts_at(world, slot), brings_closed_vmsa(world, world.system.firmware.metadata[slot]))


@invariant("RMP-I42-NESTED", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_bring_closed_vmsas(world: World, slot: SealedSlot) -> bool:
    """The same of a VMSA that an entry inside a swapped-out METADATA page brings back."""
    return implies(counts_inside(world, slot), brings_closed_vmsa(world, world.system.firmware.sealed[slot]))


INVARIANTS = (
    levels_have_what_was_given,
    root_entry_brings_what_was_given,
    entries_bring_what_was_given,
    nested_entries_bring_what_was_given,
    levels_use_what_was_given,
    vmsas_are_closed,
    root_entry_brings_closed_vmsas,
    entries_bring_closed_vmsas,
    nested_entries_bring_closed_vmsas,
)
