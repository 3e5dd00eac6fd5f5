"""The theorems that are made of claims, by name. T9 and the graphs of T6 are arguments of their own."""

from proofs.memory_theorems import T1, T2, T7
from proofs.protocol_theorems import T4, T5
from proofs.theorem import Theorem
from spec.everything import GUEST_INVARIANTS, MEMORY_INVARIANTS, PROTOCOL_INVARIANTS
from spec.registry import invariant_info

THEOREMS = (T1, T2, T4, T5, T7)


def named(name: str) -> Theorem | None:
    """The theorem of this name."""
    return next((theorem for theorem in THEOREMS if theorem.name == name.upper()), None)


def knobs_of(theorem: Theorem) -> tuple[str, ...]:
    """The knobs that its claims need at their defaults."""
    every = (*PROTOCOL_INVARIANTS, *GUEST_INVARIANTS, *MEMORY_INVARIANTS)
    infos = (invariant_info(i) for i in every if i.__name__ in theorem.claims)
    return tuple(dict.fromkeys(knob for info in infos for knob in info.needs))
