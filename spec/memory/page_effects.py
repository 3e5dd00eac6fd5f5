"""What firmware's page commands do to contents: PAGE_MOVE, swapping, debugging (firmware ABI 56860)."""

from spec.firmware.command import context_of
from spec.firmware.dbg import DebugCopy
from spec.firmware.metadata import entry_at
from spec.firmware.page_move import PageMove
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.page_swap_out import PageSwapOut
from spec.guest.following import frames_of
from spec.logic import ite
from spec.memory.block import Block, plain, sealed_frame
from spec.memory.pages import at_offset, encrypted, filled, read_under
from spec.memory.state import Scene, storing
from spec.record import replace
from spec.rmp.authority import offset_of
from spec.vocabulary import PageSize, SwapPageType


def after_page_move(before: Scene, op: PageMove, after: Scene) -> Scene:
    """A guest's page is decrypted where it was and encrypted for its new place, under the same key."""
    if before.world.system.rmp[op.source.page].asid == 0:
        return after
    key, large = context_of(before.world.system, op.context).vek, op.page_size == PageSize.SIZE_2M
    source = op.source.page
    return filled(
        after,
        op.destination.page,
        large,
        encrypted(key, lambda page: read_under(before, key, at_offset(source, large, page))),
    )


def after_swap_out(before: Scene, op: PageSwapOut, after: Scene) -> Scene:
    """A guest's page is decrypted and sealed: each 4 KiB is kept by key, IV and the offset of its guest address.

    The destination holds the ciphertext. The content of a METADATA page is kept with the entries in it.
    """
    context, source = context_of(before.world.system, op.context), before.world.system.rmp[op.source.page]
    page, large = op.source.page, source.page_size == PageSize.SIZE_2M
    of_guest = op.page_type != SwapPageType.METADATA
    first = sealed_frame(context.oek, context.iv_count, ite(large, 0, offset_of(source.gfn)))
    sealed = before.memory.sealed.set_range(
        first,
        ite(of_guest, frames_of(large), 0),
        lambda frame: read_under(before, context.vek, at_offset(page, large, frame)),
    )
    after = replace(after, memory=replace(after.memory, sealed=sealed))
    ciphertext = Block(context.oek, context.iv_count, ite(of_guest, sealed[first], 0))
    return filled(after, op.destination.page, large, lambda _: ciphertext)


def after_swap_in(before: Scene, op: PageSwapIn, after: Scene) -> Scene:
    """What was sealed with this key and IV is encrypted for its new place."""
    context = context_of(before.world.system, op.context)
    entry = entry_at(before.world.system, op.entry, op.context)
    large, sealed = op.page_size == PageSize.SIZE_2M, before.memory.sealed
    if op.page_type == SwapPageType.METADATA:
        return after
    return filled(
        after,
        op.destination.page,
        large,
        encrypted(
            context.vek,
            lambda page: sealed[sealed_frame(op.sealed_oek, op.sealed_iv, offset_of(ite(large, page, entry.gfn)))],
        ),
    )


def after_dbg_decrypt(before: Scene, op: DebugCopy, after: Scene) -> Scene:
    """The target receives the plaintext."""
    key = context_of(before.world.system, op.context).vek
    return storing(after, op.target.page, plain(read_under(before, key, op.source.page)))


def after_dbg_encrypt(before: Scene, op: DebugCopy, after: Scene) -> Scene:
    """The target receives the source's bytes as the guest's data."""
    key = context_of(before.world.system, op.context).vek
    return storing(after, op.target.page, Block(key, op.target.page, read_under(before, 0, op.source.page)))
