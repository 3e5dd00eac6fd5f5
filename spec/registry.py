"""`@transition` and `@invariant`: who acts, who guarantees, where it stands. They attach metadata and nothing else.

The tuples in each package's `__init__.py` are the registry; `spec/system/__init__.py` joins them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast, get_type_hints

from spec.vocabulary import Actor, Evidence, Guarantor, Result

F = TypeVar("F", bound=Callable[..., Any])


class Outcome(NamedTuple):
    """What a transition gives: the result, the check that decided, the next state, and what the check rests on."""

    result: Result
    check: str
    system: Any
    evidence: Evidence
    output: Any = None
    """Further results: a register value, a fault's error word; None where there is none."""


@dataclass(frozen=True)
class TransitionInfo:
    """A transition's actor and manual reference."""

    name: str
    actor: Actor
    manual: str


@dataclass(frozen=True)
class InvariantInfo:
    """An invariant: its identifier, who guarantees it, where it stands, and what it needs.

    `needs` names the knobs that must have their defaults. A step invariant speaks of a state before and after a step;
    `by` names the transitions that it speaks of (all, if empty), `unless` the ones it exempts.
    """

    name: str
    identifier: str
    guarantor: Guarantor
    manual: str
    needs: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    premises: tuple[str, ...] = ()
    """The rules that must be kept, by their names in `spec/memory/premises.py`."""

    def speaks_of(self, transition: TransitionInfo) -> bool:
        """Whether a step of this transition is one that the invariant speaks of."""
        return (not self.by or transition.name in self.by) and transition.name not in self.unless


def transition(*, actor: Actor, manual: str) -> Callable[[F], F]:
    """Mark a function `(system, operands) -> Outcome` as a step that `actor` can take."""

    def attach(function: F) -> F:
        cast(Any, function).transition_info = TransitionInfo(function.__name__, actor, manual)
        return function

    return attach


def invariant(
    identifier: str,
    *,
    guarantor: Guarantor,
    manual: str,
    needs: tuple[str, ...] = (),
    by: tuple[str, ...] = (),
    unless: tuple[str, ...] = (),
    premises: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Mark a predicate of a state (or of a step) as an invariant; its further parameters are arbitrary values."""

    def attach(function: F) -> F:
        info = InvariantInfo(function.__name__, identifier, guarantor, manual, needs, by, unless, premises)
        cast(Any, function).invariant_info = info
        return function

    return attach


def transition_info(function: Callable[..., Any]) -> TransitionInfo:
    """The metadata of a transition."""
    return cast(TransitionInfo, cast(Any, function).transition_info)


def invariant_info(function: Callable[..., Any]) -> InvariantInfo:
    """The metadata of an invariant."""
    return cast(InvariantInfo, cast(Any, function).invariant_info)


def parameters_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Parameter names and types of a transition or invariant, widths included."""
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    return hints


def operands_of(function: Callable[..., Any]) -> Any:
    """The operand record of a transition."""
    return parameters_of(function)["op"]
