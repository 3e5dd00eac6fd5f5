"""The same queries for other solvers: cvc5 and Bitwuzla read the SMT-LIB 2 text that z3 writes of them.

Each has the few methods of z3's solver that the obligations use, so that every question goes to it: invariants,
numbers that fit, paths that must be reachable.
"""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import z3

from proofs.solving import TIMEOUT_MS, z3_solver

ANSWERS = {"sat": z3.sat, "unsat": z3.unsat}
LOGIC = "QF_UFBV"


class TextSolver:
    """Keeps assertions as z3 terms and asks another solver about their text."""

    def __init__(self) -> None:
        self._frames: list[list[z3.BoolRef]] = [[]]
        self.patience_ms = TIMEOUT_MS

    def set(self, option: str, value: int) -> None:
        """Set the time-out; there is no other option."""
        if option != "timeout":
            raise ValueError(f"no option {option}")
        self.patience_ms = value

    def add(self, *conditions: Any) -> None:
        """Assert conditions, given one by one or as a list."""
        for condition in conditions:
            self._frames[-1] += condition if isinstance(condition, list) else [condition]

    def push(self) -> None:
        """Open a frame of assertions."""
        self._frames.append([])

    def pop(self) -> None:
        """Forget the assertions of the newest frame."""
        self._frames.pop()

    def text(self) -> str:
        """The assertions as SMT-LIB 2, without the question."""
        solver = z3.Solver()
        for frame in self._frames:
            solver.add(frame)
        return str(solver.to_smt2()).replace("(check-sat)", "")

    def check(self) -> z3.CheckSatResult:
        """The other solver's answer in z3's terms."""
        return ANSWERS.get(self.answer(self.text()), z3.unknown)

    def answer(self, text: str) -> str:
        """`sat`, `unsat`, or anything else for "unknown"."""
        raise NotImplementedError


class Cvc5(TextSolver):
    """cvc5, through its own parser."""

    def answer(self, text: str) -> str:
        import cvc5

        solver = cvc5.Solver(cvc5.TermManager())
        solver.setLogic(LOGIC)
        solver.setOption("tlimit-per", str(self.patience_ms))
        parser = cvc5.InputParser(solver)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "query")
        while not (command := parser.nextCommand()).isNull():
            command.invoke(solver, parser.getSymbolManager())
        return str(solver.checkSat())


class Bitwuzla(TextSolver):
    """Bitwuzla, through its own parser."""

    def answer(self, text: str) -> str:
        import bitwuzla

        options = bitwuzla.Options()
        options.set(bitwuzla.Option.TIME_LIMIT_PER, self.patience_ms)
        parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
        parser.parse(f"(set-logic {LOGIC})\n{text}", True, False)
        return str(parser.bitwuzla().check_sat())


SOLVERS: dict[str, Callable[[], Any]] = {"z3": z3_solver, "cvc5": Cvc5, "bitwuzla": Bitwuzla}
PACKAGES = {"z3": "z3-solver", "cvc5": "cvc5", "bitwuzla": "bitwuzla"}


def version_of(solver: str) -> str | None:
    """The installed version of a solver's package, or None if it is not installed."""
    try:
        return version(PACKAGES[solver])
    except PackageNotFoundError:
        return None
