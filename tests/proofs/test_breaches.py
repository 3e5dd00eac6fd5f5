"""Each rule of the GHCB protocol is needed: without it a replayed run breaks a claim; with it there is none."""

from typing import Any

import pytest

from proofs.breaches import Breach, fails_of, fingerprint, shown
from proofs.host_breaches import HOST_BREACHES
from proofs.list_breaches import LIST_BREACHES
from proofs.search import search
from proofs.vc_breaches import VC_BREACHES
from spec.ghcb.host_state import CAREFUL_HOST, HostRules
from spec.ghcb.list_state import CAREFUL_LISTS, ListExchange, ListRules
from spec.guest.world import CAREFUL, Discipline
from spec.record import fields_of, replace
from spec.vc.state import CAREFUL_HANDLER, HandlerRules

BREACHES = (*VC_BREACHES, *HOST_BREACHES, *LIST_BREACHES)
KEPT = {HandlerRules: CAREFUL_HANDLER, HostRules: CAREFUL_HOST, ListRules: CAREFUL_LISTS}


def careful(state: Any) -> Any:
    """The same state, with every rule kept."""
    if isinstance(state, ListExchange):
        guest = replace(state.world.guest, rules=CAREFUL)
        state = replace(state, world=replace(state.world, guest=guest))
    return replace(state, rules=KEPT[type(state.rules)])


def dropped(state: Any) -> list[str]:
    """The rules that are not kept."""
    rules = [*zip(fields_of(type(state.rules)), state.rules, strict=True)]
    if isinstance(state, ListExchange):
        rules += zip(fields_of(Discipline), state.world.guest.rules, strict=True)
    return [field.name for field, kept in rules if not kept]


@pytest.mark.parametrize("breach", BREACHES, ids=lambda b: b.name)
def test_without_the_rule_the_claim_fails(breach: Breach) -> None:
    assert len(dropped(breach.start())) == 1
    assert shown(breach).trace
    assert breach.text().endswith(f"then {breach.fails()}")


@pytest.mark.parametrize("breach", BREACHES, ids=lambda b: b.name)
def test_with_the_rule_no_such_run_exists(breach: Breach) -> None:
    found = search(
        careful(breach.start()),
        breach.moves(),
        fingerprint,
        lambda _: False,
        is_bad_step=lambda before, taken: fails_of(breach, before, taken),
        is_final=lambda state: bool(getattr(state, "stopped", False)),
        most=20_000,
    )
    assert found.trace == ()


@pytest.mark.parametrize("rules", KEPT, ids=lambda r: r.__name__)
def test_every_rule_has_a_run_that_shows_what_it_is_for(rules: Any) -> None:
    states = [breach.start() for breach in BREACHES]
    shown_rules = {name for state in states if isinstance(state.rules, rules) for name in dropped(state)}
    assert shown_rules - {"rescinds_before_sharing"} == {field.name for field in fields_of(rules)}
