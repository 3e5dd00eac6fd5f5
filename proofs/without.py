"""Proofs of a mutant that is chosen by hand: what a check is for is what fails without it."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any

from proofs.mutate import Mutant
from proofs.obligations import Verdict
from proofs.session import Answer, Piece
from proofs.universe import changed


def prove_changed(mutants: Sequence[Mutant], wanted: Sequence[Piece]) -> list[Answer]:
    """Answers to all pieces, with the mutants in place of their originals."""
    with changed(*mutants):
        session: Any = import_module("proofs.session")
        found = [session.work(session.Piece(**asdict(piece))) for piece in wanted]
        return [
            Answer(
                piece,
                tuple(Verdict(**asdict(verdict)) for verdict in answer.verdicts),
                answer.seconds,
                answer.counterexamples,
            )
            for piece, answer in zip(wanted, found, strict=True)
        ]
