"""Whether a mutant is equivalent: no state and operands tell it from the original, and z3 proves so.

Both versions are explored on one unknown state. For each pair of their paths that can be taken together, result,
check, evidence, output and next state must be the same; tables are compared at an arbitrary key. Range facts and
invariants are used at every key that either version reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import product
from typing import Any

import z3

from proofs.explore import Path, explore, run, unknown
from proofs.functions import step_named
from proofs.induction import facts_for, tables_of
from proofs.mutate import Mutant
from proofs.schemas import met
from proofs.solving import z3_solver
from proofs.symbolic import SymBits, SymBool, conjunction, leaves
from proofs.tables import Base, SymMap
from proofs.universe import changed
from spec.logic import Term
from spec.record import fields_of, is_record
from spec.registry import operands_of

EVERYWHERE, UNDER_INVARIANTS = "on every state", "where the invariants hold"
EFFORT = 20_000_000
"""What z3 may spend on one pair of paths, in its own units; some ten seconds."""
MUTANT = "'"
"""Marks what a mutant invents, so that it is not the original's."""
COUNTING = ("spec/rmp/invariants.py", "spec/rmp/counters.py", "spec/firmware/initial_table.py")
"""Here stands what is counted in tables. Counts go by its name, so a mutant of it cannot be compared."""
Keys = dict[str, list[tuple[z3.ExprRef, ...]]]
"""For each table, the keys that were read, as z3 terms."""


@dataclass
class Way:
    """One path of one version, in terms that mean the same in both."""

    path: Path
    answer: str
    """Result, check and evidence, and which table stands where."""
    terms: list[z3.ExprRef]
    """Output and next state."""
    keys: Keys


class Version:
    """All paths of a transition or function; of the original, or inside a universe of the mutant."""

    def __init__(self, name: str) -> None:
        self.suite, transition = step_named(name)
        self.state, self.op = self.suite.state(), unknown(operands_of(transition), "op")
        self.ways = [way_of(path) for path in explore(transition, self.state, self.op)]

    def facts(self, way: Way, keys: Keys, invariants: bool) -> list[z3.BoolRef]:
        """What holds on a path, used at these keys too."""
        context = replace(way.path.context, keys={n: dict(k) for n, k in way.path.context.keys.items()})

        def known() -> list[z3.BoolRef]:
            for table in tables_of((self.state, self.op)):
                for parts in keys.get(table.name, ()):
                    _ = table[rebuilt(table.key_type, list(parts))]
            assumed = self.suite.hypotheses if invariants else ()
            return facts_for(context, self.state, self.op, assumed, ())

        found: list[z3.BoolRef] = run(context, known)
        return found


def way_of(path: Path) -> Way:
    """What a path does, in such terms."""
    path.context.forks = False
    outcome = path.outcome
    answer = f"{outcome.result!r} {outcome.check} {outcome.evidence!r} {shape((outcome.output, outcome.system))}"
    terms = run(path.context, lambda: list(flat((outcome.output, outcome.system))))
    keys = {name: [tuple(leaves(key)) for key in known.values()] for name, known in path.context.keys.items()}
    return Way(path, answer, terms, keys)


def shape(value: Any) -> str:
    """What is constant in a value: types and names, but no numbers. Of a table, the one that was written into."""
    if isinstance(value, SymMap):
        return value.base.name
    if isinstance(value, tuple):
        return f"{type(value).__name__}({', '.join(map(shape, value))})"
    return "" if isinstance(value, (int, Term)) else repr(value)


def flat(value: Any) -> Iterator[z3.ExprRef]:
    """The z3 terms of a value; a table at an arbitrary key."""
    if isinstance(value, Base):
        return
    if isinstance(value, SymMap):
        yield from flat(value[unknown(value.base.key_type, f"any key of {value.base.name}")])
    elif isinstance(value, tuple):
        for part in value:
            yield from flat(part)
    elif value is not None and not isinstance(value, str):
        yield from leaves(value)


def rebuilt(kind: Any, parts: list[z3.ExprRef]) -> Any:
    """A key of a declared type from its z3 terms, which are used up."""
    if is_record(kind):
        return tuple.__new__(kind, tuple(rebuilt(field.type, parts) for field in fields_of(kind)))
    term = parts.pop(0)
    return SymBool(term) if z3.is_bool(term) else SymBits(term, term.size())


def unlike(one: Way, other: Way) -> z3.BoolRef:
    """That two paths, taken together, give different outcomes, or that a number does not fit in the other one only.

    Where a number does not fit, terms are no longer what plain numbers are.
    """
    fitting = {obligation.claim.get_id() for obligation in one.path.context.obligations}
    misfits = [z3.Not(met(o)) for o in other.path.context.obligations if o.claim.get_id() not in fitting]
    if one.answer != other.answer or len(one.terms) != len(other.terms):
        return z3.BoolVal(True)
    pairs = [(a, b) for a, b in zip(one.terms, other.terms, strict=True) if not a.eq(b)]
    return z3.Or([*misfits, *(differ(a, b) for a, b in pairs)])


def differ(one: z3.ExprRef, other: z3.ExprRef) -> z3.BoolRef:
    """That two terms differ; numbers of different widths are compared as numbers."""
    if z3.is_bv(one) and z3.is_bv(other):
        width = max(one.size(), other.size())
        one, other = (z3.ZeroExt(width - term.size(), term) for term in (one, other))
    return one != other


def distinguished(original: Any, mutant: Any, invariants: bool) -> str:
    """The first pair of paths on which two versions differ, or may; empty if z3 proves that there is none."""
    for one, other in product(original.ways, mutant.ways):
        unequal = unlike(one, other)
        together = [*one.path.context.conditions, *other.path.context.conditions]
        if z3.is_false(z3.simplify(unequal)) or z3.is_false(z3.simplify(conjunction(together))):
            continue
        solver = z3_solver()
        solver.set("rlimit", EFFORT)
        solver.add(*together, unequal)
        if solver.check() == z3.unsat:
            continue
        solver.add(*original.facts(one, other.keys, invariants), *mutant.facts(other, one.keys, invariants))
        answer = solver.check()
        if answer != z3.unsat:
            return f"{one.path.outcome.check}, {other.path.outcome.check}: {answer}"
    return ""


def equivalent(mutant: Mutant, names: Sequence[str]) -> str:
    """On which states a mutant is proved to be the original, in all of these steps; empty if not proved."""
    if mutant.file in COUNTING:
        return ""
    originals = [Version(name) for name in names]
    with changed(mutant):
        import_module("proofs.context").MARK.set(MUTANT)
        remade: Any = import_module("proofs.equivalence")
        pairs = [(one, remade.Version(name)) for one, name in zip(originals, names, strict=True)]
        for words, invariants in ((EVERYWHERE, False), (UNDER_INVARIANTS, True)):
            if not any(distinguished(one, other, invariants) for one, other in pairs):
                return words
    return ""
