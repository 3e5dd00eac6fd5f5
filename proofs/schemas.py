"""A hypothesis as a schema: its text is run once on placeholders, and an instance is a substitution.

What the text noted while it ran belongs to the schema and is substituted with it: keys that it read, counts and totals
that it asked for, ranges that it looked at. What has to fit for the text to mean what it says is a premise of the fact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import z3

from proofs.context import Context, Measure, Obligation, RangeFact, Total
from proofs.explore import run, unknown
from proofs.symbolic import SymBits, SymBool, bits_term, bool_term, conjunction, in_range, leaves
from proofs.z3_terms import replaced
from spec.vocabulary import Bits

Substitution = tuple[list[z3.ExprRef], list[z3.ExprRef]]
"""Terms, and what takes their places."""


@dataclass(frozen=True)
class Noted:
    """What a fact brings with it: keys read (with their table's name), counts, totals."""

    keys: tuple[tuple[str, Any], ...]
    measures: tuple[Measure, ...]
    totals: tuple[Total, ...]


@dataclass(frozen=True, eq=False)
class Schema:
    """A fact of arbitrary values: true at any values of these kinds, in place of the placeholders."""

    name: str
    kinds: tuple[Any, ...]
    places: tuple[Any, ...]
    """A placeholder for each parameter."""
    said: z3.BoolRef
    """What the text says."""
    fact: z3.BoolRef
    """The same, where all numbers fit, and what is known of its witnesses."""
    noted: Noted
    ranges: tuple["Schema", ...] = field(default=(), repr=False)
    """What holds throughout the ranges that the text looked at: schemas with a number as one more parameter."""

    def at(self, values: Sequence[Any]) -> Substitution:
        """The substitution that puts values in place of the placeholders."""
        here = [leaf for place in self.places for leaf in leaves(place)]
        return here, [leaf for value in values for leaf in leaves(value)]


def schema_of(name: str, kinds: Sequence[Any], text: Callable[..., Any]) -> Schema:
    """The schema of a text with parameters of these kinds."""
    places = tuple(unknown(kind, f"{name} at {position}") for position, kind in enumerate(kinds))
    return noted_schema(name, tuple(kinds), places, lambda: text(*places), lambda part: part)


def noted_schema(
    name: str,
    kinds: tuple[Any, ...],
    places: tuple[Any, ...],
    text: Callable[[], Any],
    skolem: Callable[[z3.ExprRef], z3.ExprRef],
) -> Schema:
    """Run a text on its placeholders, and keep what it says and what it noted.

    A witness that the text invents depends on its parameters: it becomes a function of them. Its scope is the schema:
    what surrounds the text (a range inside which it stands) has witnesses of its own.
    """
    context = Context(forks=False, scope=f" of {name}")
    said = run(context, lambda: bool_term(text()))
    own = skolemised(context.invented, places)

    def closed(term: Any) -> Any:
        return skolem(replaced(term, *own))

    fits = conjunction(met(one) for one in context.obligations)
    fact = z3.Implies(fits, conjunction([said, *context.axioms]))
    noted = noted_in(context, closed)
    children = (
        range_schema(f"{name} range {number} of {bits}", kinds, places, one, bits, closed)
        for number, one in enumerate(context.range_facts)
        for bits in widths_read(one)
    )
    return Schema(name, kinds, places, closed(said), closed(fact), noted, tuple(children))


def noted_in(context: Context, closed: Callable[[Any], Any]) -> Noted:
    """What a run noted, its inventions closed."""
    measures = {m.term.get_id(): m for m in context.measures}.values()
    return Noted(
        keys=tuple((table, mapped(key, closed)) for table, keys in context.keys.items() for key in keys.values()),
        measures=tuple(
            Measure(closed(m.term), m.table, mapped(m.first, closed), m.count, mapped(m.predicate, closed))
            for m in measures
        ),
        totals=tuple(Total(closed(t.term), t.table, t.size, mapped(t.part, closed)) for t in context.totals.values()),
    )


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """A value with each of its terms changed."""
    if isinstance(value, SymBits):
        return SymBits(change(value.z), value.width)
    if isinstance(value, SymBool):
        return SymBool(change(value.z))
    if isinstance(value, tuple):
        return tuple.__new__(type(value), tuple(mapped(part, change) for part in value))
    return value


def met(one: Obligation) -> z3.BoolRef:
    """An obligation as a condition."""
    return z3.Implies(conjunction(one.under), one.claim)


def skolemised(invented: Sequence[z3.ExprRef], places: Sequence[Any]) -> Substitution:
    """Invented constants, and functions of the placeholders to take their places."""
    arguments = [leaf for place in places for leaf in leaves(place)]
    sorts = [leaf.sort() for leaf in arguments]
    return list(invented), [z3.Function(one.decl().name(), *sorts, one.sort())(*arguments) for one in invented]


def widths_read(one: RangeFact) -> tuple[int, ...]:
    """The widths of numbers that a range is about: a start that was computed may be a bit wider than what is read."""
    width = bits_term(one.first).width
    return (width, width - 1)


def range_schema(
    name: str,
    kinds: tuple[Any, ...],
    places: tuple[Any, ...],
    one: RangeFact,
    width: int,
    skolem: Callable[[z3.ExprRef], z3.ExprRef] = lambda term: term,
) -> Schema:
    """What a truth about a range says of one number."""
    place = SymBits(z3.BitVec(f"{name} at number", width), width)

    def text() -> SymBool:
        inside = z3.And(one.truth, in_range(place, one.first, one.count))
        return SymBool(z3.Implies(inside, bool_term(one.predicate(place))))

    return noted_schema(name, (*kinds, number(width)), (*places, place), text, skolem)


def number(width: int) -> Any:
    """The kind of any number of this width."""
    return Annotated[int, Bits(width)]


def substituted(value: Any, pairs: Substitution) -> Any:
    """A value with placeholders replaced, brought into its plainest form."""
    return mapped(value, lambda term: z3.simplify(replaced(term, *pairs)))
