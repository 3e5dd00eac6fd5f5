"""What can be a copy of a guest's page: a validated page of memory, or a metadata entry that can bring one back.

An entry counts in the guest's context, in a METADATA page of the guest, and in a METADATA page that was itself swapped
out and can come back, to any depth.
"""

from spec.firmware.metadata import ENTRY_SHIFT
from spec.firmware.sealing import IV_BITS, IV_MASK, Iv
from spec.firmware.state import GuestContext, MetadataEntry, MetadataSlot, SealedSlot
from spec.guest.ghost import ROOT, HomeKind
from spec.guest.world import World, asid_of
from spec.logic import all_of, ite, none_of
from spec.rmp.authority import effective
from spec.rmp.page_state import is_metadata, untagged
from spec.vocabulary import PAGES_PER_2M, Gfn, PageSize, Pfn

POSITION = (1 << ENTRY_SHIFT) - 1
"""The bits of a slot that say which entry of its page it is."""


def is_running(world: World) -> bool:
    """The guest's life is not over; it may not have begun."""
    return none_of(world.guest.stopped)


def context(world: World) -> GuestContext:
    """The guest's context."""
    return world.system.firmware.contexts[world.guest.context]


def is_valid_at(world: World, page: Pfn, gfn: Gfn) -> bool:
    """The page is a validated page of the guest at this address."""
    entry = effective(world.system.rmp, page)
    return all_of(entry.validated, entry.asid != 0, entry.asid == asid_of(world), entry.gfn == gfn)


def holds_metadata(world: World, page: Pfn) -> bool:
    """The page is a METADATA page of the guest."""
    entry = world.system.rmp[page]
    return all_of(is_metadata(entry), untagged(entry) == world.guest.context)


def counts(world: World, entry: MetadataEntry) -> bool:
    """The metadata entry can bring something of the guest back."""
    return all_of(entry.valid, entry.tag_oek == context(world).oek)


def counts_at(world: World, slot: MetadataSlot) -> bool:
    """The slot of a METADATA page of the guest has an entry that counts."""
    return all_of(holds_metadata(world, slot >> ENTRY_SHIFT), counts(world, world.system.firmware.metadata[slot]))


def frame_of(entry: MetadataEntry, gfn: Gfn) -> bool:
    """`gfn` is a guest address of the page that the entry brings back."""
    base = gfn & ~(PAGES_PER_2M - 1)
    first = ite(entry.page_size == PageSize.SIZE_2M, base, gfn)
    return all_of(entry.page_validated, none_of(entry.metadata), entry.gfn == first)


def seal_is_live(world: World, iv: Iv) -> bool:
    """A METADATA page was swapped out with this IV, and its entry was not used up."""
    container = world.ghost.of_seal[iv]
    home = world.ghost.container[container]
    return all_of(container != ROOT, container < world.ghost.next_container, home.kind == HomeKind.TOKEN, home.iv == iv)


def iv_of(slot: SealedSlot) -> int:
    """The IV with which the METADATA page was sealed."""
    return (slot >> ENTRY_SHIFT) & IV_MASK


def is_in_live_seal(world: World, slot: SealedSlot) -> bool:
    """The slot belongs to a METADATA page of the guest that is swapped out and was not brought back.

    The page counts even if its own entry was overwritten since, and nothing can bring it back any more.
    """
    iv = iv_of(slot)
    own = slot >> (IV_BITS + ENTRY_SHIFT) == context(world).oek
    return all_of(own, world.ghost.live[iv], seal_is_live(world, iv))


def counts_inside(world: World, slot: SealedSlot) -> bool:
    """The slot of a swapped-out METADATA page of the guest has an entry that counts."""
    return all_of(is_in_live_seal(world, slot), counts(world, world.system.firmware.sealed[slot]))
