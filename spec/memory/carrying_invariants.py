"""PAGE_MOVE and swapping keep a page's address, content and masks together (RMP-I40), for any guest, careful or not."""

from spec.firmware.command import context_of
from spec.firmware.metadata import entry_at
from spec.firmware.page_move import PageMove
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.page_swap_out import PageSwapOut
from spec.logic import all_of, implies, ite
from spec.memory.block import Block, is_under, sealed_frame
from spec.memory.pages import at_offset
from spec.memory.state import Scene, content
from spec.registry import Outcome, invariant
from spec.rmp.authority import offset_of
from spec.rmp.entry import RmpEntry
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import Gfn, Guarantor, PageSize, Pfn, Status, SwapPageType

FW = Guarantor.FIRMWARE
PREMISES = ("R21",)


def same_block(one: Block, other: Block) -> bool:
    """The same ciphertext of the same value."""
    return all_of(one.key == other.key, one.at == other.at, one.value == other.value)


def same_page(entry: RmpEntry, gfn: Gfn, masks: VmplMasks, validated: bool) -> bool:
    """The entry has this address, these masks, and is validated or not."""
    mine, theirs = entry.masks, masks
    masks_kept = all_of(mine.vmpl1 == theirs.vmpl1, mine.vmpl2 == theirs.vmpl2, mine.vmpl3 == theirs.vmpl3)
    return all_of(entry.gfn == gfn, mine.vmpl0 == theirs.vmpl0, masks_kept, entry.validated == validated)


@invariant(
    "RMP-I40", guarantor=FW, manual='Firmware ABI (56860), "SNP_PAGE_MOVE"', by=("page_move",), premises=PREMISES
)
def moved_pages_keep_what_they_hold(before: Scene, op: PageMove, after: Scene, outcome: Outcome, page: Pfn) -> bool:
    """What the guest wrote at the source it finds at the destination, at the same address."""
    source = before.world.system.rmp[op.source.page]
    key, large = context_of(before.world.system, op.context).vek, op.page_size == PageSize.SIZE_2M
    old, new = at_offset(op.source.page, large, page), at_offset(op.destination.page, large, page)
    written = content(before, old)
    kept = same_block(content(after, new), Block(key, new, written.value))
    entry = after.world.system.rmp[op.destination.page]
    moved = all_of(outcome.result == Status.SUCCESS, source.asid != 0)
    return implies(
        moved,
        all_of(
            implies(is_under(written, key, old), kept), same_page(entry, source.gfn, source.masks, source.validated)
        ),
    )


@invariant(
    "RMP-I40-OUT",
    guarantor=FW,
    manual='Firmware ABI (56860), "SNP_PAGE_SWAP_OUT"',
    by=("page_swap_out",),
    premises=PREMISES,
)
def sealed_pages_keep_what_they_hold(before: Scene, op: PageSwapOut, after: Scene, outcome: Outcome, page: Pfn) -> bool:
    """What is sealed is what the guest wrote, and the new entry has its address and its masks."""
    source = before.world.system.rmp[op.source.page]
    context, large = context_of(before.world.system, op.context), source.page_size == PageSize.SIZE_2M
    frame = sealed_frame(context.oek, context.iv_count, offset_of(ite(large, page, source.gfn)))
    old = at_offset(op.source.page, large, frame)
    written = content(before, old)
    kept = implies(is_under(written, context.vek, old), after.memory.sealed[frame] == written.value)
    entry = entry_at(after.world.system, op.entry, op.context)
    mine, theirs = entry.masks, source.masks
    masks = all_of(mine.vmpl1 == theirs.vmpl1, mine.vmpl2 == theirs.vmpl2, mine.vmpl3 == theirs.vmpl3)
    told = all_of(entry.gfn == source.gfn, masks, entry.page_validated == source.validated)
    sealed = all_of(outcome.result == Status.SUCCESS, op.page_type != SwapPageType.METADATA)
    return implies(sealed, all_of(kept, told))


@invariant(
    "RMP-I40-IN",
    guarantor=FW,
    manual='Firmware ABI (56860), "SNP_PAGE_SWAP_IN"',
    by=("page_swap_in",),
    premises=PREMISES,
)
def returned_pages_keep_what_they_hold(
    before: Scene, op: PageSwapIn, after: Scene, outcome: Outcome, page: Pfn
) -> bool:
    """What the guest finds is what was sealed with the entry's IV, at the entry's address, with the entry's masks."""
    entry = entry_at(before.world.system, op.entry, op.context)
    context, large = context_of(before.world.system, op.context), op.page_size == PageSize.SIZE_2M
    offset = offset_of(ite(large, page, entry.gfn))
    kept = before.memory.sealed[sealed_frame(context.oek, entry.iv, offset)]
    new = at_offset(op.destination.page, large, page)
    brought = same_block(content(after, new), Block(context.vek, new, kept))
    found = after.world.system.rmp[op.destination.page]
    returned = all_of(outcome.result == Status.SUCCESS, op.page_type != SwapPageType.METADATA)
    return implies(returned, all_of(brought, same_page(found, entry.gfn, entry.masks, entry.page_validated)))


INVARIANTS = (moved_pages_keep_what_they_hold, sealed_pages_keep_what_they_hold, returned_pages_keep_what_they_hold)
