"""Run a transition once for each of its paths, on a state of which nothing is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import z3

from proofs.context import CURRENT, Context
from proofs.symbolic import symbolic
from proofs.tables import Base
from spec.maps import Map
from spec.record import fields_of, is_record
from spec.registry import Outcome, operands_of


@dataclass
class Path:
    """One way through a transition: the run (branches, obligations, facts) and its outcome."""

    context: Context
    outcome: Outcome


def unknown(kind: Any, name: str) -> Any:
    """A value of a declared type of which nothing is known; tables included."""
    if get_origin(kind) is Map:
        return Base(name, *get_args(kind))
    if is_record(kind):
        return tuple.__new__(kind, tuple(unknown(f.type, f"{name}.{f.name}") for f in fields_of(kind)))
    return symbolic(kind, lambda leaf, sort: z3.Const(leaf, sort), name)


def run(context: Context, function: Callable[[], Any]) -> Any:
    """Call `function` with `context` as the exploration under way."""
    token = CURRENT.set(context)
    try:
        return function()
    finally:
        CURRENT.reset(token)


def explore(
    transition: Callable[..., Outcome], system: Any, op: Any | None = None, first_fresh: int = 0
) -> list[Path]:
    """Every path of a transition from `system`; some may be infeasible. Unknowns are numbered from `first_fresh`."""
    operands = unknown(operands_of(transition), "op") if op is None else op
    paths: list[Path] = []
    pending: list[tuple[bool, ...]] = [()]
    while pending:
        context = Context(pending.pop(), fresh_count=first_fresh)
        outcome = run(context, lambda: transition(system, operands))
        paths.append(Path(context, outcome))
        pending += [
            (*context.taken[:position], False) for position in range(len(context.decisions), len(context.taken))
        ]
    return paths
