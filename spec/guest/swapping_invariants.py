"""Swapped pages come back once (RMP-I39), whatever the guest and the hypervisor do.

Firmware's entries are not numbered but by their IVs. The further statements follow them through METADATA pages that are
moved, swapped out, and swapped out inside others: an entry that counts is the only one with its IV.
"""

from spec.firmware.metadata import ENTRY_SHIFT, entry_at
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.sealing import Iv
from spec.firmware.state import ContextPage, MetadataEntry, MetadataSlot, SealedSlot
from spec.guest.copies import (
    POSITION,
    context,
    counts,
    counts_at,
    counts_inside,
    holds_metadata,
    is_running,
    iv_of,
    seal_is_live,
)
from spec.guest.ghost import ROOT, HomeKind, Place
from spec.guest.world import World
from spec.logic import all_of, implies, none_of
from spec.registry import Outcome, invariant
from spec.rmp.page_state import is_context
from spec.vocabulary import Guarantor, Pfn, Status

FW = Guarantor.FIRMWARE
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT" and "SNP_PAGE_SWAP_IN"'


@invariant("RMP-I39", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",), by=("page_swap_in",))
def swapped_pages_come_back_once(
    before: World, op: PageSwapIn, after: World, outcome: Outcome, slot: MetadataSlot, nested: SealedSlot
) -> bool:
    """An entry that SWAP_IN accepts was not used before, and no entry with its IV counts afterwards, anywhere."""
    iv = entry_at(before.system, op.entry, op.context).iv
    own = all_of(op.context.page == before.guest.context, is_running(after))
    firmware = after.system.firmware
    root = context(after).root_metadata
    copies = (
        all_of(counts(after, root), root.iv == iv),
        all_of(counts_at(after, slot), firmware.metadata[slot].iv == iv),
        all_of(counts_inside(after, nested), firmware.sealed[nested].iv == iv),
    )
    return implies(all_of(outcome.result == Status.SUCCESS, own), all_of(before.ghost.live[iv], none_of(*copies)))


@invariant("RMP-I39-USED", guarantor=FW, manual=SWAPPING, by=("page_swap_out", "page_swap_in"))
def used_entries_stay_used(before: World, after: World, iv: Iv) -> bool:
    """An IV whose entry was used up gets no other entry; no other step makes or uses entries."""
    used = all_of(none_of(before.ghost.live[iv]), iv < context(before).iv_count, is_running(after))
    return implies(used, none_of(after.ghost.live[iv]))


def stands_at(world: World, entry: MetadataEntry, place: Place) -> bool:
    """An entry that counts is the one with its IV, was made by this key, and was not used up."""
    there = world.ghost.place[entry.iv]
    return all_of(
        world.ghost.live[entry.iv],
        there.container == place.container,
        there.position == place.position,
        entry.iv < context(world).iv_count,
    )


@invariant("RMP-I39-ROOT", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_has_its_place(world: World) -> bool:
    """The root metadata entry is where the ghost state has it."""
    entry = context(world).root_metadata
    return implies(all_of(counts(world, entry), is_running(world)), stands_at(world, entry, Place(ROOT, 0)))


@invariant("RMP-I39-ENTRY", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def entries_have_their_places(world: World, slot: MetadataSlot) -> bool:
    """An entry in a METADATA page is where the ghost state has it."""
    place = Place(world.ghost.of_page[slot >> ENTRY_SHIFT], slot & POSITION)
    entry = world.system.firmware.metadata[slot]
    return implies(all_of(counts_at(world, slot), is_running(world)), stands_at(world, entry, place))


@invariant("RMP-I39-NESTED", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_have_their_places(world: World, slot: SealedSlot) -> bool:
    """An entry inside a swapped-out METADATA page is where the ghost state has it."""
    place = Place(world.ghost.of_seal[iv_of(slot)], slot & POSITION)
    entry = world.system.firmware.sealed[slot]
    return implies(all_of(counts_inside(world, slot), is_running(world)), stands_at(world, entry, place))


@invariant("RMP-I39-FRESH", guarantor=FW, manual=SWAPPING)
def next_container_is_no_root(world: World) -> bool:
    """Identities of containers are drawn from 1 on."""
    return world.ghost.next_container != ROOT


@invariant("RMP-I39-PAGE", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
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


@invariant("RMP-I39-SEAL", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def entries_of_metadata_pages_are_live_seals(world: World, slot: MetadataSlot) -> bool:
    """An entry for a METADATA page stands for a container that nothing else holds."""
    entry = world.system.firmware.metadata[slot]
    there = all_of(counts_at(world, slot), entry.metadata, is_running(world))
    return implies(there, seal_is_live(world, entry.iv))


@invariant("RMP-I39-ROOT-SEAL", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def root_entry_of_a_metadata_page_is_a_live_seal(world: World) -> bool:
    """The same for the root entry."""
    entry = context(world).root_metadata
    return implies(all_of(counts(world, entry), entry.metadata, is_running(world)), seal_is_live(world, entry.iv))


@invariant("RMP-I39-NESTED-SEAL", guarantor=FW, manual=SWAPPING, needs=("K-GPA0",))
def nested_entries_of_metadata_pages_are_live_seals(world: World, slot: SealedSlot) -> bool:
    """METADATA pages may be swapped out inside METADATA pages, to any depth."""
    entry = world.system.firmware.sealed[slot]
    there = all_of(counts_inside(world, slot), entry.metadata, is_running(world))
    return implies(there, seal_is_live(world, entry.iv))


@invariant("RMP-I39-LIVE", guarantor=FW, manual=SWAPPING)
def live_entries_have_used_ivs(world: World, iv: Iv) -> bool:
    """The next IV is that of no entry."""
    return implies(all_of(world.ghost.live[iv], is_running(world)), iv < context(world).iv_count)


@invariant("RMP-I39-BIRTH", guarantor=FW, manual='Firmware ABI (56860), "SNP_GCTX_CREATE"')
def nothing_is_swapped_before_birth(world: World) -> bool:
    """Before its context is created, nothing of the guest can be swapped out."""
    own = context(world)
    unborn = all_of(none_of(is_context(world.system.rmp[world.guest.context])), is_running(world))
    return implies(unborn, all_of(own.iv_count == 0, own.oek == 0, none_of(own.root_metadata.valid)))


@invariant("RMP-I39-KEY", guarantor=Guarantor.CRYPTOGRAPHY, manual='Firmware ABI (56860), "SNP_LAUNCH_START"')
def no_other_guest_has_the_key(world: World, other: ContextPage) -> bool:
    """The guest's swapping key is its own; a clone brought by a migration agent would have it too."""
    key = context(world).oek
    shared = all_of(key != 0, world.system.firmware.contexts[other].oek == key, is_running(world))
    return implies(shared, other == world.guest.context)


INVARIANTS = (
    swapped_pages_come_back_once,
    used_entries_stay_used,
    no_other_guest_has_the_key,
    live_entries_have_used_ivs,
    nothing_is_swapped_before_birth,
    root_entry_has_its_place,
    entries_have_their_places,
    nested_entries_have_their_places,
    next_container_is_no_root,
    containers_have_one_page,
    entries_of_metadata_pages_are_live_seals,
    root_entry_of_a_metadata_page_is_a_live_seal,
    nested_entries_of_metadata_pages_are_live_seals,
)
