"""How the ghost state follows VMRUN, and the firmware commands that move, swap and launch a guest's pages."""

from collections.abc import Callable

from spec.firmware.decommission import Decommission
from spec.firmware.guest_absorb_noma import AbsorbNomaMessage
from spec.firmware.guest_export import ExportMessage
from spec.firmware.guest_import import IncomingMessage
from spec.firmware.init import SnpInit, SnpInitEx
from spec.firmware.launch_update import LaunchUpdate
from spec.firmware.metadata import EntryAddress, entry_at, slot_of
from spec.firmware.page_md_init import PageMdInit
from spec.firmware.page_move import PageMove
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.page_swap_out import PageSwapOut
from spec.guest.ghost import LAST_CONTAINER, ROOT, Ghost, Home, Place, at_page, sealed_as
from spec.guest.given import Given
from spec.guest.measured import as_measured
from spec.guest.world import World, asid_of
from spec.logic import all_of, any_in_range, any_of, ite, none_of
from spec.maps import Map
from spec.record import replace
from spec.rmp.authority import offset_of
from spec.rmp.entry import RmpEntry
from spec.rmp.vmrun import Vmrun, is_snp
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import PAGES_PER_2M, Gfn, LaunchPageType, PageSize, Permission, Pfn, SwapPageType


def frames_of(large: bool) -> int:
    """How many guest frames a page of this size has."""
    return ite(large, PAGES_PER_2M, 1)


def moved_home(home: Map[Gfn, Home], gfn: Gfn, large: bool, page: Pfn, moves: bool) -> Map[Gfn, Home]:
    """The valid copy of a page of either size is at `page` from now on, if it moves at all."""
    count = ite(moves, frames_of(large), 0)
    return home.set_range(gfn, count, lambda g: at_page(page | ite(large, offset_of(g), 0)))


def after_launch_update(before: World, op: LaunchUpdate, after: World) -> World:
    """A launched page is accepted, with the masks that were measured.

    The relying party refuses a launch that loads an address twice (rule D3), and one with a page to write below VMPL0.
    """
    if before.guest.context != op.context.page:
        return after
    entry = before.system.rmp[op.page.page]
    large = op.page_size == PageSize.SIZE_2M
    count = frames_of(large)
    guest = before.guest
    repeated = any_in_range(entry.gfn, count, lambda g: all_of(guest.uses[g], guest.accepted[g]))
    given = Given(op.vmpl1_perms, op.vmpl2_perms, op.vmpl3_perms)
    refused = any_of(
        all_of(guest.rules.launched_without_repeats, repeated),
        all_of(guest.rules.launched_closed, given.most(3) & Permission.WRITE != 0),
    )
    guest = replace(
        guest,
        accepted=guest.accepted.set_range(entry.gfn, count, lambda _: True),
        given=guest.given.set_range(entry.gfn, count, lambda _: given),
        stopped=any_of(guest.stopped, refused),
    )
    ghost = with_measured(before.ghost, op, entry)
    home = moved_home(ghost.home, entry.gfn, large, op.page.page, True)
    return World(after.system, guest, replace(ghost, home=home))


def with_measured(ghost: Ghost, op: LaunchUpdate, entry: RmpEntry) -> Ghost:
    """The page was measured, at the address in its entry."""
    count, vmsa = frames_of(op.page_size == PageSize.SIZE_2M), op.page_type == LaunchPageType.VMSA
    first = as_measured(entry.gfn, VmplMasks(0, op.vmpl1_perms, op.vmpl2_perms, op.vmpl3_perms))
    return replace(
        ghost,
        measured=ghost.measured.set_range(first, count, lambda _: True),
        measured_data=ghost.measured_data.set_range(first, ite(vmsa, 0, count), lambda _: True),
        measured_vmsa=ghost.measured_vmsa.set_range(entry.gfn, ite(vmsa, count, 0), lambda _: True),
    )


def after_page_move(before: World, op: PageMove, after: World) -> World:
    """A validated page has a new home; so has the container of a METADATA page."""
    if before.guest.context != op.context.page:
        return after
    source = before.system.rmp[op.source.page]
    of_guest = source.asid != 0
    ghost, large = before.ghost, op.page_size == PageSize.SIZE_2M
    moves = all_of(of_guest, source.validated)
    home = moved_home(ghost.home, source.gfn, large, op.destination.page, moves)
    container = ghost.of_page[op.source.page]
    ghost = replace(
        ghost,
        home=home,
        of_page=ghost.of_page.set(op.destination.page, ite(of_guest, ghost.of_page[op.destination.page], container)),
        container=ghost.container.set(
            container, ite(of_guest, ghost.container[container], at_page(op.destination.page))
        ),
    )
    return replace(after, ghost=ghost)


def place_of(ghost: Ghost, entry: EntryAddress) -> Place:
    """The place of the metadata entry that a command names."""
    slot = slot_of(entry.at)
    return Place(ite(entry.root, ROOT, ghost.of_page[slot >> 6]), ite(entry.root, 0, slot & 0x3F))


def after_swap_out(before: World, op: PageSwapOut, after: World) -> World:
    """The new entry is the home of a validated page, or of a container."""
    if before.guest.context != op.context.page:
        return after
    source = before.system.rmp[op.source.page]
    iv = before.system.firmware.contexts[before.guest.context].iv_count
    ghost, large = before.ghost, source.page_size == PageSize.SIZE_2M
    of_firmware = op.page_type == SwapPageType.METADATA
    seals = all_of(none_of(of_firmware), source.validated)
    container = ghost.of_page[op.source.page]
    ghost = replace(
        ghost,
        home=ghost.home.set_range(source.gfn, ite(seals, frames_of(large), 0), lambda _: sealed_as(iv)),
        place=ghost.place.set(iv, place_of(ghost, op.entry)),
        live=ghost.live.set(iv, True),
        of_seal=ghost.of_seal.set(iv, ite(of_firmware, container, ROOT)),
        container=ghost.container.set(container, ite(of_firmware, sealed_as(iv), ghost.container[container])),
    )
    return replace(after, ghost=ghost)


def after_swap_in(before: World, op: PageSwapIn, after: World) -> World:
    """The entry is used up; what it was the home of is in the destination."""
    if before.guest.context != op.context.page:
        return after
    entry = entry_at(before.system, op.entry, op.context)
    ghost, large = before.ghost, op.page_size == PageSize.SIZE_2M
    of_firmware = op.page_type == SwapPageType.METADATA
    moves = all_of(none_of(of_firmware), entry.page_validated)
    page, container = op.destination.page, ghost.of_seal[entry.iv]
    ghost = replace(
        ghost,
        home=moved_home(ghost.home, entry.gfn, large, page, moves),
        live=ghost.live.set(entry.iv, False),
        of_page=ghost.of_page.set(page, ite(of_firmware, container, ghost.of_page[page])),
        container=ghost.container.set(container, ite(of_firmware, at_page(page), ghost.container[container])),
    )
    return replace(after, ghost=ghost)


def after_md_init(before: World, op: PageMdInit, after: World) -> World:
    """A new container."""
    if before.guest.context != op.context.page:
        return after
    ghost, page = before.ghost, op.page.page
    ghost = replace(
        ghost,
        of_page=ghost.of_page.set(page, ghost.next_container),
        container=ghost.container.set(ghost.next_container, at_page(page)),
        next_container=(ghost.next_container + 1) & LAST_CONTAINER,
    )
    return replace(after, ghost=ghost)


def ended(before: World, after: World, ends: bool) -> World:
    """The guest's life in this context is over, if `ends`."""
    return replace(after, guest=replace(after.guest, stopped=any_of(before.guest.stopped, ends)))


def after_vmrun(before: World, op: Vmrun, after: World) -> World:
    """From its first VMRUN on the guest may validate pages and adjust masks itself."""
    own = all_of(is_snp(op), op.asid == asid_of(before))
    return replace(after, ghost=replace(before.ghost, entered=any_of(before.ghost.entered, own)))


def after_decommission(before: World, op: Decommission, after: World) -> World:
    """The guest is gone."""
    return ended(before, after, before.guest.context == op.context.page)


def after_init(before: World, op: SnpInit, after: World) -> World:  # noqa: ARG001 - every step has operands
    """The new RMP has no guest in it."""
    return ended(before, after, True)


def after_init_ex(before: World, op: SnpInitEx, after: World) -> World:
    """The same, unless the RMP is kept."""
    return ended(before, after, op.init_rmp)


def after_migration(before: World, op: IncomingMessage | ExportMessage, after: World) -> World:
    """A guest that leaves, or another that arrives in its context: the migration agent answers for copies."""
    return ended(before, after, before.guest.context == op.target.page)


def after_absorbing(before: World, op: AbsorbNomaMessage, after: World) -> World:
    """The same for a guest that takes its own image."""
    return ended(before, after, before.guest.context == op.message.context.page)


FOLLOWING: dict[str, Callable[..., World]] = {
    "vmrun": after_vmrun,
    "launch_update": after_launch_update,
    "page_move": after_page_move,
    "page_swap_out": after_swap_out,
    "page_swap_in": after_swap_in,
    "page_md_init": after_md_init,
    "decommission": after_decommission,
    "snp_init": after_init,
    "snp_init_ex": after_init_ex,
    "guest_request_export": after_migration,
    "guest_request_import": after_migration,
    "guest_request_absorb": after_migration,
    "guest_request_absorb_noma": after_absorbing,
}
"""Steps that the ghost state follows; every other step leaves it alone."""
