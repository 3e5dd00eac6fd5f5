"""Which pages the processor writes at an exit: VMSAs, at addresses where the launch or VMPL0 made one.

They are not among the addresses of which RMP-I35 speaks. Where SWAP_OUT compares no types (knob K-SWAP-TYPE) the host
makes a VMSA of any page.
"""

from spec.firmware.state import MetadataEntry, MetadataSlot, SealedSlot
from spec.guest.copies import context, counts, counts_at, counts_inside, is_running
from spec.guest.invariants import UNIQUE
from spec.logic import all_of, implies, none_of
from spec.memory.state import Scene
from spec.memory.told import is_own
from spec.registry import invariant
from spec.rmp.authority import effective
from spec.vocabulary import Guarantor, Pfn

GUEST, HW = Guarantor.GUEST, Guarantor.HARDWARE
LEVELS = "APM Vol. 2, 15.36.7"
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT" and "SNP_PAGE_SWAP_IN"'


@invariant("RMP-I35-VMSA", guarantor=GUEST, manual=LEVELS, premises=UNIQUE)
def vmsas_are_where_they_were_made(scene: Scene, page: Pfn) -> bool:
    """A VMSA page of a careful guest, valid or not, is at an address where a VMSA was made."""
    entry = effective(scene.world.system.rmp, page)
    checked = scene.world.system.platform.knobs.swap_type_checked
    own = all_of(is_own(scene, entry), entry.vmsa, checked, is_running(scene.world))
    return implies(own, scene.written.vmsa[entry.gfn])


def brings_known_vmsa(scene: Scene, entry: MetadataEntry) -> bool:
    """The same of a VMSA that an entry brings back."""
    checked = scene.world.system.platform.knobs.swap_type_checked
    vmsa = all_of(entry.vmsa, none_of(entry.metadata), checked, is_running(scene.world))
    return implies(vmsa, scene.written.vmsa[entry.gfn])


@invariant("RMP-I35-VMSA-ROOT", guarantor=GUEST, manual=SWAPPING, premises=UNIQUE)
def root_entry_brings_known_vmsas(scene: Scene) -> bool:
    """The same of a VMSA that the root metadata entry brings back."""
    entry = context(scene.world).root_metadata
    return implies(counts(scene.world, entry), brings_known_vmsa(scene, entry))


@invariant("RMP-I35-VMSA-ENTRY", guarantor=GUEST, manual=SWAPPING, premises=UNIQUE)
def entries_bring_known_vmsas(scene: Scene, slot: MetadataSlot) -> bool:
    """The same of a VMSA that an entry in a METADATA page brings back."""
    entry = scene.world.system.firmware.metadata[slot]
    return implies(counts_at(scene.world, slot), brings_known_vmsa(scene, entry))


@invariant("RMP-I35-VMSA-NESTED", guarantor=GUEST, manual=SWAPPING, premises=UNIQUE)
def nested_entries_bring_known_vmsas(scene: Scene, slot: SealedSlot) -> bool:
    """The same of a VMSA that an entry inside a swapped-out METADATA page brings back."""
    entry = scene.world.system.firmware.sealed[slot]
    return implies(counts_inside(scene.world, slot), brings_known_vmsa(scene, entry))


@invariant("RMP-I30-VMSA", guarantor=HW, manual="APM Vol. 2, 15.36.12", premises=("R2",))
def pages_in_use_are_vmsas_or_nobodys(scene: Scene, page: Pfn) -> bool:
    """A guest's page that VMRUN holds is a VMSA, and stays one until the exit."""
    entry = effective(scene.world.system.rmp, page)
    held = all_of(scene.world.system.in_use[page], entry.asid != 0)
    return implies(held, all_of(entry.vmsa, none_of(entry.immutable)))


INVARIANTS = (
    vmsas_are_where_they_were_made,
    root_entry_brings_known_vmsas,
    entries_bring_known_vmsas,
    nested_entries_bring_known_vmsas,
    pages_in_use_are_vmsas_or_nobodys,
)
