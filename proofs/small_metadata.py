"""The small world with METADATA pages, and a page of the host's in which it forges one if it can (knob K-GPA0).

The host writes into its page a metadata entry that it saw; nothing authenticates the entry's address, masks and type.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from proofs.lifting import lifted
from proofs.search import Move
from proofs.small_levels import (
    FRAME,
    READ_WRITE,
    ROOT_ENTRY,
    TWO_PAGES,
    access_moves,
    guest_moves,
    host_moves,
    launch_move,
    move_moves,
    swap_in_move,
    swap_out_move,
)
from proofs.small_world import CONTEXT_PAGE, always, at, launching, translated
from proofs.templates import nothing
from spec.features import GENOA
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.metadata import EntryAddress, first_slot
from spec.firmware.page_md_init import PageMdInit, page_md_init
from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.guest.careful import PageStep, careful_accept, careful_rescind
from spec.guest.careful_masks import MaskStep, careful_adjust
from spec.guest.world import Discipline, World
from spec.knobs import Knobs
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import HOST_CPU
from spec.rmp.entry import metadata_gfn
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.translation import Translation
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import PAGE_SHIFT, AccessCode, Actor, AgentCode, Event, Evidence, LaunchPageType, Pfn, SwapPageType

METADATA_PAGES = (0x31, 0x32)
HOST_PAGE = 0x41
"""The host's, unless it counts as METADATA."""
PAGE = TWO_PAGES[0]
VALIDATION = PageStep(translated(FRAME, PAGE), page_size=0)


def in_page(page: int) -> EntryAddress:
    """The first entry of a METADATA page."""
    return EntryAddress(root=False, at=at(page))


@record
class HostWrite:
    """The page that the host writes an entry into, and whether it changes what nothing authenticates."""

    page: Pfn
    changed: bool


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.36.10")
def host_writes_entry(world: World, op: HostWrite) -> Outcome:
    """A copy of the guest's root entry, into memory: data like any other, unless the page counts as METADATA."""
    # 1. The host may write the page.
    plain = replace(nothing(MemoryAccess), agent=int(AgentCode.HOST), kind=int(AccessCode.WRITE))
    there = Translation(0, 0, op.page << PAGE_SHIFT, mapping_size=0, private=False)
    done = access(world.system, replace(plain, translation=there))
    if done.result is not Event.COMPLETES:
        return done._replace(system=world)

    # 2. Written.
    system = world.system
    entry = system.firmware.contexts[CONTEXT_PAGE].root_metadata
    if op.changed:
        masks = VmplMasks(entry.masks.vmpl0, READ_WRITE, entry.masks.vmpl2, entry.masks.vmpl3)
        entry = replace(entry, masks=masks, vmsa=True)
    metadata = system.firmware.metadata.set(first_slot(op.page), entry)
    system = replace(system, firmware=replace(system.firmware, metadata=metadata))
    return Outcome(Event.COMPLETES, "written", replace(world, system=system), Evidence.MANUAL)


def firmware_page(page: int, gfn: int) -> Move[World]:
    """RMPUPDATE to an immutable page without an owner; it should store no address (knob K-GPA0)."""
    plain = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=page << PAGE_SHIFT, assigned=True, immutable=True)
    return Move(lifted(rmpupdate), always(replace(plain, gpa=gfn << PAGE_SHIFT)))


def new_metadata_page(page: int) -> tuple[Move[World], ...]:
    """A METADATA page is made."""
    return firmware_page(page, 0), Move(lifted(page_md_init), always(PageMdInit(at(CONTEXT_PAGE), at(page))))


def taken_back() -> tuple[Move[World], ...]:
    """The host's page was a METADATA page, and is the host's again."""
    reclaim = Move(lifted(page_reclaim), always(PageReclaim(at(HOST_PAGE), page_size=0, reserved=False)))
    free = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=HOST_PAGE << PAGE_SHIFT)
    return (*new_metadata_page(HOST_PAGE), reclaim, Move(lifted(rmpupdate), always(free)))


def new_guest_page() -> tuple[Move[World], ...]:
    """A page is assigned, the guest is released, and accepts the page."""
    finish = replace(nothing(LaunchFinish), context=at(CONTEXT_PAGE))
    assigned = list(host_moves())[1]
    return assigned, Move(lifted(launch_finish), always(finish)), Move(careful_accept, always(VALIDATION))


def closed_page() -> tuple[Move[World], ...]:
    """The guest closes the page to VMPL1, VMPL2 and VMPL3, and the host makes it immutable."""
    closing = (Move(careful_adjust, always(MaskStep(VALIDATION, level, 0, False))) for level in (1, 2, 3))
    return (*closing, list(host_moves())[2])


def launched_page() -> tuple[Move[World], ...]:
    """A page is assigned, launched for VMPL0 alone, and made immutable again."""
    immutable = list(host_moves())[2]
    return immutable, launch_move(PAGE, LaunchPageType.NORMAL, 0, 0), immutable


def after(world: World, *moves: Move[World]) -> World:
    """The state after these steps, each of which succeeds."""
    for move in moves:
        outcome = move.take(world, move.operands(world))
        if outcome.system is world:
            raise AssertionError(f"refused: {outcome.check}")
        world = outcome.system
    return world


@dataclass(frozen=True)
class Swapped:
    """A guest of which something is swapped out into its root entry: a page, or a METADATA page."""

    metadata: bool
    in_launch: bool = False
    """It has not run: its page was measured."""

    @property
    def words(self) -> str:
        """What has happened."""
        page = "a measured page" if self.in_launch else "a page that it closed to VMPL1 to VMPL3"
        guest = "a guest in launch" if self.in_launch else "a running guest"
        what = "a METADATA page" if self.metadata else page
        return f"{guest} has {what} swapped out into its root entry, and a METADATA page"

    def start(self, rules: Discipline, knobs: Knobs) -> World:
        """By steps that succeed; one METADATA page is left. Milan stores too few address bits to be deceived."""
        page = METADATA_PAGES[1] if self.metadata else PAGE
        page_type = SwapPageType.METADATA if self.metadata else SwapPageType.DATA
        made = [move for each in METADATA_PAGES for move in new_metadata_page(each)]
        own = launched_page() if self.in_launch else (*new_guest_page(), *closed_page())
        lived = (*made, *taken_back(), *own)
        return after(launching(rules, knobs, GENOA), *lived, swap_out_move(page, ROOT_ENTRY, page_type))


def released(rules: Discipline, knobs: Knobs) -> World:
    """A guest that was released, with a page assigned to it and a METADATA page; VMRUN has not entered it."""
    *release, _ = new_guest_page()
    return after(launching(rules, knobs), *new_metadata_page(METADATA_PAGES[0]), *release)


def with_accepted_page(rules: Discipline, knobs: Knobs) -> World:
    """A running guest that accepted a page, and a METADATA page."""
    return after(launching(rules, knobs), *new_metadata_page(METADATA_PAGES[0]), *new_guest_page())


def nesting_moves() -> list[Move[World]]:
    """What may happen to one address; its page goes to the METADATA page, and that to the root entry."""
    entries = (in_page(METADATA_PAGES[0]), ROOT_ENTRY)
    out = [swap_out_move(PAGE, entry, kind) for entry in entries for kind in (SwapPageType.DATA, SwapPageType.VMSA)]
    back = [swap_in_move(PAGE, ROOT_ENTRY, kind) for kind in (SwapPageType.DATA, SwapPageType.VMSA)]
    metadata = swap_out_move(METADATA_PAGES[0], ROOT_ENTRY, SwapPageType.METADATA)
    return [*host_moves(), *guest_moves(), *access_moves(), *move_moves(), *out, *back, metadata]


def forging_moves_in_launch() -> list[Move[World]]:
    """What the host does with a copy of the root entry, and what follows from it."""
    return [
        *(Move(host_writes_entry, always(HostWrite(HOST_PAGE, changed))) for changed in (False, True)),
        firmware_page(HOST_PAGE, metadata_gfn(CONTEXT_PAGE)),
        swap_out_move(HOST_PAGE, in_page(METADATA_PAGES[0]), SwapPageType.METADATA),
        *(swap_in_move(METADATA_PAGES[1], e, SwapPageType.METADATA) for e in (in_page(HOST_PAGE), ROOT_ENTRY)),
        *returning_moves(),
        *host_moves(),
    ]


def forging_moves() -> list[Move[World]]:
    """The same beside a guest that runs."""
    return [*forging_moves_in_launch(), *access_moves(), Move(careful_rescind, always(VALIDATION))]


def replaying_moves() -> list[Move[World]]:
    """As little as brings one page back twice: through the root entry, and through the host's copy."""
    return [
        Move(host_writes_entry, always(HostWrite(HOST_PAGE, changed=False))),
        firmware_page(HOST_PAGE, metadata_gfn(CONTEXT_PAGE)),
        swap_in_move(PAGE, ROOT_ENTRY, SwapPageType.DATA),
        swap_in_move(TWO_PAGES[1], in_page(HOST_PAGE), SwapPageType.DATA),
        *(Move(lifted(page_reclaim), always(PageReclaim(at(p), page_size=0, reserved=False))) for p in TWO_PAGES),
        *host_moves(),
        *access_moves(),
        Move(careful_rescind, always(VALIDATION)),
    ]


def returning_moves() -> Iterator[Move[World]]:
    """A page comes back through either entry, is released, and is swapped out again."""
    for page in TWO_PAGES:
        yield Move(lifted(page_reclaim), always(PageReclaim(at(page), page_size=0, reserved=False)))
        for page_type in (SwapPageType.DATA, SwapPageType.VMSA):
            yield swap_out_move(page, ROOT_ENTRY, page_type)
            yield from (swap_in_move(page, entry, page_type) for entry in (in_page(HOST_PAGE), ROOT_ENTRY))
