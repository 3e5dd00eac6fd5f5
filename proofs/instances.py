"""Which instances of hypotheses a proof uses: those that a would-be counterexample breaks.

A hypothesis may be used at any key that was read so far, and reads further keys itself, so there are many instances, of
which a proof needs few. The solver is asked with few; its model is a state in which some other instance is broken, or
else a real counterexample. The broken ones are added, and it is asked again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, NamedTuple

import z3

from proofs.context import Context, Measure, Total
from proofs.counting import facts_of_count, facts_of_total, is_part, uniform
from proofs.keys import identity
from proofs.schemas import Schema, range_schema, substituted, widths_read
from proofs.symbolic import leaves
from proofs.z3_terms import is_true_in, number_in, replaced
from spec.record import bits_of


class Value(NamedTuple):
    """A term at which hypotheses may be used, and what tells it from others syntactically."""

    identity: tuple[int, ...]
    term: Any


def value_of(term: Any) -> Value:
    """A term as a value."""
    return Value(identity(term), term)


Values = tuple[Value, ...]


def kind_of(annotation: Any) -> Any:
    """What makes two parameter types interchangeable as instances: width and kind of a number, else the class."""
    bits = bits_of(annotation)
    return annotation if bits is None else bits


@dataclass(frozen=True, eq=False)
class Use:
    """A schema with its first parameters given; the others are open."""

    schema: Schema
    given: Values
    open_kinds: tuple[Any, ...]


def use_of(schema: Schema, given: Iterable[Any] = ()) -> Use:
    """A use with these terms for its first parameters."""
    values = tuple(value_of(term) for term in given)
    return Use(schema, values, tuple(kind_of(kind) for kind in schema.kinds[len(values) :]))


class Instances:
    """Everything that may be assumed on a path, as uses of schemas, and the values at which they may be used."""

    def __init__(self, schemas: Iterable[Schema], key_kinds: dict[str, Any]) -> None:
        self.facts: list[z3.BoolRef] = []
        self._uses = [use_of(schema) for schema in schemas]
        self._key_kinds = {table: kind_of(kind) for table, kind in key_kinds.items()}
        self._known: dict[Any, dict[tuple[int, ...], Value]] = {}
        self._keys: dict[str, dict[tuple[int, ...], Any]] = {}
        self._made: dict[tuple[Any, ...], z3.BoolRef] = {}
        self._used: set[tuple[Any, ...]] = set()
        self._noted: set[Any] = set()
        self._measures: list[Measure] = []
        self._subsets: list[z3.BoolRef] = []
        self._contexts: list[Context] = []
        self._uniform: list[z3.BoolRef] = []

    # --- what may be used, and where ---

    def learn(self, annotation: Any, value: Any) -> None:
        """Hypotheses may be used at this value."""
        self._learn(kind_of(annotation), value_of(value))

    def _learn(self, kind: Any, value: Value) -> None:
        self._known.setdefault(kind, {}).setdefault(value.identity, value)

    def take_over(self, context: Context) -> None:
        """What a run noted: keys, counts, totals, and what it says of ranges."""
        self._contexts.append(context)
        for table, keys in context.keys.items():
            for key in keys.values():
                self._learn_key(table, key)
        for measure in context.measures:
            self.note_measure(measure)
        for total in context.totals.values():
            self.note_total(total)
        for fact in context.range_facts:
            if self._first_time("range", fact.truth.get_id()):
                self._uses += [
                    use_of(range_schema(f"{fact.truth} of {width}", (), (), fact, width)) for width in widths_read(fact)
                ]

    def _first_time(self, *what: Any) -> bool:
        if what in self._noted:
            return False
        self._noted.add(what)
        return True

    def _learn_key(self, table: str, key: Any) -> None:
        value = value_of(key)
        self._learn(self._key_kinds[table], value)
        self._keys.setdefault(table, {}).setdefault(value.identity, key)

    def hand_back(self, context: Context) -> None:
        """Note in a run what the facts read and count, for a model that is to be shown as plain tables."""
        for table, keys in self._keys.items():
            context.keys.setdefault(table, {}).update(keys)
        known = {measure.term.get_id() for measure in context.measures}
        context.measures += [m for m in self._measures if m.term.get_id() not in known]

    def note_measure(self, measure: Measure) -> None:
        """Facts about a count, alone and beside the other counts of the same keys."""
        if self._first_time("measure", measure.term.get_id()):
            self._uses.append(use_of(*facts_of_count(measure)))
            for other in self._measures:
                self._subsets += [z3.ULE(a.term, b.term) for a, b in permutations((measure, other)) if is_part(a, b)]
            self._measures.append(measure)

    def note_total(self, total: Total) -> None:
        """Facts about a total."""
        if self._first_time("total", total.term.get_id()):
            self._uses.append(use_of(*facts_of_total(total)))

    # --- instances ---

    def _instance(self, use: Use, values: Values) -> z3.BoolRef:
        """The fact at these values, made once."""
        key = self._key(use, values)
        if key not in self._made:
            self._made[key] = replaced(use.schema.fact, *use.schema.at(terms(use, values)))
        return self._made[key]

    @staticmethod
    def _key(use: Use, values: Values) -> tuple[Any, ...]:
        return (id(use.schema), *(value.identity for value in use.given), *(value.identity for value in values))

    def _add(self, use: Use, values: Values) -> None:
        """Use the fact at these values."""
        key = self._key(use, values)
        if key not in self._used:
            self._used.add(key)
            self.facts.append(self._instance(use, values))
            self._note(use, values)

    def _note(self, use: Use, values: Values) -> None:
        """What a fact brings with it may be used from now on."""
        if not self._first_time("noted", self._key(use, values)):
            return
        at = terms(use, values)
        pairs = use.schema.at(at)
        for table, place in use.schema.noted.keys:
            self._learn_key(table, substituted(place, pairs))
        for measure in use.schema.noted.measures:
            first, predicate = substituted(measure.first, pairs), substituted(measure.predicate, pairs)
            term = replaced(measure.term, *pairs)
            self.note_measure(Measure(term, measure.table, first, measure.count, predicate))
        for total in use.schema.noted.totals:
            part = substituted(total.part, pairs)
            self.note_total(Total(replaced(total.term, *pairs), total.table, total.size, part))
        self._uses += [use_of(child, at) for child in use.schema.ranges]

    def use(self, schema: Schema, values: Iterable[Any]) -> None:
        """Use one fact at these values, asked or not."""
        self._add(next(use for use in self._uses if use.schema is schema), tuple(value_of(v) for v in values))

    def uniformity(self) -> list[z3.BoolRef]:
        """Where a rule says the same of a whole range, and that decides what is counted, all is counted or nothing."""
        for context in self._contexts:
            for measure in self._measures:
                if self._first_time("uniform", id(context), measure.term.get_id()):
                    self._uniform += uniform(context, measure)
        return self._uniform

    def all(self, rounds: int) -> list[z3.BoolRef]:
        """Use everything everywhere, so many times over: each round may read further keys."""
        for _ in range(rounds):
            known = {kind: list(values.values()) for kind, values in self._known.items()}
            for use in list(self._uses):
                for values in product(*(known.get(kind, ()) for kind in use.open_kinds)):
                    self._add(use, values)
        return [*self.facts, *self._subsets, *self.uniformity()]

    def broken_by(self, model: z3.ModelRef, rounds: int) -> list[z3.BoolRef]:
        """The instances that are false in a model, now used.

        If none is, those that hold are asked what they read, so many times over, and uniformity is looked at last.
        """
        before = len(self.facts)
        seen = InModel(model)
        for _ in range(rounds + 1):
            self._add_broken(seen)
            broken = [*self.facts[before:], *(fact for fact in self._subsets if not seen.holds(fact))]
            if broken:
                return broken
            for use, values in list(seen.looked.values()):
                self._note(use, values)
        return [fact for fact in self.uniformity() if not seen.holds(fact)] if rounds else []

    def _add_broken(self, seen: "InModel") -> None:
        """Use what is false, and what becomes so with the keys that it reads."""
        length = -1
        while length != len(self.facts):
            length = len(self.facts)
            for kind, values in self._known.items():
                seen.tell_apart(kind, values.values())
            for use in list(self._uses):
                # In one model a fact says the same of terms that have the same value.
                for chosen in product(*(seen.apart.get(kind, {}).items() for kind in use.open_kinds)):
                    mark = (id(use), *(number for number, _ in chosen))
                    if mark not in seen.looked:
                        seen.looked[mark] = at = use, tuple(value for _, value in chosen)
                        if not seen.holds(self._instance(*at)):
                            self._add(*at)


def terms(use: Use, values: Values) -> tuple[Any, ...]:
    """The terms of all parameters."""
    return tuple(value.term for value in (*use.given, *values))


class InModel:
    """What a model says of terms and facts, and what was looked at in it."""

    def __init__(self, model: z3.ModelRef) -> None:
        self.model = model
        self.apart: dict[Any, dict[Any, Value]] = {}
        """For each kind one term for each value that terms have."""
        self.looked: dict[tuple[Any, ...], tuple[Use, Values]] = {}
        self._known: set[tuple[Any, tuple[int, ...]]] = set()

    def tell_apart(self, kind: Any, values: Iterable[Value]) -> None:
        """Sort the terms of one kind by what they are in the model."""
        for value in values:
            if (kind, value.identity) not in self._known:
                self._known.add((kind, value.identity))
                numbers = tuple(self._number(leaf) for leaf in leaves(value.term))
                self.apart.setdefault(kind, {}).setdefault(numbers, value)

    def _number(self, leaf: z3.ExprRef) -> int | bool:
        return is_true_in(self.model, leaf) if z3.is_bool(leaf) else number_in(self.model, leaf)

    def holds(self, fact: z3.BoolRef) -> bool:
        """Whether a fact is true; what the model leaves open is completed."""
        return is_true_in(self.model, fact)
