"""What each rule of a careful guest's lists is for, and rule D8 with a lying hypervisor."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from proofs.breaches import Breach
from proofs.search import Move
from proofs.small_world import ASID, FRAMES, PAGES, launching, translated
from spec.ghcb import list_invariants as claims
from spec.ghcb.list_call import BufferWrite, ListReply, entry_of, hypervisor_writes_buffer, list_judges, list_stores
from spec.ghcb.list_pages import ListedPage, list_rescinds, list_takes
from spec.ghcb.list_state import CAREFUL_LISTS, ListExchange, ListRules, ListStage, PageView, View, Wanted
from spec.ghcb.msr_state import Moment
from spec.guest.ghost import at_page
from spec.guest.world import CAREFUL, Discipline, World
from spec.maps import Map
from spec.record import replace
from spec.vocabulary import Gfn, GuestState

FIRST, SECOND = FRAMES
HOME, SPARE = PAGES[0], PAGES[1]
"""Where the first page is, and a page that the hypervisor has assigned at the second address."""


def running(rules: Discipline, *, accepted: bool) -> World:
    """A guest that runs; its first page is validated, or is the hypervisor's; its second one is not validated."""
    world = launching(rules)
    context = replace(world.system.firmware.contexts[world.guest.context], state=GuestState.RUNNING)
    contexts = world.system.firmware.contexts.set(world.guest.context, context)
    free: Map[int, Any] = world.system.rmp
    rmp = free.set(SPARE, replace(free[SPARE], assigned=True, asid=ASID, gfn=SECOND))
    if accepted:
        rmp = rmp.set(HOME, replace(rmp[HOME], assigned=True, validated=True, asid=ASID, gfn=FIRST))
    system = replace(world.system, rmp=rmp, firmware=replace(world.system.firmware, contexts=contexts))
    guest = replace(world.guest, accepted=world.guest.accepted.set(FIRST, accepted))
    home = world.ghost.home.set(FIRST, at_page(HOME)) if accepted else world.ghost.home
    return World(system, guest, replace(world.ghost, home=home, entered=True))


def listing(
    stage: ListStage, *, to_shared: bool, rules: ListRules = CAREFUL_LISTS, guest: Discipline = CAREFUL
) -> ListExchange:
    """A list of the first page that has come to a stage."""
    wanted: Map[int, Wanted] = Map(Wanted(0, 0))
    view: Map[Gfn, PageView] = Map(int(View.NOT))
    exchange = ListExchange(
        world=running(guest, accepted=to_shared),
        rules=rules,
        stage=int(stage),
        to_shared=to_shared,
        wanted=wanted.set(0, Wanted(FIRST, 0)),
        last=0,
        cursor=0,
        progress=0,
        buffer=Map(0),
        view=view.set(SECOND, int(View.SHARED)),
    )
    return replace(exchange, buffer=exchange.buffer.set(1, entry_of(exchange, Wanted(FIRST, 0))))


def always(take: Callable[[Any, Any], Any], op: Any) -> Move[Any]:
    """A step that may be taken at any time."""
    return Move(take, lambda _: op)


def list_moves(*values: tuple[int, int]) -> list[Move[Any]]:
    """The guest takes, rescinds and judges; the hypervisor writes the buffer, and translates as it likes."""
    pages = (ListedPage(translated(frame, page)) for frame in FRAMES for page in PAGES)
    return [
        *(always(hypervisor_writes_buffer, BufferWrite(*value)) for value in values),
        always(list_stores, Moment()),
        always(list_judges, ListReply(0, 0)),
        *(always(step, page) for page in pages for step in (list_takes, list_rescinds)),
    ]


def breaches() -> Iterator[Breach]:
    """Each rule of the guest."""
    frames = {"gfn": FRAMES}
    other = 1 << 52 | SECOND << 12
    yield Breach(
        "GHCB-I24",
        "the hypervisor puts another page into the list, and the guest validates that one",
        claims.the_private_list_decides,
        partial(listing, ListStage.DONE, to_shared=False, rules=replace(CAREFUL_LISTS, keeps_list=False)),
        partial(list_moves, (1, other)),
        "the hypervisor has said that the first page is private",
        frames,
    )
    yield Breach(
        "GHCB-I25",
        "the hypervisor says that all was done, and its header says that nothing was",
        claims.completion_is_consistent,
        partial(listing, ListStage.LEFT, to_shared=False, rules=replace(CAREFUL_LISTS, judges_reply=False)),
        list_moves,
        "a list of one page was sent",
    )
    yield Breach(
        "GHCB-I26",
        "the hypervisor lies about a page that is to become private, and the guest uses it unvalidated",
        claims.private_pages_are_accepted,
        partial(listing, ListStage.DONE, to_shared=False, rules=replace(CAREFUL_LISTS, validates_first=False)),
        list_moves,
        "the hypervisor has said that the first page is private",
        frames,
    )
    yield Breach(
        "D8",
        "a page is shared that was not rescinded: its old copy stays valid",
        claims.shared_pages_are_valid_nowhere,
        partial(listing, ListStage.RESCINDING, to_shared=True, guest=Discipline(rescinds_before_sharing=False)),
        partial(list_moves, (0, 1)),
        "the first page is private, valid, and is to be shared",
        {"page": PAGES},
    )


LIST_BREACHES = tuple(breaches())
