"""What a rule of the GHCB protocol is for: without it, a plain run at the end of which a claim is false.

The run is found by search, a shortest one, and replayed; what is done before it begins stands in words.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

from proofs.induction import Predicate, free_parameters, is_state_invariant
from proofs.search import Found, Move, Taken, replayed, search
from spec.maps import Map
from spec.registry import invariant_info, parameters_of, transition_info


@dataclass(frozen=True, eq=False)
class Breach:
    """A rule, the attack that it stops, and the claim that fails without it."""

    rule: str
    """As the attack catalogue has it: S5, D8; or the claim's own identifier where it has no name there."""
    attack: str
    """The attack's number and what happens, in words."""
    statement: Predicate
    start: Callable[[], Any]
    moves: Callable[[], list[Move[Any]]]
    begins: str
    """What has happened before, in words."""
    values: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """The arbitrary values of the claim that are tried."""

    @property
    def identifier(self) -> str:
        """Of the claim."""
        return invariant_info(self.statement).identifier

    @property
    def name(self) -> str:
        """Unique among all breaches."""
        return f"{self.rule} {self.identifier} {self.attack}"

    def text(self) -> str:
        """The run, a line for each step, and what fails."""
        return "\n".join(
            [f"without {self.rule}: {self.attack}", f"   {self.begins}", shown(self).text(), f"   then {self.fails()}"]
        )

    def fails(self) -> str:
        """What is false at the end."""
        return f"{self.identifier} {self.statement.__name__} does not hold"


def fingerprint(value: Any) -> Hashable:
    """What tells states apart."""
    if isinstance(value, Map):
        return frozenset((key, fingerprint(item)) for key, item in value.changed())
    if isinstance(value, tuple):
        return tuple(fingerprint(part) for part in value)
    known: Hashable = value
    return known


def choices(breach: Breach) -> Iterator[dict[str, Any]]:
    """The claim's arbitrary values, in every combination."""
    names = list(free_parameters(breach.statement))
    for combination in product(*(breach.values[name] for name in names)):
        yield dict(zip(names, combination, strict=True))


def fails_in(breach: Breach, state: Any) -> bool:
    """Whether a claim about states is false of one."""
    return any(not breach.statement(state, **values) for values in choices(breach))


def fails_of(breach: Breach, before: Any, taken: Taken) -> bool:
    """Whether the claim is false after a step, or of it."""
    after = taken.outcome.system
    if is_state_invariant(breach.statement):
        return after is not before and fails_in(breach, after)
    if not invariant_info(breach.statement).speaks_of(transition_info(taken.take)):
        return False
    parts = {"before": before, "op": taken.op, "after": after, "outcome": taken.outcome}
    named = {name: parts[name] for name in parameters_of(breach.statement) if name in parts}
    return any(not breach.statement(**named, **values) for values in choices(breach))


@cache
def looked_for(breach: Breach) -> Found[Any]:
    """The search; it may end without a run. The claim holds at the beginning."""
    start = breach.start()
    if is_state_invariant(breach.statement) and fails_in(breach, start):
        raise AssertionError(f"{breach.name}: the claim is false from the beginning")
    return search(
        start,
        breach.moves(),
        fingerprint,
        lambda _: False,
        is_bad_step=lambda before, taken: fails_of(breach, before, taken),
    )


def shown(breach: Breach) -> Found[Any]:
    """The run, replayed: the claim is false at its end."""
    found = looked_for(breach)
    if not found.trace:
        raise LookupError(f"no run shows what {breach.name} is for")
    *first, last = found.trace
    before = replayed(breach.start(), first)
    if not fails_of(breach, before, Taken(last.take, last.op, last.take(before, last.op))):
        raise AssertionError(f"{breach.name}: the replay does not confirm it")
    return found
