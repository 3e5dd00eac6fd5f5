"""What is valid when a guest first runs was measured (RMP-I32), whatever the guest and the hypervisor do.

SNP_LAUNCH_UPDATE alone adds pages, and measures them. Before the first VMRUN the host can but move and swap these
pages, so the same is said of metadata entries. What arrives by migration was measured on another machine, and the
migration agent answers for it: these statements end where IMPORT or ABSORB succeeds.
"""

from spec.firmware.state import MetadataEntry, MetadataSlot, SealedSlot
from spec.guest.copies import context, counts, counts_at, counts_inside, frame_of, is_running
from spec.guest.measured import as_measured
from spec.guest.world import World, asid_of
from spec.logic import all_of, any_of, implies, ite, none_of
from spec.registry import invariant
from spec.rmp.authority import effective
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import Gfn, Guarantor, Pfn

FW = Guarantor.FIRMWARE
LAUNCH = 'Firmware ABI (56860), "SNP_LAUNCH_UPDATE"'
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT" and "SNP_PAGE_SWAP_IN"'


def is_untouched(world: World) -> bool:
    """The guest has not run yet, and its life is not over."""
    return all_of(is_running(world), none_of(world.ghost.entered))


def was_measured(world: World, gfn: Gfn, masks: VmplMasks) -> bool:
    """Something with these masks was measured at this address."""
    return world.ghost.measured[as_measured(gfn, masks)]


def type_was_measured(world: World, gfn: Gfn, masks: VmplMasks, vmsa: bool) -> bool:
    """A VMSA was measured at the address of a VMSA page; another page was measured as none, with its masks.

    Of a VMSA the masks are left to RMP-I32: LAUNCH_UPDATE does not look at the VMSA attribute that a page already has.
    A page that VMSA content was moved away from keeps it, and can be launched again at the same address as data.
    """
    return ite(vmsa, world.ghost.measured_vmsa[gfn], world.ghost.measured_data[as_measured(gfn, masks)])


@invariant("RMP-I32", guarantor=FW, manual=LAUNCH, needs=("K-GPA0",))
def valid_pages_were_measured(world: World, page: Pfn) -> bool:
    """Until VMRUN first enters a guest, each valid page of it was measured at its address with its VMPL1 to 3 masks."""
    entry = effective(world.system.rmp, page)
    valid = all_of(entry.validated, entry.asid != 0, entry.asid == asid_of(world), is_untouched(world))
    return implies(valid, was_measured(world, entry.gfn, entry.masks))


def brings_what_was_measured(world: World, entry: MetadataEntry, gfn: Gfn) -> bool:
    """The same of the page that an entry brings back."""
    return implies(all_of(frame_of(entry, gfn), is_untouched(world)), was_measured(world, gfn, entry.masks))


@invariant("RMP-I32-ROOT", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_brings_what_was_measured(world: World, gfn: Gfn) -> bool:
    """The same of the page that the root metadata entry brings back."""
    entry = context(world).root_metadata
    return implies(counts(world, entry), brings_what_was_measured(world, entry, gfn))


@invariant("RMP-I32-ENTRY", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def entries_bring_what_was_measured(world: World, slot: MetadataSlot, gfn: Gfn) -> bool:
    """The same of the page that an entry in a METADATA page brings back."""
    return implies(counts_at(world, slot), brings_what_was_measured(world, world.system.firmware.metadata[slot], gfn))


@invariant("RMP-I32-NESTED", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_bring_what_was_measured(world: World, slot: SealedSlot, gfn: Gfn) -> bool:
    """The same of the page that an entry inside a swapped-out METADATA page brings back."""
    return implies(counts_inside(world, slot), brings_what_was_measured(world, world.system.firmware.sealed[slot], gfn))


def page_type_was_measured(world: World, page: Pfn) -> bool:
    """Of a page of the guest that is valid, or a VMSA page. One that is not valid may become so with its attribute."""
    entry = effective(world.system.rmp, page)
    own = all_of(entry.asid != 0, entry.asid == asid_of(world), is_untouched(world))
    spoken_of = all_of(own, any_of(entry.validated, entry.vmsa))
    return implies(spoken_of, type_was_measured(world, entry.gfn, entry.masks, entry.vmsa))


@invariant("RMP-I32-TYPE", guarantor=FW, manual=LAUNCH, needs=("K-GPA0",))
def types_of_pages_were_measured(world: World, page: Pfn) -> bool:
    """Until VMRUN first enters a guest, its VMSA pages are at addresses where a VMSA was measured, and no others.

    Where SWAP_OUT does not compare types (knob K-SWAP-TYPE), the host turns any page into a VMSA: RMP-I32-ANY.
    """
    return implies(world.system.platform.knobs.swap_type_checked, page_type_was_measured(world, page))


def brings_measured_type(world: World, entry: MetadataEntry, gfn: Gfn) -> bool:
    """The same of what an entry brings back."""
    checked = all_of(world.system.platform.knobs.swap_type_checked, is_untouched(world))
    vmsa = all_of(entry.vmsa, none_of(entry.metadata), entry.gfn == gfn)
    return implies(
        all_of(checked, any_of(frame_of(entry, gfn), vmsa)), type_was_measured(world, gfn, entry.masks, entry.vmsa)
    )


@invariant("RMP-I32-TYPE-ROOT", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_brings_measured_type(world: World, gfn: Gfn) -> bool:
    """The same of what the root metadata entry brings back."""
    entry = context(world).root_metadata
    return implies(counts(world, entry), brings_measured_type(world, entry, gfn))


@invariant("RMP-I32-TYPE-ENTRY", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def entries_bring_measured_types(world: World, slot: MetadataSlot, gfn: Gfn) -> bool:
    """The same of what an entry in a METADATA page brings back."""
    return implies(counts_at(world, slot), brings_measured_type(world, world.system.firmware.metadata[slot], gfn))


@invariant("RMP-I32-TYPE-NESTED", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_bring_measured_types(world: World, slot: SealedSlot, gfn: Gfn) -> bool:
    """The same of what an entry inside a swapped-out METADATA page brings back."""
    return implies(counts_inside(world, slot), brings_measured_type(world, world.system.firmware.sealed[slot], gfn))


INVARIANTS = (
    valid_pages_were_measured,
    root_entry_brings_what_was_measured,
    entries_bring_what_was_measured,
    nested_entries_bring_what_was_measured,
    types_of_pages_were_measured,
    root_entry_brings_measured_type,
    entries_bring_measured_types,
    nested_entries_bring_measured_types,
)
