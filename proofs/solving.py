"""The solver, and its answers as verdicts on what it was asked."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import z3

PROVED, FAILED, UNKNOWN = "proved", "failed", "unknown"
TIMEOUT_MS = 60_000


def z3_solver() -> z3.Solver:
    """A z3 solver for uninterpreted functions over bit vectors; a time-out is a failure."""
    solver = z3.SolverFor("QF_UFBV")
    solver.set("timeout", TIMEOUT_MS)
    return solver


MAKE_SOLVER: ContextVar[Callable[[], Any]] = ContextVar("solver", default=z3_solver)
"""What answers the queries; `proofs/solvers.py` has others, with the methods of z3's."""


def new_solver() -> Any:
    """A solver for uninterpreted functions over bit vectors."""
    return MAKE_SOLVER.get()()


def status_of(answer: z3.CheckSatResult) -> str:
    """`unsat` proves; `sat` fails; anything else is unknown, and that fails too."""
    return PROVED if answer == z3.unsat else FAILED if answer == z3.sat else UNKNOWN


def checked(solver: z3.Solver, *names: z3.BoolRef) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
    """A solver's answer, with a model where it has one."""
    answer = solver.check(*names)
    return answer, solver.model() if answer == z3.sat else None
