"""The exploration under way: which branches were taken, what must hold for the model to agree with plain integers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import z3

MARK: ContextVar[str] = ContextVar("mark", default="")
"""What tells the inventions of one version of the rules from those of another, where both are in one question."""


@dataclass(frozen=True)
class Obligation:
    """Something that must follow from the path so far: a value fits its width, a range write is uniform."""

    what: str
    under: tuple[z3.BoolRef, ...]
    claim: z3.BoolRef


@dataclass
class RangeFact:
    """`truth` says that `predicate` holds at each of the `count` numbers from `first`; used at every number read."""

    truth: z3.BoolRef
    first: Any
    count: Any
    predicate: Callable[[Any], Any]
    witness: Any
    """A number at which it fails, where it does not hold throughout."""


@dataclass(frozen=True)
class Measure:
    """`term` counts the keys of a base table, of the `count` from `first`, whose value the predicate holds of."""

    term: z3.BitVecRef
    table: Any
    first: Any
    count: int
    predicate: Callable[[Any], Any]


@dataclass(frozen=True)
class Total:
    """`term` is the sum of `part(table, first)` over the aligned blocks of `size` keys of a base table."""

    term: z3.BitVecRef
    table: Any
    size: int
    part: Callable[[Any, Any], Any]


@dataclass
class Context:
    """One run of a rule. `decisions` says how each fresh branch goes; past its end, branches go True."""

    decisions: tuple[bool, ...] = ()
    forks: bool = True
    scope: str = ""
    """What tells the inventions of this run from those of others that are in one question with it."""
    conditions: list[z3.BoolRef] = field(default_factory=list)
    taken: list[bool] = field(default_factory=list)
    decided: dict[int, bool] = field(default_factory=dict)
    obligations: list[Obligation] = field(default_factory=list)
    guards: list[z3.BoolRef] = field(default_factory=list)
    axioms: list[z3.BoolRef] = field(default_factory=list)
    range_facts: list[RangeFact] = field(default_factory=list)
    keys: dict[str, dict[tuple[int, ...], Any]] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)
    totals: dict[int, Total] = field(default_factory=dict)
    kept: list[z3.AstRef] = field(default_factory=list)
    choices: list[tuple[z3.BoolRef, Any, Any]] = field(default_factory=list)
    """Data that the transition chose: the condition and the two values; test cases have each choice both ways."""
    invented: list[Any] = field(default_factory=list)

    def invent(self, stem: str, sort: z3.SortRef) -> Any:
        """A constant that no other of this run is; in a run of this scope with the same branches it is the same."""
        branches = "".join("ny"[answer] for answer in self.taken)
        self.invented.append(z3.Const(f"{stem}!{len(self.invented) + 1}{branches}{self.scope}{MARK.get()}", sort))
        return self.invented[-1]

    def decide(self, condition: z3.BoolRef) -> bool:
        """The truth of a branch condition on this path."""
        if z3.is_true(condition):
            return True
        if z3.is_false(condition):
            return False
        if not self.forks:
            raise TypeError("an invariant asked for the truth of a term; write all_of, any_of, ite")
        key = condition.get_id()
        if key not in self.decided:
            position = len(self.taken)
            answer = self.decisions[position] if position < len(self.decisions) else True
            self.kept.append(condition)
            self.taken.append(answer)
            self.decided[key] = answer
            self.conditions.append(condition if answer else z3.Not(condition))
        return self.decided[key]

    def implies(self, claim: z3.BoolRef) -> bool:
        """Whether the branches taken so far alone prove the claim."""
        solver = z3.SolverFor("QF_UFBV")
        solver.add(*self.conditions, z3.Not(claim))
        return bool(solver.check() == z3.unsat)

    def require(self, what: str, claim: z3.BoolRef) -> None:
        """Note an obligation under the branches taken so far."""
        if not z3.is_true(claim):
            self.obligations.append(Obligation(what, (*self.conditions, *self.guards), claim))

    @contextmanager
    def under(self, guard: z3.BoolRef) -> Iterator[None]:
        """Obligations noted inside hold where `guard` does: a rule's text for one number of a range."""
        self.guards.append(guard)
        yield
        self.guards.pop()


CURRENT: ContextVar[Context | None] = ContextVar("exploration", default=None)


def current() -> Context:
    """The exploration under way; a term decides nothing outside one."""
    context = CURRENT.get()
    if context is None:
        raise TypeError("a symbolic term has no truth value outside an exploration")
    return context
