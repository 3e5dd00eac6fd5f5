"""The proof of a mutant, run inside its changed set of modules."""

from collections.abc import Iterable

from proofs.functions import step_named
from proofs.obligations import prove_transition
from proofs.solving import PROVED


def worse(names: Iterable[str], bad: frozenset[tuple[str, str]]) -> str:
    """The first obligation that is proved of the original and not of the mutant; empty if there is none."""
    for name in names:
        suite, transition = step_named(name)
        verdicts = prove_transition(suite, transition)
        for verdict in verdicts:
            if verdict.status != PROVED and (name, verdict.claim) not in bad:
                return f"{name} {verdict.claim}: {verdict.status}"
    return ""
