"""The suites of the GHCB protocol and of #VC: their states, steps, claims, and what is assumed."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from proofs.induction import is_state_invariant
from proofs.needed_knobs import needed_knobs_have_defaults
from proofs.protocol_initial import host_reset, msr_reset, vc_reset
from proofs.suite import Suite
from spec.everything import (
    HOST_INVARIANTS,
    HOST_TRANSITIONS,
    MSR_INVARIANTS,
    MSR_TRANSITIONS,
    VC_INVARIANTS,
    VC_TRANSITIONS,
)
from spec.ghcb.host_state import HostExchange
from spec.ghcb.msr_state import MsrExchange
from spec.logic import all_of, implies
from spec.record import fields_of
from spec.registry import invariant_info
from spec.vc.instruction import RAX, Qword
from spec.vc.state import Level, VcExchange
from spec.vocabulary import Guarantor

KEEPERS = (Guarantor.GUEST, Guarantor.HOST)
"""Whose invariants hold only if rules are kept."""


def keeps_rules(exchange: Any) -> bool:
    """The careful side of an exchange keeps all its rules."""
    rules = exchange.rules
    return all_of(*(getattr(rules, field.name) for field in fields_of(type(rules))))


def of_careful_sides(invariant: Callable[..., bool]) -> Callable[..., bool]:
    """What a guest or a host guarantees, as a claim about all: those that keep every rule."""
    if invariant_info(invariant).guarantor not in KEEPERS:
        return invariant

    @wraps(invariant)
    def holds(*exchange: Any, **named: Any) -> bool:
        first = exchange[0] if exchange else named["before"]
        return implies(keeps_rules(first), invariant(*exchange, **named))

    return holds


def places_at_work(exchange: VcExchange, op: Any, values: dict[str, Any]) -> Iterator[tuple[Any, Any]]:  # noqa: ARG001 - every hint has these
    """The call under way, the place that it has come to, and RAX, where some inputs are put together."""
    cursor = exchange.calls[exchange.depth].cursor
    yield Level, exchange.depth
    yield Qword, cursor
    yield Qword, (cursor ^ cursor) | RAX


def states(invariants: tuple[Callable[..., bool], ...]) -> tuple[Callable[..., bool], ...]:
    """Those that speak of one state."""
    return tuple(i for i in invariants if is_state_invariant(i))


MSR = Suite(
    name="ghcb-msr",
    state_type=MsrExchange,
    transitions=MSR_TRANSITIONS,
    invariants=MSR_INVARIANTS,
    hypotheses=states(MSR_INVARIANTS),
    assumptions=(needed_knobs_have_defaults,),
)
OF_HANDLERS = tuple(of_careful_sides(i) for i in VC_INVARIANTS)
VC = Suite(
    name="vc",
    state_type=VcExchange,
    transitions=VC_TRANSITIONS,
    invariants=OF_HANDLERS,
    hypotheses=states(OF_HANDLERS),
    assumptions=(needed_knobs_have_defaults,),
    hints=(places_at_work,),
)
OF_HOSTS = tuple(of_careful_sides(i) for i in HOST_INVARIANTS)
HOST = Suite(
    name="ghcb-host",
    state_type=HostExchange,
    transitions=HOST_TRANSITIONS,
    invariants=OF_HOSTS,
    hypotheses=states(OF_HOSTS),
    assumptions=(needed_knobs_have_defaults,),
)

PROTOCOLS = (MSR, VC, HOST)
PROTOCOLS_INITIAL = (
    Suite("ghcb-msr-initial", MsrExchange, (msr_reset,), states(MSR_INVARIANTS), ()),
    Suite("vc-initial", VcExchange, (vc_reset,), states(OF_HANDLERS), ()),
    Suite("ghcb-host-initial", HostExchange, (host_reset,), states(OF_HOSTS), ()),
)
