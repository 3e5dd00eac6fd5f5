"""What a case should look like besides what is asked: small and readable, full of random values, or their opposites."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import z3

from proofs.explore import Path
from proofs.induction import tables_of
from proofs.models import preferences, without_tables
from proofs.symbolic import leaves
from proofs.templates import nothing

PLAIN = "plain"
DRAWS = tuple((f"dense {draw}", f"opposite {draw}") for draw in range(4))
DENSE = DRAWS[0]
"""Two cases of which one has every bit that the other has not."""
KINDS = (PLAIN, *(kind for draw in DRAWS for kind in draw))
LOW = (16, 24, 32, 40, 48, 64, 128)
"""Bits above which a readable number has none."""
MOST_KEYS = 16
"""Of a table with more keys read, wishes speak of so many; a 2 MiB launch page reads 512."""


def wishes(kind: str, state: Any, op: Any, path: Path) -> Iterator[z3.BoolRef]:
    """What a case of this kind has where the path allows it; what comes first matters more."""
    if kind == PLAIN:
        yield from readable(state, op, path)
    else:
        yield from dense(state, op, path, *divmod(KINDS.index(kind) - 1, 2))
    # Counts that take few pages to make true.
    for measure in path.context.measures:
        yield from (measure.term == (0 if kind == PLAIN else 2), z3.ULE(measure.term, 4))


def readable(state: Any, op: Any, path: Path) -> Iterator[z3.BoolRef]:
    """Everything is as in a state where nothing has happened, and numbers are small."""
    context = replace(path.context, keys={name: first_keys(path, name) for name in path.context.keys})
    yield from preferences(state, nothing(type(state)), context)
    yield from preferences(op, nothing(type(op)), context)
    for term in terms(state, op, path):
        if z3.is_bv(term) and term.size() > LOW[0]:
            yield from (z3.Extract(term.size() - 1, low, term) == 0 for low in LOW if low < term.size())


def dense(state: Any, op: Any, path: Path, draw: int, flip: int) -> Iterator[z3.BoolRef]:
    """All drawn at random, or the opposite: nothing stays as it is that a step should change."""
    yield from unlike(state, path)
    for number, term in enumerate(terms(state, op, path)):
        # Drawn by field, so that two keys that turn out to be one agree.
        chance = Random(f"{term.decl().name()}{draw or ''}")
        if z3.is_bool(term):
            yield term == z3.BoolVal(chance.getrandbits(1) != flip)
        else:
            ones = (1 << term.size()) - 1
            drawn = chance.getrandbits(term.size()) ^ ((ones - number) & ones) * flip
            yield term == z3.BitVecVal(drawn, term.size())


def unlike(state: Any, path: Path) -> Iterator[z3.BoolRef]:
    """Fields that the step sets were something else before."""
    before, after = (leaves(without_tables(s, s)[0]) for s in (state, path.outcome.system))
    for old, new in zip(before, after, strict=True):
        if not old.eq(new) and old.sort() == new.sort():
            yield old != new


def terms(state: Any, op: Any, path: Path) -> Iterator[z3.ExprRef]:
    """What a case has to say: the operands' fields, and what stands where the path reads a table."""
    yield from leaves(without_tables(op, op)[0])
    for table in tables_of((op, state)):
        for key in first_keys(path, table.name).values():
            yield from leaves(table.value_at(key))


def first_keys(path: Path, table: str) -> dict[tuple[int, ...], Any]:
    """The first keys that were read of a table."""
    return dict(islice(path.context.keys.get(table, {}).items(), MOST_KEYS))
