"""One guest, two of its pages, three pages of memory, one metadata entry: small enough to be searched whole.

The hypervisor translates the guest's addresses anew for each step, so nested page tables are no state. A search takes
pages of memory that differ only in their place for one another, and IVs for nothing but names.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from proofs.lifting import lifted
from proofs.search import Move
from proofs.templates import nothing
from spec.features import MILAN, Platform
from spec.firmware.command import PageAddress
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.firmware.metadata import EntryAddress
from spec.firmware.page_move import PageMove, page_move
from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.firmware.page_swap_in import PageSwapIn, page_swap_in
from spec.firmware.page_swap_out import PageSwapOut, page_swap_out
from spec.firmware.state import EMPTY_CONTEXT
from spec.guest.careful import PageStep, careful_accept, careful_rescind, careful_share, careful_unvalidated
from spec.guest.careful_turns import careful_accept_later, careful_look_up
from spec.guest.ghost import no_ghosts
from spec.guest.given import NOTHING
from spec.guest.world import Discipline, Guest, World
from spec.knobs import DEFAULT_KNOBS, Knobs
from spec.maps import Map
from spec.record import replace
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.coverage import REGION_SHIFT
from spec.rmp.cpu import HOST_CPU
from spec.rmp.entry import UNASSIGNED
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.translation import Translation
from spec.system.initial import booted
from spec.vmpl.permissions import reset_masks
from spec.vocabulary import (
    PAGE_SHIFT,
    AccessCode,
    AgentCode,
    Event,
    GuestState,
    LaunchPageType,
    PlatformState,
    SwapPageType,
)

ASID = 1
OEK = 7
PAGES = (0x11, 0x12, 0x13)
FRAMES = (0x100, 0x101)
CONTEXT_PAGE = 0x21
GUEST_STEPS = (
    careful_accept,
    careful_rescind,
    careful_unvalidated,
    careful_share,
    careful_look_up,
    careful_accept_later,
)
STORE = 0x40000
"""A page that the RMP does not cover: where swapped pages go."""


def launching(rules: Discipline, knobs: Knobs = DEFAULT_KNOBS, model: Platform = MILAN) -> World:
    """A guest that has its ASID and is being launched; no page is assigned yet."""
    platform = replace(model, knobs=knobs)
    free = replace(UNASSIGNED, masks=reset_masks(platform))
    system = booted(platform)
    rmp = system.rmp.set(CONTEXT_PAGE, replace(UNASSIGNED, assigned=True, immutable=True, lock=True, vmsa=True))
    for page in PAGES:
        rmp = rmp.set(page, free)
    guest = replace(EMPTY_CONTEXT, state=GuestState.LAUNCH, asid=ASID, oek=OEK)
    contexts = system.firmware.contexts.set(CONTEXT_PAGE, guest)
    firmware = replace(system.firmware, state=PlatformState.INIT, contexts=contexts)
    covered = system.covered.set(STORE >> REGION_SHIFT, False)
    system = replace(system, rmp=rmp, covered=covered, firmware=firmware)
    uses: Map[int, bool] = Map(False).set_range(FRAMES[0], len(FRAMES), lambda _: True)
    return World(system, Guest(CONTEXT_PAGE, uses, Map(False), Map(NOTHING), Map(False), False, rules), no_ghosts())


def at(page: int) -> PageAddress:
    """A page in a command buffer."""
    return PageAddress(page << PAGE_SHIFT, in_rmp=False, forbidden=False)


def translated(frame: int, page: int) -> Translation:
    """What the hypervisor's tables make of a guest address."""
    return Translation(frame << PAGE_SHIFT, frame, page << PAGE_SHIFT, mapping_size=0, private=True)


# --- who may do what ---


def always(op: Any) -> Callable[[World], Any]:
    """Operands that do not depend on the state."""
    return lambda _: op


def hypervisor_moves() -> Iterator[Move[World]]:
    """RMPUPDATE: take a page back, or assign it to the guest at an address, mutable or not."""
    for page in PAGES:
        free = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=page << PAGE_SHIFT)
        yield Move(lifted(rmpupdate), always(free))
        for frame in FRAMES:
            for immutable in (False, True):
                given = replace(free, assigned=True, immutable=immutable, asid=ASID, gpa=frame << PAGE_SHIFT)
                yield Move(lifted(rmpupdate), always(given))


def firmware_moves() -> Iterator[Move[World]]:
    """Launch, release, move, swap out and in, at any time and in any order."""
    context, root = at(CONTEXT_PAGE), EntryAddress(root=True, at=at(0))
    finish = replace(nothing(LaunchFinish), context=context)
    yield Move(lifted(launch_finish), always(finish))
    for page in PAGES:
        launch = replace(nothing(LaunchUpdate), context=context, page=at(page), page_type=LaunchPageType.NORMAL)
        yield Move(lifted(launch_update), always(launch))
        yield Move(lifted(page_reclaim), always(PageReclaim(at(page), page_size=0, reserved=False)))
        out = replace(nothing(PageSwapOut), context=context, source=at(page), destination=at(STORE), entry=root)
        yield Move(lifted(page_swap_out), always(out))
        back = replace(nothing(PageSwapIn), context=context, source=at(STORE), destination=at(page), entry=root)
        yield Move(lifted(page_swap_in), with_sealed_page(back))
        for other in PAGES:
            if other != page:
                moved = PageMove(context, page_size=0, reserved=False, source=at(page), destination=at(other))
                yield Move(lifted(page_move), always(moved))


def with_sealed_page(op: PageSwapIn) -> Callable[[World], Any]:
    """The host brings the ciphertext that the metadata entry is for; any other is refused."""

    def operands(world: World) -> PageSwapIn:
        entry = world.system.firmware.contexts[CONTEXT_PAGE].root_metadata
        return replace(op, sealed_oek=OEK, sealed_iv=entry.iv, page_type=SwapPageType.DATA)

    return operands


def guest_moves() -> Iterator[Move[World]]:
    """Every step of the guest, at each address, with each translation; it runs once it is launched."""
    for frame in FRAMES:
        for page in PAGES:
            op = PageStep(translated(frame, page), page_size=0)
            for step in GUEST_STEPS:
                yield Move(step, once_launched(op))


def once_launched(op: Any) -> Callable[[World], Any]:
    """The guest takes no step before SNP_LAUNCH_FINISH."""
    return lambda world: op if is_running(world) else None


def all_moves() -> list[Move[World]]:
    """Everything that anyone may do."""
    return [*hypervisor_moves(), *firmware_moves(), *guest_moves()]


def is_running(world: World) -> bool:
    """The guest was launched."""
    return world.system.firmware.contexts[CONTEXT_PAGE].state == GuestState.RUNNING


def has_ended(world: World) -> bool:
    """The guest stopped: nothing is promised to it any more."""
    return world.guest.stopped


# --- what is looked for ---


def key(world: World) -> Hashable:
    """What tells states apart: the entries, in any order; the metadata entry without its IV; what the guest knows."""
    context = world.system.firmware.contexts[CONTEXT_PAGE]
    entry = context.root_metadata
    token = (entry.gfn, entry.page_validated, entry.masks, entry.vmsa) if entry.valid else None
    accepted = tuple(world.guest.accepted[frame] for frame in FRAMES)
    table: Map[int, Any] = world.system.rmp
    entries = tuple(sorted(tuple(table[page]) for page in PAGES))
    looked_up = tuple(world.guest.looked_up[frame] for frame in FRAMES)
    return entries, token, context.state, accepted, looked_up, world.guest.stopped


def homes(world: World, frame: int) -> list[str]:
    """Where valid copies of a guest page are: pages of memory, and the metadata entry."""
    entries = ((page, world.system.rmp[page]) for page in PAGES)
    found = [f"page {page:#x}" for page, e in entries if e.validated and e.asid == ASID and e.gfn == frame]
    token = world.system.firmware.contexts[CONTEXT_PAGE].root_metadata
    if token.valid and token.page_validated and token.gfn == frame:
        found.append("metadata entry")
    return found


def has_two_homes(world: World) -> bool:
    """RMP-I34 does not hold: a page of the guest, which has not stopped, has two valid copies."""
    return not world.guest.stopped and any(len(homes(world, frame)) > 1 for frame in FRAMES)


def views(world: World, frame: int, vmpl: int = 0) -> list[int]:
    """The pages that a read at one guest address completes at, each by the right translation."""
    return [page for page in PAGES if access(world.system, read(frame, page, vmpl)).result is Event.COMPLETES]


def read(frame: int, page: int, vmpl: int) -> MemoryAccess:
    """A read by the guest."""
    plain: MemoryAccess = nothing(MemoryAccess)
    plain = replace(plain, agent=int(AgentCode.SNP_GUEST), kind=int(AccessCode.READ), asid=ASID)
    return replace(plain, vmpl=vmpl, translation=translated(frame, page))


def has_two_views(world: World) -> bool:
    """Two virtual processors with different nested tables use two pages at one address, both without a fault."""
    return is_running(world) and not world.guest.stopped and any(len(views(world, f)) > 1 for f in FRAMES)
