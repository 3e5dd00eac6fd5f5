"""T5: the guest's picture of its pages and the RMP never differ unsafely, whatever the hypervisor says and does.

GHCB (56421), "SNP Page State Change"; APM Vol. 2, 15.36.6. Of a guest that keeps the rules of lists and those of
`Discipline`; what the machine guarantees to it (RMP-I34, RMP-I34-ACCEPTED, RMP-I36) is assumed here and proved there,
with the knobs that it needs.
"""

from spec.ghcb.list_call import ListReply
from spec.ghcb.list_state import BufferPlace, ListExchange, ListStage, View, Wanted
from spec.ghcb.vocabulary.page_state import EntryIndex
from spec.guest.copies import is_running
from spec.guest.ghost import HomeKind
from spec.guest.world import asid_of
from spec.logic import all_of, any_of, implies, ite, none_of
from spec.registry import Outcome, invariant
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.authority import effective, page_of
from spec.vocabulary import Event, Gfn, Guarantor, GuestAction, PageSize, Pfn

GUEST = Guarantor.GUEST
LIST = 'GHCB (56421), "SNP Page State Change"'
ORDER = f"{LIST}; APM Vol. 2, 15.36.6"
CHECKS = "APM Vol. 2, 15.36.10, Table 15-39"


def is_listed(exchange: ListExchange, index: EntryIndex) -> bool:
    """An entry of the list under way whose page has not been taken into use yet."""
    stage, cursor = exchange.stage, exchange.cursor
    added = all_of(stage == ListStage.COLLECTING, index < cursor)
    closed = all_of(stage >= ListStage.RESCINDING, stage <= ListStage.LEFT, index <= exchange.last)
    left = all_of(stage == ListStage.DONE, index >= cursor, index <= exchange.last)
    return any_of(added, closed, left)


def is_of(gfn: Gfn, wanted: Wanted) -> bool:
    """A frame is one of an entry's."""
    large = wanted.page_size == PageSize.SIZE_2M
    return ite(large, gfn >> 9 == wanted.gfn >> 9, gfn == wanted.gfn)


@invariant("GHCB-T5-PRIVATE", guarantor=GUEST, manual=ORDER)
def private_pages_are_accepted(exchange: ListExchange, gfn: Gfn) -> bool:
    """A page that the guest uses as private is one that it has validated and not rescinded."""
    return implies(exchange.view[gfn] == View.PRIVATE, exchange.world.guest.accepted[gfn])


@invariant("GHCB-T5-SHARED", guarantor=GUEST, manual=ORDER)
def shared_pages_are_rescinded(exchange: ListExchange, gfn: Gfn) -> bool:
    """A page that the guest uses as shared is one that it does not count as accepted."""
    shared = all_of(exchange.view[gfn] == View.SHARED, is_running(exchange.world))
    return implies(shared, none_of(exchange.world.guest.accepted[gfn]))


@invariant("GHCB-T5-RMP", guarantor=GUEST, manual=ORDER)
def shared_pages_are_valid_nowhere(exchange: ListExchange, page: Pfn) -> bool:
    """While the guest uses an address as shared, no page of memory is valid at it: no secret is left behind there."""
    world = exchange.world
    entry = effective(world.system.rmp, page)
    own = all_of(entry.asid != 0, entry.asid == asid_of(world), world.guest.uses[entry.gfn], is_running(world))
    return implies(all_of(own, exchange.view[entry.gfn] == View.SHARED), none_of(entry.validated))


@invariant("GHCB-T5-ACCESS", guarantor=GUEST, manual=CHECKS, by=("list_uses",))
def private_data_is_at_home(before: ListExchange, op: MemoryAccess, outcome: Outcome) -> bool:
    """A private access is performed at the one valid copy of its page; if the hypervisor has lied, it faults."""
    world = before.world
    gfn = op.translation.gfn
    checked = all_of(is_running(world), world.guest.uses[gfn], world.system.platform.features.snp_enabled)
    performed = all_of(outcome.result == Event.COMPLETES, op.translation.private)
    home = world.ghost.home[gfn]
    at_home = all_of(home.kind == HomeKind.PAGE, home.page == page_of(op.translation.spa))
    return implies(all_of(checked, performed), at_home)


@invariant("GHCB-I24", guarantor=GUEST, manual=LIST, by=("list_takes", "list_rescinds"))
def the_private_list_decides(before: ListExchange, after: ListExchange, gfn: Gfn) -> bool:
    """What is validated or rescinded is the page that the private list names, whatever stands in the buffer."""
    wanted = before.wanted[before.cursor & 0xFFFF]
    changed = after.world.guest.accepted[gfn] != before.world.guest.accepted[gfn]
    return implies(changed, is_of(gfn, wanted))


@invariant("GHCB-I24-KEPT", guarantor=GUEST, manual=LIST, unless=("list_adds",))
def the_private_list_is_kept(before: ListExchange, after: ListExchange, index: EntryIndex) -> bool:
    """No reply changes the private list."""
    old, new = before.wanted[index], after.wanted[index]
    return all_of(old.gfn == new.gfn, old.page_size == new.page_size)


@invariant("GHCB-I25", guarantor=GUEST, manual=LIST, needs=("K-PSC-INFO2", "K-PSC-END"), by=("list_judges",))
def completion_is_consistent(before: ListExchange, op: ListReply, after: ListExchange, outcome: Outcome) -> bool:
    """A list is taken for done only if its header has come to the end, unchanged otherwise, and without an error."""
    header = before.buffer[0]
    whole = all_of(header & 0xFFFF == before.last + 1, header >> 16 & 0xFFFF == before.last, header >> 32 == 0)
    done = all_of(outcome.result == GuestAction.CONTINUES, after.stage == ListStage.DONE)
    return implies(done, all_of(whole, op.info1 & 0xFFFF_FFFF == 0, op.info2 == 0))


@invariant("GHCB-I25-PROGRESS", guarantor=GUEST, manual=LIST, unless=("list_begins",))
def progress_is_monotone(before: ListExchange, after: ListExchange) -> bool:
    """What is done stays done."""
    return after.progress >= before.progress


@invariant("GHCB-I26", guarantor=GUEST, manual=ORDER)
def pages_in_transit_are_not_used(exchange: ListExchange, gfn: Gfn) -> bool:
    """A page is private or shared for the guest, never both; what has no state is used in no way."""
    return exchange.view[gfn] <= View.SHARED


@invariant("GHCB-I26-LISTED", guarantor=GUEST, manual=ORDER)
def listed_pages_are_not_used(exchange: ListExchange, index: EntryIndex, gfn: Gfn) -> bool:
    """From when it is added to a list until it is taken into use, a page is used in no way."""
    listed = all_of(is_listed(exchange, index), is_of(gfn, exchange.wanted[index]))
    return implies(listed, exchange.view[gfn] == View.NOT)


@invariant("GHCB-I26-ONCE", guarantor=GUEST, manual=ORDER)
def pages_are_listed_once(exchange: ListExchange, index: EntryIndex, other: EntryIndex, gfn: Gfn) -> bool:
    """No page is in a list twice."""
    both = all_of(is_listed(exchange, index), is_listed(exchange, other), index != other)
    return implies(both, none_of(all_of(is_of(gfn, exchange.wanted[index]), is_of(gfn, exchange.wanted[other]))))


@invariant("GHCB-I26-ALIGNED", guarantor=GUEST, manual=LIST)
def large_pages_are_aligned(exchange: ListExchange, index: EntryIndex) -> bool:
    """A listed 2 MiB page begins at a multiple of 2 MiB."""
    wanted = exchange.wanted[index]
    large = all_of(is_listed(exchange, index), wanted.page_size == PageSize.SIZE_2M)
    return implies(large, wanted.gfn & 511 == 0)


@invariant("GHCB-I26-RESCINDED", guarantor=GUEST, manual=ORDER)
def pages_are_rescinded_before_they_are_shared(exchange: ListExchange, index: EntryIndex, gfn: Gfn) -> bool:
    """The hypervisor hears that a page is to be shared only when the guest has rescinded it."""
    told = all_of(exchange.stage >= ListStage.FILLING, is_listed(exchange, index))
    gone = all_of(exchange.stage == ListStage.RESCINDING, index < exchange.cursor)
    concerned = all_of(exchange.to_shared, any_of(told, gone), is_of(gfn, exchange.wanted[index]))
    return implies(all_of(concerned, is_running(exchange.world)), none_of(exchange.world.guest.accepted[gfn]))


@invariant("GHCB-T5-BEGUN", guarantor=GUEST, manual='Firmware ABI (56860), "SNP_LAUNCH_FINISH"')
def nothing_is_used_before_vmrun(exchange: ListExchange, gfn: Gfn) -> bool:
    """Until VMRUN has entered the guest, it uses no page, and has no list."""
    idle = all_of(exchange.view[gfn] == View.NOT, exchange.stage == ListStage.IDLE)
    return implies(none_of(exchange.world.ghost.entered), idle)


@invariant("GHCB-I26-STEPS", guarantor=GUEST, manual=ORDER, by=("list_takes",))
def pages_are_used_after_the_reply(before: ListExchange, after: ListExchange, gfn: Gfn) -> bool:
    """A page gets its new state only after the reply, and a private one only with PVALIDATE."""
    changed = after.view[gfn] != before.view[gfn]
    private = implies(after.view[gfn] == View.PRIVATE, after.world.guest.accepted[gfn])
    return implies(changed, all_of(before.stage == ListStage.DONE, private))


@invariant("GHCB-I26-ELSE", guarantor=GUEST, manual=ORDER, unless=("list_takes", "list_adds", "list_knows"))
def nothing_else_changes_states(before: ListExchange, after: ListExchange, gfn: Gfn) -> bool:
    """No other step, and nothing that the hypervisor writes, changes how a page is used."""
    return after.view[gfn] == before.view[gfn]


@invariant("GHCB-I27", guarantor=GUEST, manual="APM Vol. 2, 15.36.6", by=("list_takes",))
def pages_are_validated_once(before: ListExchange, after: ListExchange, page: Pfn) -> bool:
    """Nothing is validated at an address that counts as accepted, or while the carry flag says that it was valid."""
    old, new = (effective(state.world.system.rmp, page) for state in (before, after))
    validated = all_of(new.validated, none_of(old.validated))
    fresh = any_of(none_of(before.world.guest.accepted[new.gfn]), after.world.guest.stopped)
    return implies(validated, fresh)


@invariant("GHCB-I17-LIST", guarantor=GUEST, manual=LIST, by=("list_stores",))
def lists_fit_their_buffer(before: ListExchange, after: ListExchange, place: BufferPlace) -> bool:
    """The guest stores into no place behind the last of 253 entries."""
    return implies(after.buffer[place] != before.buffer[place], place <= 253)


@invariant("GHCB-I17-LENGTH", guarantor=GUEST, manual=LIST)
def lists_have_room(exchange: ListExchange) -> bool:
    """A list has at most 253 entries, and no step goes behind the last."""
    stage, cursor = exchange.stage, exchange.cursor
    collecting = all_of(cursor <= 253, any_of(cursor == 0, cursor == exchange.last + 1))
    acting = any_of(stage == ListStage.RESCINDING, stage == ListStage.DONE)
    return all_of(
        exchange.last <= 252,
        implies(stage == ListStage.COLLECTING, collecting),
        implies(acting, cursor <= exchange.last),
        implies(stage == ListStage.FILLING, cursor <= exchange.last + 1),
    )


INVARIANTS = (
    private_pages_are_accepted,
    shared_pages_are_rescinded,
    shared_pages_are_valid_nowhere,
    private_data_is_at_home,
    the_private_list_decides,
    the_private_list_is_kept,
    completion_is_consistent,
    progress_is_monotone,
    pages_in_transit_are_not_used,
    listed_pages_are_not_used,
    pages_are_listed_once,
    large_pages_are_aligned,
    pages_are_rescinded_before_they_are_shared,
    nothing_is_used_before_vmrun,
    pages_are_used_after_the_reply,
    nothing_else_changes_states,
    pages_are_validated_once,
    lists_fit_their_buffer,
    lists_have_room,
)
