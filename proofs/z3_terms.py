"""z3's constructors for terms that are known to fit together.

Those of the library coerce their arguments and compare sorts on every call, which costs several times what z3 does.
The terms made here have the same form.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import z3
from z3 import z3core

CONTEXT = z3.main_ctx()
REF = CONTEXT.ref()
TRUE_VALUE = 1
"""z3's `Z3_L_TRUE`."""


def array(terms: Sequence[Any]) -> Any:
    """Terms as the library hands them over."""
    return (z3.Ast * len(terms))(*(term.ast for term in terms))


def both(left: z3.BoolRef, right: z3.BoolRef) -> z3.BoolRef:
    """Conjunction."""
    return z3.BoolRef(z3core.Z3_mk_and(REF, 2, array((left, right))), CONTEXT)


def either(left: z3.BoolRef, right: z3.BoolRef) -> z3.BoolRef:
    """Disjunction."""
    return z3.BoolRef(z3core.Z3_mk_or(REF, 2, array((left, right))), CONTEXT)


def negation(condition: z3.BoolRef) -> z3.BoolRef:
    """Negation."""
    return z3.BoolRef(z3core.Z3_mk_not(REF, condition.ast), CONTEXT)


def equal(left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
    """Equality of two terms of one sort."""
    return z3.BoolRef(z3core.Z3_mk_eq(REF, left.ast, right.ast), CONTEXT)


def different(left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
    """Inequality of two terms of one sort."""
    return z3.BoolRef(z3core.Z3_mk_distinct(REF, 2, array((left, right))), CONTEXT)


def less(left: z3.BitVecRef, right: z3.BitVecRef) -> z3.BoolRef:
    """Unsigned `<`, of one width."""
    return z3.BoolRef(z3core.Z3_mk_bvult(REF, left.ast, right.ast), CONTEXT)


def at_most(left: z3.BitVecRef, right: z3.BitVecRef) -> z3.BoolRef:
    """Unsigned `<=`, of one width."""
    return z3.BoolRef(z3core.Z3_mk_bvule(REF, left.ast, right.ast), CONTEXT)


def choice(condition: z3.BoolRef, then: Any, otherwise: Any) -> Any:
    """One of two terms of one sort."""
    kind = z3.BoolRef if isinstance(then, z3.BoolRef) else z3.BitVecRef
    return kind(z3core.Z3_mk_ite(REF, condition.ast, then.ast, otherwise.ast), CONTEXT)


def zero_extended(bits: z3.BitVecRef, extra: int) -> z3.BitVecRef:
    """A number with so many zeros in front."""
    return z3.BitVecRef(z3core.Z3_mk_zero_ext(REF, extra, bits.ast), CONTEXT)


def extracted(bits: z3.BitVecRef, high: int, low: int) -> z3.BitVecRef:
    """Bits `high` to `low` of a number."""
    return z3.BitVecRef(z3core.Z3_mk_extract(REF, high, low, bits.ast), CONTEXT)


@cache
def numeral(value: int, width: int) -> z3.BitVecRef:
    """A known number."""
    return z3.BitVecVal(value, width)


@cache
def truth_value(value: bool) -> z3.BoolRef:
    """A known truth value."""
    return z3.BoolVal(value)


def plainest(bits: z3.BitVecRef) -> z3.BitVecRef:
    """A number in its plainest form."""
    return bits if z3core.Z3_get_ast_kind(REF, bits.ast) == z3.Z3_NUMERAL_AST else z3.simplify(bits)


def is_same(left: z3.AstRef, right: z3.AstRef) -> bool:
    """Whether two terms are one: z3 keeps each term once."""
    return bool(left.ast.value == right.ast.value)


def replaced(term: Any, here: Sequence[z3.ExprRef], there: Sequence[z3.ExprRef]) -> Any:
    """A term with some of its parts replaced."""
    found = z3core.Z3_substitute(REF, term.ast, len(here), array(here), array(there))
    return type(term)(found, CONTEXT)


def value_in(model: z3.ModelRef, term: z3.ExprRef) -> Any:
    """What a term is in a model; what the model leaves open is completed."""
    found = (z3.Ast * 1)()
    z3core.Z3_model_eval(REF, model.model, term.ast, True, ctypes.cast(found, ctypes.POINTER(z3.Ast)))
    return found[0]


def is_true_in(model: z3.ModelRef, condition: z3.BoolRef) -> bool:
    """Whether a condition is true in a model."""
    return bool(z3core.Z3_get_bool_value(REF, value_in(model, condition)) == TRUE_VALUE)


def number_in(model: z3.ModelRef, term: z3.BitVecRef) -> int:
    """What a number is in a model."""
    return int(z3core.Z3_get_numeral_string(REF, value_in(model, term)))
