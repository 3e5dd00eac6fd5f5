"""What the small world has besides, for levels and VMSAs: one address, two pages, VMPL1, and accesses."""

from collections.abc import Hashable, Iterator
from typing import Any

from proofs.lifting import lifted
from proofs.search import Move
from proofs.small_world import (
    ASID,
    CONTEXT_PAGE,
    FRAMES,
    OEK,
    PAGES,
    STORE,
    always,
    at,
    is_running,
    once_launched,
    translated,
)
from proofs.templates import nothing
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.firmware.metadata import EntryAddress, entry_at
from spec.firmware.page_move import PageMove, page_move
from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.firmware.page_swap_in import PageSwapIn, page_swap_in
from spec.firmware.page_swap_out import PageSwapOut, page_swap_out
from spec.guest.careful import PageStep, careful_accept, careful_rescind, careful_share, careful_unvalidated
from spec.guest.careful_masks import MaskStep, careful_adjust
from spec.guest.world import World
from spec.maps import Map
from spec.record import is_record, replace
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import HOST_CPU
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.vocabulary import (
    PAGE_SHIFT,
    AccessCode,
    AgentCode,
    LaunchPageType,
    Permission,
    SwapPageType,
)

FRAME = FRAMES[0]
TWO_PAGES = PAGES[:2]
READ_WRITE = int(Permission.READ | Permission.WRITE)
ROOT_ENTRY = EntryAddress(root=True, at=at(0))


def host_moves() -> Iterator[Move[World]]:
    """RMPUPDATE of either page: to nobody, or to the guest at the address, mutable or not."""
    for page in TWO_PAGES:
        free = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=page << PAGE_SHIFT)
        yield Move(lifted(rmpupdate), always(free))
        for immutable in (False, True):
            given = replace(free, assigned=True, immutable=immutable, asid=ASID, gpa=FRAME << PAGE_SHIFT)
            yield Move(lifted(rmpupdate), always(given))


def launch_moves() -> Iterator[Move[World]]:
    """The launch of either page: data for nobody but VMPL0, or that VMPL2 may read; a VMSA that VMPL1 may write."""
    context = at(CONTEXT_PAGE)
    yield Move(lifted(launch_finish), always(replace(nothing(LaunchFinish), context=context)))
    read = int(Permission.READ)
    kinds = ((LaunchPageType.NORMAL, 0, 0), (LaunchPageType.NORMAL, 0, read), (LaunchPageType.VMSA, READ_WRITE, 0))
    for page in TWO_PAGES:
        yield from (launch_move(page, *kind) for kind in kinds)


def launch_move(page: int, page_type: LaunchPageType, first: int, second: int) -> Move[World]:
    """The launch of a page that VMPL1 and VMPL2 may use so far."""
    launch = replace(nothing(LaunchUpdate), context=at(CONTEXT_PAGE), page=at(page), page_type=int(page_type))
    return Move(lifted(launch_update), always(replace(launch, vmpl1_perms=first, vmpl2_perms=second)))


def swap_moves(*entries: EntryAddress) -> Iterator[Move[World]]:
    """Either page out to an entry and back, as data or as a VMSA."""
    for page in TWO_PAGES:
        yield Move(lifted(page_reclaim), always(PageReclaim(at(page), page_size=0, reserved=False)))
        for entry in entries:
            for page_type in (SwapPageType.DATA, SwapPageType.VMSA):
                yield swap_out_move(page, entry, page_type)
                yield swap_in_move(page, entry, page_type)


def swap_out_move(page: int, entry: EntryAddress, page_type: SwapPageType) -> Move[World]:
    """A page goes out to an entry."""
    out = replace(nothing(PageSwapOut), context=at(CONTEXT_PAGE), source=at(page), destination=at(STORE), entry=entry)
    return Move(lifted(page_swap_out), always(replace(out, page_type=int(page_type))))


def swap_in_move(page: int, entry: EntryAddress, page_type: SwapPageType) -> Move[World]:
    """The host brings the ciphertext that the metadata entry is for; any other is refused."""
    back = replace(nothing(PageSwapIn), context=at(CONTEXT_PAGE), source=at(STORE), destination=at(page), entry=entry)
    back = replace(back, sealed_oek=OEK, page_type=int(page_type))

    def operands(world: World) -> Any:
        return replace(back, sealed_iv=entry_at(world.system, entry, at(CONTEXT_PAGE)).iv)

    return Move(lifted(page_swap_in), operands)


def move_moves() -> Iterator[Move[World]]:
    """PAGE_MOVE from either page to the other."""
    for page, other in (TWO_PAGES, TWO_PAGES[::-1]):
        op = PageMove(at(CONTEXT_PAGE), page_size=0, reserved=False, source=at(page), destination=at(other))
        yield Move(lifted(page_move), always(op))


def guest_moves() -> Iterator[Move[World]]:
    """The guest's steps at its address, with each translation: opening to VMPL1, closing, making a VMSA."""
    for page in TWO_PAGES:
        op = PageStep(translated(FRAME, page), page_size=0)
        for step in (careful_accept, careful_rescind, careful_unvalidated, careful_share):
            yield Move(step, once_launched(op))
        for target, mask, vmsa in ((1, READ_WRITE, False), (1, 0, False), (2, 0, False), (3, 0, False), (1, 0, True)):
            yield Move(careful_adjust, once_launched(MaskStep(op, target, mask, vmsa)))
        yield Move(careful_adjust, once_launched(MaskStep(op, 1, READ_WRITE, True)))


def access_moves() -> Iterator[Move[World]]:
    """Reads and writes at the address by VMPL0 and VMPL1."""
    plain = replace(nothing(MemoryAccess), agent=int(AgentCode.SNP_GUEST), asid=ASID)
    for page in TWO_PAGES:
        for vmpl in (0, 1):
            for kind in (AccessCode.READ, AccessCode.WRITE):
                op = replace(plain, vmpl=vmpl, kind=int(kind), translation=translated(FRAME, page))
                yield Move(lifted(access), once_launched(op))


def level_moves() -> list[Move[World]]:
    """Everything that anyone may do to one address."""
    return [*preparing_moves(), *guest_moves(), *access_moves()]


def preparing_moves() -> list[Move[World]]:
    """What the host and the firmware may do to one address, before the guest runs or later."""
    return [*host_moves(), *launch_moves(), *swap_moves(ROOT_ENTRY), *move_moves()]


def whole(value: Any) -> Hashable:
    """A state as a key: everything in it."""
    if isinstance(value, Map):
        return frozenset((whole(key), whole(entry)) for key, entry in value.changed())
    return tuple(map(whole, value)) if is_record(type(value)) else value


def everything(world: World) -> Hashable:
    """What tells states apart: all of it, but for what the launch measured and how many IVs were used."""
    system = world.system
    context = system.firmware.contexts[CONTEXT_PAGE]
    firmware = (system.firmware.metadata, system.firmware.sealed, context.root_metadata)
    parts = (system.rmp, *firmware, world.guest, world.ghost)
    return (context.state, is_running(world), *map(whole, parts))
