"""A path of a transition with its unknown state and operands set equal to plain ones."""

from dataclasses import replace
from typing import Any

import z3

from proofs.explore import Path, run
from proofs.induction import tables_of
from proofs.keys import as_key, same_key
from proofs.models import pairs, without_tables
from proofs.symbolic import bits_term, bool_term, choose, in_range, leaves
from proofs.tables import SymMap
from spec.maps import Map
from spec.record import fields_of, is_record

SAMPLES = 6
"""Keys at which the states after a step are compared, for each table; and places of a range that are looked at."""


class Pinned:
    """What is asked of one path about one plain step."""

    def __init__(self, path: Path, symbolic: tuple[Any, Any], plain: tuple[Any, Any]) -> None:
        self.path, self.symbolic = path, symbolic
        # A copy: what one example reads is no business of the next.
        self.context = replace(
            path.context,
            forks=False,
            axioms=list(path.context.axioms),
            range_facts=list(path.context.range_facts),
            keys={name: dict(keys) for name, keys in path.context.keys.items()},
        )
        self.tables = [(table, plain_table(symbolic, plain, table)) for table in tables_of(symbolic)]
        self.facts = [a == b for a, b in pairs(*without_tables(symbolic, plain))]

    def solve(self, after: Any) -> tuple[z3.CheckSatResult, list[tuple[str, Any, Any]]]:
        """Whether the plain step takes this path, and where the states after it differ."""
        return run(self.context, lambda: self._solve(after))

    def _solve(self, after: Any) -> tuple[z3.CheckSatResult, list[tuple[str, Any, Any]]]:
        solver = z3.SolverFor("QF_UFBV")
        solver.add(*self.facts, *self.context.conditions, *self.context.axioms)
        ranges = [fact for f in list(self.context.range_facts) for fact in self._range(f)]
        solver.add(*ranges, *self._entries())
        if (answer := solver.check()) != z3.sat:
            return answer, []
        compared = list(self._compared(self.path.outcome.system, after, "state"))
        solver.add(*self._entries())
        if solver.check() != z3.sat:
            return z3.unknown, []
        model = solver.model()
        return answer, [
            (where, model.eval(a, model_completion=True), b)
            for where, a, b in compared
            if not z3.is_true(model.eval(a == b, model_completion=True))
        ]

    def _range(self, fact: Any) -> list[z3.BoolRef]:
        """What a range's truth says of the keys that matter: those that are special, and the first few."""
        width = bits_term(fact.first).width
        special = {key for _, plain in self.tables for key, _ in plain.changed() if isinstance(key, int)}
        places = [bits_term(key) for key in special if key >> width == 0]
        places += [bits_term(fact.first) + number for number in range(SAMPLES)]
        found = []
        for place in places:
            fitted = place.fit(width, "place") if place.width > width else place
            inside = z3.And(fact.truth, in_range(place, fact.first, fact.count))
            found.append(z3.Implies(inside, bool_term(fact.predicate(fitted))))
        return found

    def _entries(self) -> list[z3.BoolRef]:
        """Every entry read is what the plain table has."""
        found = []
        for table, plain in self.tables:
            for key in list(self.context.keys.get(table.name, {}).values()):
                value = plain._default
                for special, other in plain.changed():
                    value = choose(same_key(key, as_key(table.key_type, special)), other, value)
                read = table.value_at(key)
                found += [a == b for a, b in zip(leaves(read), wide(read, value), strict=True)]
        return found

    def _compared(self, left: Any, right: Any, where: str) -> Any:
        """Pairs of a symbolic and a plain leaf of the states after the step."""
        if isinstance(left, SymMap):
            for key, value in sorted(right.changed(), key=lambda pair: pair[0])[:SAMPLES]:
                _ = left.base[key]  # so that it is pinned, also where the table remembers another example's answer
                yield from self._compared(left[key], value, f"{where}[{key}]")
        elif is_record(type(left)):
            for field, a, b in zip(fields_of(type(left)), left, right, strict=True):
                yield from self._compared(a, b, f"{where}.{field.name}")
        elif not isinstance(left, Map) and hasattr(left, "z"):
            if "sha384" not in left.z.sexpr():  # its value is not known to the solver
                yield where, left.z, z3.BoolVal(right) if isinstance(right, bool) else z3.BitVecVal(right, left.width)
        else:
            yield where, z3.BoolVal(left == right), z3.BoolVal(True)


def wide(read: Any, value: Any) -> list[Any]:
    """The leaves of a value, each as wide as the leaf that it is compared with."""
    found = []
    for a, b in zip(leaves(read), leaves(value), strict=True):
        missing = a.size() - b.size() if z3.is_bv(a) else 0
        found.append(z3.ZeroExt(missing, b) if missing else b)
    return found


def plain_table(symbolic: Any, plain: Any, wanted: Any) -> Any:
    """The plain table that stands where a symbolic one does."""
    if symbolic is wanted:
        return plain
    if isinstance(symbolic, tuple) and not isinstance(symbolic, SymMap):
        for a, b in zip(symbolic, plain, strict=True):
            if (found := plain_table(a, b, wanted)) is not None:
                return found
    return None
