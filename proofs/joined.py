"""Paths that end in the same state, as one: what is claimed of the state is proved once for all of them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import z3

from proofs.context import Context, Obligation
from proofs.explore import Path
from proofs.symbolic import conjunction, leaves
from proofs.tables import Merged, SymMap, Written
from spec.logic import Term


def joined(paths: Iterable[Path], *, with_results: bool) -> list[Path]:
    """One path for each state (and result, if asked) that the paths end in."""
    groups: dict[Any, list[Path]] = {}
    for path in paths:
        outcome = path.outcome
        told = (outcome.result, outcome.check, outcome.evidence, identity_of(outcome.output)) if with_results else ()
        groups.setdefault((identity_of(outcome.system), told), []).append(path)
    return [group[0] if len(group) == 1 else join(group) for group in groups.values()]


def join(paths: list[Path]) -> Path:
    """Paths to one state as a path. What was noted under one name in two runs is the same: see `Context.invent`."""
    contexts = [path.context for path in paths]
    common = set.intersection(*({c.get_id() for c in context.conditions} for context in contexts))
    rests = [conjunction(c for c in context.conditions if c.get_id() not in common) for context in contexts]
    first = contexts[0]
    shared = [c for c in first.conditions if c.get_id() in common]
    context = Context(
        forks=False,
        conditions=[*shared, z3.Or(*rests)],
        taken=first.taken,
        obligations=list({identity_of_obligation(o): o for c in contexts for o in c.obligations}.values()),
        axioms=unique(a for c in contexts for a in c.axioms),
        range_facts=list({f.truth.get_id(): f for c in contexts for f in c.range_facts}.values()),
        keys={},
        measures=list({m.term.get_id(): m for c in contexts for m in c.measures}.values()),
        totals={term: total for c in contexts for term, total in c.totals.items()},
        invented=max((c.invented for c in contexts), key=len),
    )
    for one in contexts:
        for table, keys in one.keys.items():
            context.keys.setdefault(table, {}).update(keys)
    return replace(paths[0], context=context)


def identity_of_obligation(one: Obligation) -> tuple[Any, ...]:
    """What tells obligations apart: also the branches under which they were noted, since each must hold on all."""
    return (one.what, one.claim.get_id(), *(condition.get_id() for condition in one.under))


def unique(terms: Iterable[z3.BoolRef]) -> list[z3.BoolRef]:
    """Each term once."""
    return list({term.get_id(): term for term in terms}.values())


def identity_of(state: Any) -> Any:
    """What tells states apart by what was written into them; a range that was written is like no other."""
    if isinstance(state, Written):
        return ("written", identity_of(state.before), identity_of(state.key), identity_of(state.value))
    if isinstance(state, Merged):
        return ("merged", state.condition.get_id(), identity_of(state.then), identity_of(state.otherwise))
    if isinstance(state, SymMap):
        return ("table", id(state))
    if isinstance(state, tuple) and not isinstance(state, Term):
        return tuple(identity_of(part) for part in state)
    return ("leaf", leaves(state)[0].get_id()) if isinstance(state, Term) else ("plain", state)
