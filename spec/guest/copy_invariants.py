"""No step of the host or the firmware adds a valid copy of any page of any guest, careful or not (RMP-I33).

Copies are not counted: each copy after a step is traced back to one before it. Most steps leave copies where they are
or destroy them. Three commands carry a copy elsewhere, and what they carried it from is none any more; so no two copies
come from one. PVALIDATE and LAUNCH_UPDATE are the only steps that make copies.
"""

from spec.firmware.metadata import ENTRY_SHIFT, EntryAddress, first_slot, slot_of
from spec.firmware.page_move import PageMove
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.page_swap_out import PageSwapOut
from spec.firmware.sealing import sealed_slot
from spec.firmware.state import MetadataEntry, MetadataSlot, SealedSlot
from spec.guest.copies import POSITION, context, counts, counts_at, counts_inside, frame_of, is_running, is_valid_at
from spec.guest.world import World
from spec.logic import all_of, any_of, iff, implies, ite, none_of
from spec.registry import invariant
from spec.rmp.authority import effective, offset_of
from spec.vocabulary import Gfn, Guarantor, PageSize, Pfn

FW = Guarantor.FIRMWARE
MAKING = ("pvalidate", "launch_update", "careful_accept", "careful_unvalidated", "careful_accept_later")
"""The steps that validate."""
CARRYING = ("page_move", "page_swap_out", "page_swap_in")
"""The steps that carry a copy from one place to another."""
VALIDATION = "APM Vol. 2, 15.36.6"


def alike(one: MetadataEntry, other: MetadataEntry) -> bool:
    """Two entries bring the same page back, at the same address."""
    return all_of(
        one.iv == other.iv,
        one.gfn == other.gfn,
        one.page_size == other.page_size,
        iff(one.page_validated, other.page_validated),
        iff(one.metadata, other.metadata),
    )


def page_stays(before: World, after: World, page: Pfn) -> bool:
    """If the page is a copy after the step, it was one before it, at the same address."""
    gfn = effective(after.system.rmp, page).gfn
    return implies(is_valid_at(after, page, gfn), is_valid_at(before, page, gfn))


def entry_stays(before: World, after: World, slot: MetadataSlot) -> bool:
    """If the slot of a METADATA page has a copy after the step, it had the same one before it."""
    old, new = before.system.firmware.metadata[slot], after.system.firmware.metadata[slot]
    return implies(counts_at(after, slot), all_of(counts_at(before, slot), alike(old, new)))


def nested_stays(before: World, after: World, slot: SealedSlot) -> bool:
    """The same of a slot inside a swapped-out METADATA page."""
    old, new = before.system.firmware.sealed[slot], after.system.firmware.sealed[slot]
    return implies(counts_inside(after, slot), all_of(counts_inside(before, slot), alike(old, new)))


def root_stays(before: World, after: World) -> bool:
    """The same of the root entry."""
    old, new = context(before).root_metadata, context(after).root_metadata
    return implies(counts(after, new), all_of(counts(before, old), alike(old, new)))


@invariant("RMP-I33", guarantor=FW, manual=VALIDATION, needs=("K-GPA0",), unless=(*MAKING, *CARRYING))
def host_and_firmware_make_no_copies(
    before: World, after: World, page: Pfn, slot: MetadataSlot, nested: SealedSlot
) -> bool:
    """A step that does not carry copies leaves no copy that was not there before it, in the same place."""
    stay = (
        page_stays(before, after, page),
        entry_stays(before, after, slot),
        nested_stays(before, after, nested),
        root_stays(before, after),
    )
    return implies(is_running(after), all_of(*stay))


@invariant("RMP-I33-MOVE", guarantor=FW, manual='Firmware ABI (56860), "SNP_PAGE_MOVE"', by=("page_move",))
def moving_makes_no_copies(
    before: World, op: PageMove, after: World, page: Pfn, slot: MetadataSlot, nested: SealedSlot
) -> bool:
    """What is a copy at the destination was one at the same offset of the source, and is none there any more."""
    gfn = effective(after.system.rmp, page).gfn
    offset = ite(op.page_size == PageSize.SIZE_2M, offset_of(page), 0)
    source_page = op.source.page | offset
    page_came = all_of(
        page == op.destination.page | offset,
        is_valid_at(before, source_page, gfn),
        none_of(is_valid_at(after, source_page, gfn)),
    )
    source_slot = first_slot(op.source.page) | (slot & POSITION)
    old, new = before.system.firmware.metadata[source_slot], after.system.firmware.metadata[slot]
    entry_came = all_of(
        slot >> ENTRY_SHIFT == op.destination.page,
        counts_at(before, source_slot),
        alike(old, new),
        none_of(counts_at(after, source_slot)),
    )
    traced = (
        any_of(page_stays(before, after, page), page_came),
        any_of(entry_stays(before, after, slot), entry_came),
        nested_stays(before, after, nested),
        root_stays(before, after),
    )
    return implies(is_running(after), all_of(*traced))


def is_named(entry: EntryAddress, slot: MetadataSlot) -> bool:
    """The slot is the entry that a swap command names."""
    return all_of(none_of(entry.root), slot_of(entry.at) == slot)


@invariant("RMP-I33-OUT", guarantor=FW, manual='Firmware ABI (56860), "SNP_PAGE_SWAP_OUT"', by=("page_swap_out",))
def swapping_out_makes_no_copies(
    before: World, op: PageSwapOut, after: World, page: Pfn, gfn: Gfn, slot: MetadataSlot, nested: SealedSlot
) -> bool:
    """What the new entry, or one sealed inside a METADATA page, can bring back was at the source, and is no more."""
    large = before.system.rmp[op.source.page].page_size == PageSize.SIZE_2M
    source_page = op.source.page | ite(large, offset_of(gfn), 0)
    page_left = all_of(is_valid_at(before, source_page, gfn), none_of(is_valid_at(after, source_page, gfn)))
    firmware = after.system.firmware
    new_entry_left = implies(frame_of(firmware.metadata[slot], gfn), page_left)
    new_root_left = implies(frame_of(context(after).root_metadata, gfn), page_left)
    source_slot = first_slot(op.source.page) | (nested & POSITION)
    seal = sealed_slot(context(before).oek, context(before).iv_count)
    entry_left = all_of(
        nested & ~POSITION == seal,
        counts_at(before, source_slot),
        alike(before.system.firmware.metadata[source_slot], firmware.sealed[nested]),
        none_of(counts_at(after, source_slot)),
    )
    traced = (
        page_stays(before, after, page),
        any_of(entry_stays(before, after, slot), all_of(is_named(op.entry, slot), new_entry_left)),
        any_of(nested_stays(before, after, nested), entry_left),
        any_of(root_stays(before, after), all_of(op.entry.root, new_root_left)),
    )
    return implies(is_running(after), all_of(*traced))


@invariant(
    "RMP-I33-IN",
    guarantor=FW,
    manual='Firmware ABI (56860), "SNP_PAGE_SWAP_IN"',
    needs=("K-GPA0",),
    by=("page_swap_in",),
)
def swapping_in_makes_no_copies(
    before: World, op: PageSwapIn, after: World, page: Pfn, slot: MetadataSlot, nested: SealedSlot
) -> bool:
    """What came back was what its entry, or one sealed inside a METADATA page, could bring back, and is used up."""
    gfn = effective(after.system.rmp, page).gfn
    offset = ite(op.page_size == PageSize.SIZE_2M, offset_of(page), 0)
    named = slot_of(op.entry.at)
    old, root = before.system.firmware.metadata[named], context(before).root_metadata
    from_root = all_of(op.entry.root, frame_of(root, gfn), counts(before, root))
    from_entry = all_of(none_of(op.entry.root), frame_of(old, gfn), counts_at(before, named))
    used_up = none_of(
        all_of(op.entry.root, counts(after, context(after).root_metadata)),
        all_of(none_of(op.entry.root), counts_at(after, named)),
    )
    page_came = all_of(page == op.destination.page | offset, any_of(from_root, from_entry), used_up)
    sealed = sealed_slot(op.sealed_oek, op.sealed_iv) | (slot & POSITION)
    entry_came = all_of(
        slot >> ENTRY_SHIFT == op.destination.page,
        counts_inside(before, sealed),
        alike(before.system.firmware.sealed[sealed], after.system.firmware.metadata[slot]),
        none_of(counts_inside(after, sealed)),
    )
    traced = (
        any_of(page_stays(before, after, page), page_came),
        any_of(entry_stays(before, after, slot), entry_came),
        nested_stays(before, after, nested),
        root_stays(before, after),
    )
    return implies(is_running(after), all_of(*traced))


INVARIANTS = (
    host_and_firmware_make_no_copies,
    moving_makes_no_copies,
    swapping_out_makes_no_copies,
    swapping_in_makes_no_copies,
)
