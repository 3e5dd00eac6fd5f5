"""The suite of theorem T5: a careful guest's lists of page state changes, on the machine with that guest followed.

Hypotheses are, besides its own, those of the guest's suite, where they are proved. Of the machine's other steps only
SNP_LAUNCH_UPDATE changes what a guest counts as accepted, so it is the one that is a step here too.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, cast

from proofs.induction import is_state_invariant
from proofs.initial import Reset, assembled, everywhere, guest_reset
from proofs.lifting import lifted
from proofs.needed_knobs import needed_knobs_have_defaults
from proofs.suite import Suite
from spec.everything import LIST_INVARIANTS, LIST_TRANSITIONS
from spec.firmware.launch_update import launch_update
from spec.ghcb.list_state import ListExchange, ListRules, ListStage, PageView, View
from spec.ghcb.vocabulary.page_state import EntryIndex
from spec.guest.world import World, is_careful
from spec.logic import all_of, implies
from spec.maps import Map
from spec.record import fields_of, record, replace
from spec.registry import Outcome, operands_of, transition
from spec.vocabulary import Actor, Event, Evidence, Gfn


def keeps_rules(exchange: ListExchange) -> bool:
    """The guest keeps every rule, of lists and of pages."""
    rules = exchange.rules
    return all_of(is_careful(exchange.world.guest.rules), *(getattr(rules, f.name) for f in fields_of(ListRules)))


def of_careful_lists(invariant: Callable[..., bool]) -> Callable[..., bool]:
    """What the guest guarantees, as a claim about all guests."""

    @wraps(invariant)
    def holds(*exchange: ListExchange, **named: Any) -> bool:
        first = exchange[0] if exchange else named["before"]
        return implies(keeps_rules(first), invariant(*exchange, **named))

    return holds


def of_list(invariant: Callable[..., bool]) -> Callable[..., bool]:
    """An invariant of the world, as one of an exchange on it."""

    @wraps(invariant)
    def holds(exchange: ListExchange, **values: Any) -> bool:
        return invariant(exchange.world, **values)

    kinds = {name: kind for name, kind in invariant.__annotations__.items() if name != "world"}
    holds.__annotations__ = {"exchange": ListExchange, **kinds}
    return holds


def in_list(step: Callable[[Any, Any], Outcome]) -> Callable[[ListExchange, Any], Outcome]:
    """A step of the machine, during an exchange, which it does not touch."""
    in_world = lifted(step)

    @wraps(step)
    def taken(exchange: ListExchange, op: Any) -> Outcome:
        outcome = in_world(exchange.world, op)
        same = outcome.system is exchange.world
        return outcome._replace(system=exchange if same else replace(exchange, world=outcome.system))

    taken.__annotations__ = {"exchange": ListExchange, "op": operands_of(step), "return": Outcome}
    return taken


def entries_at_work(exchange: ListExchange, op: Any, values: dict[str, Any]) -> Iterator[tuple[Any, Any]]:  # noqa: ARG001 - every hint has these
    """The entry that the list has come to, and the last one."""
    yield EntryIndex, exchange.cursor & 0xFFFF
    yield EntryIndex, exchange.last


@record
class ListReset:
    """The machine and the guest after a reset, and the guest's rules."""

    reset: Reset
    rules: ListRules


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.4")
def list_reset(exchange: ListExchange, op: ListReset) -> Outcome:
    """A guest that has not begun has no list, and uses no page."""
    world = guest_reset(exchange.world, op.reset).system
    view = everywhere(Map[Gfn, PageView], Map(int(View.NOT)), "start.view")
    parts = {f.name: getattr(exchange, f.name) for f in fields_of(ListExchange)}
    parts |= {"world": world, "rules": op.rules, "stage": int(ListStage.IDLE), "last": 0, "view": view}
    return Outcome(
        Event.COMPLETES, "started", cast(ListExchange, assembled(ListExchange, *parts.values())), Evidence.MANUAL
    )


OF_LISTS = tuple(of_careful_lists(i) for i in LIST_INVARIANTS)
STATES_OF_LISTS = tuple(i for i in OF_LISTS if is_state_invariant(i))


def list_suites(guest: Suite) -> tuple[Suite, Suite]:
    """The suite, and that of its initial state; `guest` is the suite of what is assumed of the machine."""
    assumed = tuple(of_list(h) for h in guest.hypotheses if h.__annotations__.get("world") is World)
    suite = Suite(
        name="ghcb-list",
        state_type=ListExchange,
        transitions=(*LIST_TRANSITIONS, in_list(launch_update)),
        invariants=OF_LISTS,
        hypotheses=(*STATES_OF_LISTS, *assumed),
        assumptions=(needed_knobs_have_defaults,),
        hints=(entries_at_work,),
    )
    return suite, Suite("ghcb-list-initial", ListExchange, (list_reset,), STATES_OF_LISTS, ())
