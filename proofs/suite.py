"""What is proved together: a kind of state, its steps, its invariants, and what is assumed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from proofs.explore import unknown
from proofs.induction import Predicate, is_state_invariant
from spec.registry import Outcome, invariant_info, transition_info

Transition = Callable[..., Outcome]
Assumption = Callable[[Any, Any], Any]
"""A predicate of state and operands that is assumed of every step, by name."""
Hint = Callable[[Any, Any, dict[str, Any]], Iterable[tuple[Any, Any]]]
"""From state, operands and a claim's arbitrary values: (type, value) pairs at which hypotheses are worth using."""


def as_it_is(state: Any) -> Any:
    """Nothing is known of the state."""
    return state


@cache
def shaped(kind: Any, shape: Callable[[Any], Any]) -> Any:
    """The unknown state of a kind, with what is known of it."""
    return shape(unknown(kind, "s"))


@dataclass(frozen=True)
class Suite:
    """What is proved together: a kind of state, steps, invariants to preserve, and what is assumed."""

    name: str
    state_type: Any
    transitions: tuple[Transition, ...]
    invariants: tuple[Predicate, ...]
    hypotheses: tuple[Predicate, ...]
    """What may be assumed before a step at any values: state invariants, and premises of the operands alone."""
    assumptions: tuple[Assumption, ...] = ()
    hints: tuple[Hint, ...] = ()
    shape: Callable[[Any], Any] = as_it_is
    """What is known of the state before every step, put into it."""

    def state(self) -> Any:
        """A state of which nothing else is known; the same one every time."""
        return shaped(self.state_type, self.shape)

    def __post_init__(self) -> None:
        names = [hypothesis.__name__ for hypothesis in self.hypotheses]
        if len({*names}) != len(names):
            raise ValueError(f"{self.name}: two hypotheses of one name would share their witnesses")


def about(suite: Suite, transition: Transition) -> list[Predicate]:
    """The invariants that speak of a transition."""
    info = transition_info(transition)
    return [i for i in suite.invariants if is_state_invariant(i) or invariant_info(i).speaks_of(info)]
