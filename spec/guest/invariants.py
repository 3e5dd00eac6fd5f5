"""What a careful guest can rely on, and no other: each of its pages has one valid copy (RMP-I34).

The copy is a validated page of memory or a metadata entry that can bring one back. The further statements make the
first inductive: they follow entries and METADATA pages through moving, swapping, and swapping of METADATA pages.
"""

from spec.firmware.metadata import ENTRY_SHIFT
from spec.firmware.sealing import IV_BITS, IV_MASK, Iv
from spec.firmware.state import ContextPage, GuestContext, MetadataEntry, MetadataSlot, SealedSlot
from spec.guest.ghost import ROOT, HomeKind, Place
from spec.guest.world import World, asid_of
from spec.logic import all_of, implies, ite, none_of
from spec.registry import invariant
from spec.rmp.authority import effective
from spec.rmp.page_state import is_context, is_metadata, untagged
from spec.vocabulary import PAGES_PER_2M, Gfn, Guarantor, PageSize, Pfn

GUEST = Guarantor.GUEST
VALIDATION = "APM Vol. 2, 15.36.6"
POSITION = (1 << ENTRY_SHIFT) - 1
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT" and "SNP_PAGE_SWAP_IN"'


def is_running(world: World) -> bool:
    """The guest's life is not over; it may not have begun."""
    return none_of(world.guest.stopped)


def context(world: World) -> GuestContext:
    """The guest's context."""
    return world.system.firmware.contexts[world.guest.context]


def holds_metadata(world: World, page: Pfn) -> bool:
    """The page is a METADATA page of the guest."""
    entry = world.system.rmp[page]
    return all_of(is_metadata(entry), untagged(entry) == world.guest.context)


def counts(world: World, entry: MetadataEntry) -> bool:
    """The metadata entry can bring something of the guest back."""
    return all_of(entry.valid, entry.tag_oek == context(world).oek)


def stands_at(world: World, entry: MetadataEntry, place: Place) -> bool:
    """An entry that counts is the one with its IV, was made by this key, and was not used up."""
    there = world.ghost.place[entry.iv]
    return all_of(
        world.ghost.live[entry.iv],
        there.container == place.container,
        there.position == place.position,
        entry.iv < context(world).iv_count,
    )


def frame_of(entry: MetadataEntry, gfn: Gfn) -> bool:
    """`gfn` is a guest address of the page that the entry brings back."""
    base = gfn & ~(PAGES_PER_2M - 1)
    first = ite(entry.page_size == PageSize.SIZE_2M, base, gfn)
    return all_of(entry.page_validated, none_of(entry.metadata), entry.gfn == first)


def is_home(world: World, entry: MetadataEntry, gfn: Gfn) -> bool:
    """The entry is the valid copy of each page that it can bring back."""
    home = world.ghost.home[gfn]
    return implies(
        all_of(frame_of(entry, gfn), world.guest.uses[gfn]), all_of(home.kind == HomeKind.TOKEN, home.iv == entry.iv)
    )


@invariant("RMP-I34", guarantor=GUEST, manual=VALIDATION)
def valid_pages_are_unique(world: World, page: Pfn) -> bool:
    """At most one page is valid at each of the guest's addresses: the home of that address."""
    entry = effective(world.system.rmp, page)
    owned = all_of(entry.asid != 0, entry.asid == asid_of(world))
    valid = all_of(entry.validated, owned, world.guest.uses[entry.gfn], is_running(world))
    home = world.ghost.home[entry.gfn]
    return implies(valid, all_of(home.kind == HomeKind.PAGE, home.page == page))


@invariant("RMP-I34-ACCEPTED", guarantor=GUEST, manual=VALIDATION)
def what_is_not_accepted_has_no_home(world: World, gfn: Gfn) -> bool:
    """An address that the guest does not count as accepted has no valid copy."""
    forgotten = all_of(none_of(world.guest.accepted[gfn]), world.guest.uses[gfn], is_running(world))
    return implies(forgotten, world.ghost.home[gfn].kind == HomeKind.NONE)


@invariant("RMP-I34-ROOT", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_has_its_place(world: World) -> bool:
    """The root metadata entry is where the ghost state has it."""
    entry = context(world).root_metadata
    return implies(all_of(counts(world, entry), is_running(world)), stands_at(world, entry, Place(ROOT, 0)))


@invariant("RMP-I34-ROOT-HOME", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_is_the_home(world: World, gfn: Gfn) -> bool:
    """The root metadata entry is the one valid copy of what it can bring back."""
    entry = context(world).root_metadata
    return implies(all_of(counts(world, entry), is_running(world)), is_home(world, entry, gfn))


@invariant("RMP-I34-ENTRY", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def entries_have_their_places(world: World, slot: MetadataSlot) -> bool:
    """An entry in a METADATA page is where the ghost state has it."""
    page, entry = slot >> ENTRY_SHIFT, world.system.firmware.metadata[slot]
    place = Place(world.ghost.of_page[page], slot & POSITION)
    there = all_of(holds_metadata(world, page), counts(world, entry), is_running(world))
    return implies(there, stands_at(world, entry, place))


@invariant("RMP-I34-ENTRY-HOME", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def entries_are_homes(world: World, slot: MetadataSlot, gfn: Gfn) -> bool:
    """An entry in a METADATA page is the one valid copy of what it can bring back."""
    entry = world.system.firmware.metadata[slot]
    there = all_of(holds_metadata(world, slot >> ENTRY_SHIFT), counts(world, entry), is_running(world))
    return implies(there, is_home(world, entry, gfn))


@invariant("RMP-I34-FRESH", guarantor=GUEST, manual=SWAPPING)
def next_container_is_no_root(world: World) -> bool:
    """Identities of containers are drawn from 1 on."""
    return world.ghost.next_container != ROOT


@invariant("RMP-I34-PAGE", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def containers_have_one_page(world: World, page: Pfn) -> bool:
    """A METADATA page holds a container of its own."""
    container = world.ghost.of_page[page]
    home = world.ghost.container[container]
    return implies(
        all_of(holds_metadata(world, page), is_running(world)),
        all_of(
            container != ROOT,
            container < world.ghost.next_container,
            home.kind == HomeKind.PAGE,
            home.page == page,
        ),
    )


def seal_is_live(world: World, iv: Iv) -> bool:
    """A METADATA page was swapped out with this IV, and its entry was not used up."""
    container = world.ghost.of_seal[iv]
    home = world.ghost.container[container]
    return all_of(container != ROOT, container < world.ghost.next_container, home.kind == HomeKind.TOKEN, home.iv == iv)


@invariant("RMP-I34-SEAL", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def entries_of_metadata_pages_are_live_seals(world: World, slot: MetadataSlot) -> bool:
    """An entry for a METADATA page stands for a container that nothing else holds."""
    entry = world.system.firmware.metadata[slot]
    there = all_of(holds_metadata(world, slot >> ENTRY_SHIFT), counts(world, entry), entry.metadata, is_running(world))
    return implies(there, seal_is_live(world, entry.iv))


@invariant("RMP-I34-ROOT-SEAL", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_of_a_metadata_page_is_a_live_seal(world: World) -> bool:
    """The same for the root entry."""
    entry = context(world).root_metadata
    return implies(all_of(counts(world, entry), entry.metadata, is_running(world)), seal_is_live(world, entry.iv))


def is_in_live_seal(world: World, slot: SealedSlot) -> bool:
    """The slot belongs to a METADATA page of the guest that is swapped out and can come back."""
    iv = iv_of(slot)
    own = slot >> (IV_BITS + ENTRY_SHIFT) == context(world).oek
    return all_of(own, world.ghost.live[iv], seal_is_live(world, iv), is_running(world))


def iv_of(slot: SealedSlot) -> int:
    """The IV with which the METADATA page was sealed."""
    return (slot >> ENTRY_SHIFT) & IV_MASK


@invariant("RMP-I34-NESTED", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_have_their_places(world: World, slot: SealedSlot) -> bool:
    """An entry inside a swapped-out METADATA page is where the ghost state has it."""
    entry = world.system.firmware.sealed[slot]
    place = Place(world.ghost.of_seal[iv_of(slot)], slot & POSITION)
    return implies(all_of(is_in_live_seal(world, slot), counts(world, entry)), stands_at(world, entry, place))


@invariant("RMP-I34-NESTED-HOME", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_are_homes(world: World, slot: SealedSlot, gfn: Gfn) -> bool:
    """An entry inside a swapped-out METADATA page is the one valid copy of what it can bring back."""
    entry = world.system.firmware.sealed[slot]
    return implies(all_of(is_in_live_seal(world, slot), counts(world, entry)), is_home(world, entry, gfn))


@invariant("RMP-I34-NESTED-SEAL", guarantor=GUEST, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_of_metadata_pages_are_live_seals(world: World, slot: SealedSlot) -> bool:
    """METADATA pages may be swapped out inside METADATA pages, to any depth."""
    entry = world.system.firmware.sealed[slot]
    there = all_of(is_in_live_seal(world, slot), counts(world, entry), entry.metadata)
    return implies(there, seal_is_live(world, entry.iv))


@invariant("RMP-I34-LIVE", guarantor=GUEST, manual=SWAPPING)
def live_entries_have_used_ivs(world: World, iv: Iv) -> bool:
    """The next IV is that of no entry."""
    return implies(all_of(world.ghost.live[iv], is_running(world)), iv < context(world).iv_count)


@invariant("RMP-I34-BIRTH", guarantor=GUEST, manual='Firmware ABI (56860), "SNP_GCTX_CREATE"')
def nothing_is_swapped_before_birth(world: World) -> bool:
    """Before its context is created, nothing of the guest can be swapped out."""
    own = context(world)
    unborn = all_of(none_of(is_context(world.system.rmp[world.guest.context])), is_running(world))
    return implies(unborn, all_of(own.iv_count == 0, own.oek == 0, none_of(own.root_metadata.valid)))


@invariant("RMP-I34-KEY", guarantor=Guarantor.CRYPTOGRAPHY, manual='Firmware ABI (56860), "SNP_LAUNCH_START"')
def no_other_guest_has_the_key(world: World, other: ContextPage) -> bool:
    """The guest's swapping key is its own; a clone brought by a migration agent would have it too."""
    key = context(world).oek
    shared = all_of(key != 0, world.system.firmware.contexts[other].oek == key, is_running(world))
    return implies(shared, other == world.guest.context)


INVARIANTS = (
    no_other_guest_has_the_key,
    live_entries_have_used_ivs,
    nothing_is_swapped_before_birth,
    valid_pages_are_unique,
    what_is_not_accepted_has_no_home,
    root_entry_has_its_place,
    root_entry_is_the_home,
    entries_have_their_places,
    entries_are_homes,
    next_container_is_no_root,
    containers_have_one_page,
    entries_of_metadata_pages_are_live_seals,
    root_entry_of_a_metadata_page_is_a_live_seal,
    nested_entries_have_their_places,
    nested_entries_are_homes,
    nested_entries_of_metadata_pages_are_live_seals,
)
