"""Whether a number is in a range, as a z3 truth value, written so that a solver has little to add and to compare.

Most ranges begin at a known place of an aligned block and end in it: a 2 MiB page, the entries of a METADATA page, an
ASID's slots. A number is in such a range if its high bits are those of the block and its low bits are in a known range.
"""

import z3

from proofs.z3_terms import at_most, both, equal, extracted, less, numeral, zero_extended


def is_inside(number: z3.BitVecRef, first: z3.BitVecRef, count: z3.BitVecRef) -> z3.BoolRef:
    """Whether `number` is one of the `count` numbers from `first`; of one width, in which their sums have room."""
    begins = z3.simplify(first)
    low = begins.children()[-1] if z3.is_app_of(begins, z3.Z3_OP_CONCAT) else begins
    if z3.is_bv_value(low) and low.size() < begins.size():
        start, width, most = low.as_long(), low.size(), largest(count)
        if start + most <= 1 << width:
            above = begins.size() - 1
            same_block = equal(extracted(number, above, width), extracted(begins, above, width))
            return both(same_block, is_inside_known(extracted(number, width - 1, 0), start, count))
    return both(at_most(first, number), less(number - first, count))


def is_inside_known(number: z3.BitVecRef, start: int, count: z3.BitVecRef) -> z3.BoolRef:
    """The same for a known first number; the range ends where numbers of this width end, or before."""
    width, size = number.size(), z3.simplify(count)
    wide = zero_extended(number, 1)
    begun = at_most(numeral(start, width + 1), wide)
    if z3.is_bv_value(size):
        return both(begun, less(wide, numeral(start + size.as_long(), width + 1)))
    length = extracted(count, width, 0)
    return both(begun, less(wide - numeral(start, width + 1), length))


def largest(count: z3.BitVecRef) -> int:
    """A number that a count does not exceed: the greatest of those that it chooses from, or of its width."""
    if z3.is_bv_value(count):
        return int(count.as_long())
    if z3.is_app_of(count, z3.Z3_OP_ITE):
        return max(largest(count.arg(1)), largest(count.arg(2)))
    if z3.is_app_of(count, z3.Z3_OP_ZERO_EXT):
        return largest(count.arg(0))
    return (1 << int(count.size())) - 1
