"""The NAE events by which a guest registers its doorbell page, sends IPIs and sets a timer (GHCB, "#HV Doorbell Page").

The answers are the hypervisor's. A guest that is told nothing, or something else, loses events and nothing more.
"""

from typing import Annotated

from spec.features import Platform
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Address, Bits, DoorbellAction, Evidence

SOURCE = 'GHCB (56421), "#HV Doorbell Page NAE Event"'
DOORBELL_EXIT, IPI_EXIT, TIMER_EXIT = 0x8000_0014, 0x8000_0015, 0x8000_0016
"""Exit codes."""
GET_PREFERRED, SET, QUERY, CLEAR = 0, 1, 2, 3
"""Requests of the doorbell event, in SW_EXITINFO1."""
NO_PAGE = (1 << 64) - 1
"""SW_EXITINFO2: no page is registered, or none is preferred."""
MALFORMED = 5
"""SW_EXITINFO2 with SW_EXITINFO1 = 2: the input is not valid."""
IPI_FEATURE, TIMER_FEATURE = 1 << 2, 1 << 3
"""Hypervisor feature bits: restricted injection, and its timer."""


@record
class Registration:
    """What the hypervisor knows of one virtual processor's page."""

    platform: Platform
    offered: Annotated[int, Bits(64, "hypervisor features")]
    """The hypervisor feature bits that were advertised."""
    registered: bool
    page: Address


@record
class NaeEvent:
    """A request of the guest's."""

    exit_code: Annotated[int, Bits(64, "exit code")]
    info1: Address
    info2: Address
    usable: bool
    """The address is one at which a shared page can be mapped."""


@record
class Reply:
    """SW_EXITINFO1 and SW_EXITINFO2 after the exit."""

    info1: Address
    info2: Address


def answers(state: Registration, check: str, info2: int) -> Outcome:
    """The event is done."""
    return Outcome(DoorbellAction.ACTS, check, state, Evidence.AGREED, Reply(0, info2))


def refuses(state: Registration, check: str) -> Outcome:
    """The event is not."""
    return Outcome(DoorbellAction.REFRAINS, check, state, Evidence.AGREED, Reply(2, MALFORMED))


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def host_answers_nae(system: Registration, op: NaeEvent) -> Outcome:
    """An honest host answers the doorbell, IPI and timer events."""
    # 1. Restricted injection is offered, and the event is one of its own.
    timer = all_of(op.exit_code == TIMER_EXIT, system.offered & TIMER_FEATURE != 0)
    own = any_of(op.exit_code == DOORBELL_EXIT, op.exit_code == IPI_EXIT, timer)
    if none_of(all_of(own, system.offered & IPI_FEATURE != 0)):
        return refuses(system, "not-offered")

    # 2. An IPI reaches its target's page, a timer this one's: without a page there is nothing to post to.
    other = none_of(op.exit_code == DOORBELL_EXIT)
    if all_of(other, none_of(system.registered)):
        return refuses(system, "no-page")
    if other:
        return answers(system, "sent", 0)

    # 3. No page is preferred; the one that is registered is told.
    if op.info1 == GET_PREFERRED:
        return answers(system, "no-preference", NO_PAGE)
    if op.info1 == QUERY:
        return answers(system, "queried", ite(system.registered, system.page, NO_PAGE))

    # 4. The registration is dropped: on request, and also before a new one, whatever becomes of that.
    dropped = replace(system, registered=False, page=0)
    if op.info1 == CLEAR:
        return answers(dropped, "cleared", 0)
    if any_of(op.info1 != SET, op.info2 & 0xFFF != 0, none_of(op.usable)):
        return refuses(dropped, "malformed")
    return answers(replace(system, registered=True, page=op.info2), "registered", op.info2)


TRANSITIONS = (host_answers_nae,)
