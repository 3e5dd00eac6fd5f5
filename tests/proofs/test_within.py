"""Whether a number is in a range: however it is written, it means the same."""

import pytest
import z3

from proofs.symbolic import SymBits, in_range

HIGH, ANY, SHORT, CHOICE = z3.BitVec("high", 6), z3.BitVec("any", 10), z3.BitVec("short", 3), z3.Bool("choice")


def known(value: int, width: int) -> z3.BitVecRef:
    return z3.BitVecVal(value, width)


FIRSTS = {
    "a block's beginning": z3.Concat(HIGH, known(0, 4)),
    "behind a block's beginning": z3.Concat(HIGH, known(1, 4)),
    "inside a block": z3.Concat(HIGH, known(3, 4)),
    "masked": ANY & known(0x3F0, 10),
    "known": known(17, 10),
    "anywhere": ANY,
}
COUNTS = {
    "a block": known(16, 5),
    "to the block's end": known(13, 4),
    "all but one": known(15, 4),
    "one": known(1, 1),
    "none": known(0, 1),
    "few": SHORT,
    "few, written wide": z3.ZeroExt(2, SHORT),
    "a block or none": z3.If(CHOICE, known(16, 5), known(0, 5)),
    "to the block's end or two": z3.If(CHOICE, known(13, 5), known(2, 5)),
}


@pytest.mark.parametrize("width", [8, 10, 12])
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("first", FIRSTS)
def test_a_number_is_in_a_range_if_it_is_neither_before_nor_behind_it(first: str, count: str, width: int) -> None:
    number, begins, many = z3.BitVec("number", width), FIRSTS[first], COUNTS[count]
    n, f, c = (z3.ZeroExt(16 - term.size(), term) for term in (number, begins, many))
    solver = z3.Solver()
    solver.add(
        in_range(*(SymBits(term, term.size()) for term in (number, begins, many)))
        != z3.And(z3.ULE(f, n), z3.ULT(n, f + c))
    )
    assert solver.check() == z3.unsat
