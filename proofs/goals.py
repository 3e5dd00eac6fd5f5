"""What test cases should show of a condition: each part of it decides alone, each bound is met from both sides."""

from collections.abc import Iterator

import z3

from proofs.symbolic import conjunction

MOST_CHOICES, MOST_BOUNDS = 8, 2
"""How many choices inside one comparison get cases of their own, and how many of these with each bound."""
LONG_ROW, ROW_END = 64, 4
"""A row of more parts than the first number repeats one question for each entry of a table, and its ends will do."""
BOUNDS = (z3.Z3_OP_ULEQ, z3.Z3_OP_ULT, z3.Z3_OP_UGEQ, z3.Z3_OP_UGT)


def goals(condition: z3.BoolRef, wanted: bool = True) -> Iterator[z3.BoolRef]:
    """Ways in which a condition comes to be `wanted`, each a stronger condition."""
    if z3.is_not(condition):
        yield from goals(condition.arg(0), not wanted)
    elif z3.is_and(condition) or z3.is_or(condition):
        parts = flattened(condition)
        # One part decides: a true one among false ones of `or`, a false one among true ones of `and`.
        alone = z3.is_or(condition) == wanted
        for i, part in parts_shown(parts):
            others = parts[:i] + parts[i + 1 :]
            others_hold = wanted != alone
            rest = conjunction(other if others_hold else z3.Not(other) for other in others)
            yield from (z3.And(goal, rest) for goal in goals(part, wanted))
    elif z3.is_eq(condition) and z3.is_bool(condition.arg(0)):
        left, right = condition.children()
        for goal in goals(left, True):
            yield z3.And(goal, right if wanted else z3.Not(right))
        for goal in goals(left, False):
            yield z3.And(goal, z3.Not(right) if wanted else right)
    elif z3.is_app_of(condition, z3.Z3_OP_ITE):
        test, then, otherwise = condition.children()
        yield from (z3.And(test, goal) for goal in goals(then, wanted))
        yield from (z3.And(z3.Not(test), goal) for goal in goals(otherwise, wanted))
    else:
        truth = condition if wanted else z3.Not(condition)
        inside = chosen_inside(condition)
        for goal in of_atom(condition, wanted):
            yield goal
            for choice in inside[:MOST_BOUNDS]:
                yield z3.And(goal, choice.arg(0))
                yield z3.And(goal, z3.Not(choice.arg(0)))
        for choice in inside:
            # The choice decides: with the other value the comparison would have come out the other way.
            test, then, otherwise = choice.children()
            for side, other in ((True, otherwise), (False, then)):
                flipped = z3.substitute(condition, (choice, other))
                decides = z3.And(truth, z3.Not(flipped) if wanted else flipped)
                yield from (z3.And(decides, goal) for goal in goals(test, side))


def parts_shown(parts: list[z3.BoolRef]) -> list[tuple[int, z3.BoolRef]]:
    """The parts that get cases of their own, with their places: all, but of a long row its two ends."""
    row = list(enumerate(parts))
    return row if len(row) <= LONG_ROW else row[:ROW_END] + row[-ROW_END:]


def flattened(condition: z3.BoolRef) -> list[z3.BoolRef]:
    """The parts of a conjunction or disjunction, nested ones of the same kind taken apart."""
    kind = condition.decl().kind()
    found, pending = [], [condition]
    while pending:
        part = pending.pop()
        if z3.is_app_of(part, kind):
            pending += reversed(part.children())
        else:
            found.append(part)
    return found


def chosen_inside(term: z3.ExprRef) -> list[z3.ExprRef]:
    """The choices that a comparison makes among its numbers, outer ones first, a few of them."""
    found: dict[int, z3.ExprRef] = {}
    pending = list(term.children())
    while pending and len(found) < MOST_CHOICES:
        part = pending.pop(0)
        if z3.is_app_of(part, z3.Z3_OP_ITE):
            found[part.get_id()] = part
        pending += part.children()
    return list(found.values())


def of_atom(condition: z3.BoolRef, wanted: bool) -> Iterator[z3.BoolRef]:
    """A comparison, at its bound and next to it; anything else as it is."""
    yield condition if wanted else z3.Not(condition)
    if z3.is_distinct(condition):
        yield from next_to(*condition.children(), apart=wanted)
    elif z3.is_eq(condition):
        yield from next_to(*condition.children(), apart=not wanted)
    elif condition.decl().kind() in BOUNDS:
        a, b = condition.children()
        one = z3.BitVecVal(1, a.size())
        truth = condition if wanted else z3.Not(condition)
        yield from (z3.And(truth, near) for near in (a == b, a == b + one, a + one == b))


def next_to(a: z3.ExprRef, b: z3.ExprRef, *, apart: bool) -> Iterator[z3.BoolRef]:
    """Two numbers that differ by one, or in one bit; nothing for equal ones."""
    if apart and z3.is_bv(a) and a.size() > 1:
        one = z3.BitVecVal(1, a.size())
        yield from (a == b + one, a + one == b, (a ^ b) == (one << (a.size() - 1)))
