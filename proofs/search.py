"""Explicit search: every state that plain runs of the specification can reach from one state, breadth first.

It shares no code with the solver, so that it can disagree with it. The first violation found is a shortest one.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from proofs.words import words
from spec.registry import Outcome, transition_info

S = TypeVar("S")


@dataclass(frozen=True)
class Move(Generic[S]):
    """A step that someone may take in any state: the transition, and its operands in that state (None: not now)."""

    take: Callable[[S, Any], Outcome]
    operands: Callable[[S], Any]


@dataclass(frozen=True)
class Taken:
    """A step of a trace."""

    take: Callable[[Any, Any], Outcome]
    op: Any
    outcome: Outcome

    def cells(self) -> tuple[str, str, str, str]:
        """Who, what, with which operands, and the answer."""
        info, result = transition_info(self.take), self.outcome.result
        answer = result.name if isinstance(result.value, int) else result.value
        return info.actor.value, info.name, words(self.op), f"{answer} ({self.outcome.check})"

    def text(self) -> str:
        """The same in one line."""
        actor, name, operands, answer = self.cells()
        return f"{actor:<14} {name:<20} {operands}  =>  {answer}"


@dataclass
class Found(Generic[S]):
    """What a search saw: how many states, and the shortest way to a bad one, if there is any."""

    states: int = 0
    steps: int = 0
    trace: tuple[Taken, ...] = ()
    bad: S | None = None
    checks: set[tuple[str, str]] = field(default_factory=set)
    """Every (transition, check) that decided."""

    def text(self) -> str:
        """The trace, a line for each step."""
        return "\n".join(f"{number}. {taken.text()}" for number, taken in enumerate(self.trace, 1))


def search(
    start: S,
    moves: Iterable[Move[S]],
    key: Callable[[S], Hashable],
    is_bad: Callable[[S], bool],
    is_final: Callable[[S], bool] = lambda _: False,
    most: int = 1_000_000,
    is_bad_step: Callable[[S, Taken], bool] = lambda _before, _taken: False,
) -> Found[S]:
    """States from `start` on; states with one key are one. It ends at the first bad state or step, or with the last."""
    known = list(moves)
    found: Found[S] = Found()
    seen = {key(start)}
    origin: list[tuple[int, Taken | None]] = [(0, None)]
    states = [start]
    at = 0
    while at < len(states):
        if is_bad(states[at]):
            found.bad, found.trace = states[at], path_to(origin, at)
            break
        if not is_final(states[at]):
            for taken in steps(states[at], known):
                found.steps += 1
                found.checks.add((transition_info(taken.take).name, taken.outcome.check))
                if is_bad_step(states[at], taken):
                    found.states = len(states)
                    found.bad, found.trace = taken.outcome.system, (*path_to(origin, at), taken)
                    return found
                after = taken.outcome.system
                if after is not states[at] and (mark := key(after)) not in seen:
                    seen.add(mark)
                    states.append(after)
                    origin.append((at, taken))
        if len(states) > most:
            raise RuntimeError(f"more than {most} states")
        at += 1
    found.states = len(states)
    return found


def steps(state: S, moves: Iterable[Move[S]]) -> Iterator[Taken]:
    """Every step from a state."""
    for move in moves:
        op = move.operands(state)
        if op is not None:
            yield Taken(move.take, op, move.take(state, op))


def path_to(origin: list[tuple[int, Taken | None]], at: int) -> tuple[Taken, ...]:
    """The steps from the start to a state."""
    path = []
    while (taken := origin[at][1]) is not None:
        path.append(taken)
        at = origin[at][0]
    return tuple(reversed(path))


def replayed(start: S, trace: Iterable[Taken]) -> S:
    """The state after a trace, run anew; every answer must be the same."""
    state: Any = start
    for taken in trace:
        outcome = taken.take(state, taken.op)
        if (outcome.result, outcome.check) != (taken.outcome.result, taken.outcome.check):
            raise AssertionError(f"{taken.text()}: now {outcome.check}")
        state = outcome.system
    return state  # type: ignore[no-any-return]  # the steps of a search keep the kind of state
