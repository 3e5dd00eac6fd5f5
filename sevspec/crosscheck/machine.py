"""A Hypothesis state machine: its rules come from the registry, its failures shrink to a few readable steps."""

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sevspec.crosscheck.concretisation import Inexpressible
from sevspec.crosscheck.invariants import broken_invariants
from sevspec.crosscheck.operands import take
from sevspec.crosscheck.walk import DRAWS, STEPS, WEIGHTS, a_bench
from spec.registry import transition_info

CHANCE = st.randoms(use_true_random=True)
"""A seed for each step: failures shrink to few steps, and each step's operands are printed."""


class CrossCheck(RuleBasedStateMachine):
    """Both texts just after SNP_INIT on some platform, then any steps in any order."""

    @initialize(rng=CHANCE)
    def platform_starts(self, rng: Random) -> None:
        """A platform, its knobs, and perhaps guests to begin with."""
        self.bench = a_bench(rng)

    def step(self, name: str, rng: Random) -> None:
        """One step on both sides, compared."""
        op = DRAWS[name](rng, self.bench)
        try:
            note(f"{name} {op!r}: {take(self.bench, STEPS[name], op).check}")
        except Inexpressible as reason:
            note(f"{name} {op!r}: not taken, {reason}")

    @invariant()
    def specified_invariants_hold(self) -> None:
        """The invariants of the registry, at the pages that steps touch."""
        if hasattr(self, "bench"):
            broken = list(broken_invariants(self.bench.system))
            assert not broken, broken


def verb(name: str) -> str:
    """What an actor does who takes a step: rmpupdates, psmashes, rmpqueries."""
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "h", "x")) else "s")


def rule_name(name: str) -> str:
    """Actor and verb."""
    return f"{transition_info(STEPS[name]).actor.value}_{verb(name)}"


def rule_of(name: str) -> Any:
    """The rule of one transition; those that matter most are taken several times in a row."""

    def body(self: CrossCheck, rng: Random) -> None:
        for _ in range(WEIGHTS.get(name, 2) // 2 or 1):
            self.step(name, rng)

    body.__name__ = body.__qualname__ = rule_name(name)
    return rule(rng=CHANCE)(body)


RULES: dict[str, Callable[..., Any]] = {rule_name(name): rule_of(name) for name in DRAWS}
CrossCheckMachine: type[CrossCheck] = type("CrossCheckMachine", (CrossCheck,), {"__doc__": CrossCheck.__doc__, **RULES})
