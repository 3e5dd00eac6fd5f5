"""What a careful host guarantees to itself, whatever any processor of the guest writes into the page, and whenever.

Rules S9 to S11: one read, scratch areas inside the page, lists inside the buffer. GHCB (56421), "VMGEXIT".
"""

from spec.ghcb.event import bits_of_fields
from spec.ghcb.events import is_known, is_offered, outputs_of
from spec.ghcb.host_check import is_inside
from spec.ghcb.host_lists import entry_address, list_length
from spec.ghcb.host_state import HostExchange, HostStage
from spec.ghcb.vocabulary.page import GhcbField
from spec.logic import all_of, any_of, implies, ite, none_of, same
from spec.registry import Outcome, invariant
from spec.vc.instruction import Qword
from spec.vocabulary import Guarantor, HostAction

HOST = Guarantor.HOST
EXIT = 'GHCB (56421), "VMGEXIT"'
SCRATCH = 'GHCB (56421), "GHCB Layout", shared buffer'
LIST = 'GHCB (56421), "SNP Page State Change"'
ANSWER = bits_of_fields((GhcbField.SW_EXITINFO1, GhcbField.SW_EXITINFO2))


@invariant("GHCB-S9", guarantor=HOST, manual=EXIT, by=("host_serves",))
def what_is_served_was_checked(before: HostExchange, after: HostExchange, outcome: Outcome) -> bool:
    """The request that is carried out is the one that the checks have seen."""
    return implies(outcome.result == HostAction.SERVES, same(after.ghost.served, before.ghost.checked))


@invariant("GHCB-S9-CHECKED", guarantor=HOST, manual=EXIT)
def checked_requests_are_kept(exchange: HostExchange) -> bool:
    """Until it is carried out, the copy is the request that was checked."""
    copy, checked = exchange.copy, exchange.ghost.checked
    kept = all_of(copy[114] == checked.code, copy[115] == checked.info1, copy[116] == checked.info2)
    inputs = all_of(copy[63] == checked.rax, copy[97] == checked.rcx)
    return implies(exchange.stage == HostStage.CHECKED, all_of(kept, inputs))


@invariant("GHCB-S9-COPY", guarantor=HOST, manual=EXIT, unless=("host_reads",))
def copies_are_private(before: HostExchange, after: HostExchange, qword: Qword) -> bool:
    """Nothing that the guest does changes what the host has read."""
    return after.copy[qword] == before.copy[qword]


@invariant("GHCB-S9-EVENT", guarantor=HOST, manual='GHCB (56421), "Standard VMGEXIT Events"')
def checked_events_are_offered(exchange: HostExchange) -> bool:
    """No event passes the checks that the protocol does not have, or that was not agreed on."""
    request = exchange.ghost.checked
    offered = is_offered(request, exchange.version, exchange.features, exchange.snp)
    return implies(exchange.stage == HostStage.CHECKED, all_of(is_known(request), offered))


@invariant("GHCB-S9-PAGE", guarantor=HOST, manual='GHCB (56421), "GHCB GPA Registration"')
def served_pages_are_registered(exchange: HostExchange) -> bool:
    """No request of an SNP guest is carried out that did not come over the registered page."""
    begun = any_of(*(exchange.stage == s for s in (3, 4, 5, 6)))
    own = all_of(exchange.registered, exchange.msr >> 12 == exchange.frame)
    return implies(all_of(exchange.snp, begun), own)


@invariant("GHCB-I17-HOST", guarantor=HOST, manual=SCRATCH)
def scratch_data_is_in_bounds(exchange: HostExchange) -> bool:
    """The host touches no byte outside the shared buffer, or (under version 1) of the page's other parts."""
    return none_of(exchange.ghost.out_of_bounds)


@invariant("GHCB-I17-LEFT", guarantor=HOST, manual=SCRATCH)
def what_is_left_is_in_bounds(exchange: HostExchange) -> bool:
    """What is still to be moved is in bounds, and is a whole number of elements."""
    moving = any_of(exchange.stage == HostStage.MOVING, all_of(exchange.stage == HostStage.CHECKED, exchange.left != 0))
    element, left = exchange.element, exchange.left
    whole = any_of(
        left == element, element == 1, all_of(element == 2, left & 1 == 0), all_of(element == 4, left & 3 == 0)
    )
    right = all_of(is_inside(exchange, exchange.scratch, left), element != 0, left != 0, whole)
    return implies(moving, right)


@invariant("GHCB-I17-ENDS", guarantor=HOST, manual=SCRATCH)
def scratch_areas_do_not_wrap(exchange: HostExchange) -> bool:
    """What is still to be moved does not go beyond the last address."""
    moving = any_of(exchange.stage == HostStage.MOVING, exchange.stage == HostStage.CHECKED)
    return implies(moving, exchange.scratch + exchange.left <= 1 << 64)


@invariant("GHCB-S11", guarantor=HOST, manual=LIST)
def entries_are_in_the_buffer(exchange: HostExchange) -> bool:
    """Every entry that is looked at is in the buffer, and is not behind the last one."""
    known = all_of(exchange.stage == HostStage.LISTING, exchange.left == 0)
    working = any_of(known, exchange.stage == HostStage.CHANGING)
    inside = is_inside(exchange, exchange.scratch, list_length(exchange.last_entry))
    return implies(working, all_of(inside, exchange.cursor <= exchange.last_entry))


@invariant("GHCB-S11-HEADER", guarantor=HOST, manual=LIST)
def headers_are_in_the_buffer(exchange: HostExchange) -> bool:
    """The header of a list is in the buffer."""
    listing = all_of(exchange.stage == HostStage.LISTING, exchange.left != 0)
    return implies(listing, is_inside(exchange, exchange.scratch, 8))


@invariant("GHCB-S11-CHECKED", guarantor=HOST, manual=LIST)
def lists_have_headers(exchange: HostExchange) -> bool:
    """A list that passes the checks has a header; how long it is, is not known before it is read."""
    listed = all_of(exchange.stage == HostStage.CHECKED, exchange.ghost.checked.code == 0x8000_0010)
    return implies(listed, exchange.left == 8)


@invariant("GHCB-S11-ONCE", guarantor=HOST, manual=LIST, by=("host_changes_entry",))
def changed_entries_were_checked(before: HostExchange, after: HostExchange, outcome: Outcome) -> bool:
    """The entry that is carried out is the one that was read and checked."""
    return implies(none_of(outcome.result == HostAction.WAITS), after.ghost.changed == before.entry)


@invariant("GHCB-S11-PROGRESS", guarantor=HOST, manual=LIST, by=("host_changes_entry",))
def progress_is_written_back(before: HostExchange, after: HostExchange, outcome: Outcome) -> bool:
    """After an entry, the header's first entry is the one behind it, and the entry says that its pages are handled."""
    header = after.page[before.scratch >> 3 & 0x1FF]
    place = entry_address(before, before.cursor) >> 3 & 0x1FF
    entry = after.page[place]
    large = entry >> 56 & 1 == 1
    right = all_of(header & 0xFFFF == before.cursor + 1 & 0xFFFF, entry & 0xFFF == ite(large, 512, 1))
    apart = place != before.scratch >> 3 & 0x1FF
    return implies(all_of(outcome.result == HostAction.SERVES, apart), right)


@invariant("GHCB-I35-HOST", guarantor=HOST, manual=EXIT)
def replies_mark_what_events_give(exchange: HostExchange) -> bool:
    """Of a reply, no register is marked valid that its event does not give; of a refusal, none at all."""
    given = outputs_of(exchange.ghost.served) | ANSWER
    replying = any_of(*(exchange.stage == stage for stage in (4, 5, 6, 7)))
    return implies(replying, exchange.outputs | given == given)


INVARIANTS = (
    what_is_served_was_checked,
    checked_requests_are_kept,
    copies_are_private,
    checked_events_are_offered,
    served_pages_are_registered,
    scratch_data_is_in_bounds,
    what_is_left_is_in_bounds,
    scratch_areas_do_not_wrap,
    entries_are_in_the_buffer,
    headers_are_in_the_buffer,
    lists_have_headers,
    changed_entries_were_checked,
    progress_is_written_back,
    replies_mark_what_events_give,
)
