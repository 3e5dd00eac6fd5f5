"""A theorem by its short name: its claims, what it rests on, and a run for each rule that it does not hold without."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """What comes back without a rule: a shortest run of its kind, replayed before it is shown."""

    rules: tuple[str, ...]
    """The names that the rule goes by."""
    claim: str
    """The identifier of what fails."""
    text: Callable[[], str]
    """The run, a line for each step."""


@dataclass(frozen=True)
class Theorem:
    """A theorem: the conjunction of claims that are proved."""

    name: str
    title: str
    words: str
    claims: tuple[str, ...]
    """Names of invariants."""
    rules: tuple[str, ...]
    """The rules that it needs."""
    given: tuple[str, ...]
    """What is assumed, beside rules and knobs, in words."""
    runs: tuple[Run, ...]

    def without(self, rule: str) -> tuple[Run, ...]:
        """What comes back without a rule."""
        return tuple(run for run in self.runs if rule.upper() in (name.upper() for name in run.rules))
