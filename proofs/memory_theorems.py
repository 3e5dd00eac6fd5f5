"""Theorems T1, T2 and T7, about what is in memory: integrity, confidentiality, the measured launch."""

from collections.abc import Callable
from functools import partial
from typing import Any

from proofs.kept import named
from proofs.measured_launch import T7 as LAUNCHED
from proofs.measured_launch import permuted_legacy_launch
from proofs.memory_assumptions import ASSUMPTIONS
from proofs.search import Found, replayed, search
from proofs.small_memory import CASES, after, ended, everything, start
from proofs.small_views import CASES as VIEWS
from proofs.small_views import against_confidentiality
from proofs.theorem import Run, Theorem
from proofs.two_runs import ASSUMPTIONS as OF_TWO_RUNS
from proofs.two_runs import T2 as CONFIDENTIALITY
from proofs.witnesses import fails_of
from spec.everything import MEMORY_INVARIANTS
from spec.guest.launch_invariants import INVARIANTS as LAUNCH_INVARIANTS
from spec.memory.integrity_invariants import INTEGRITY, private_reads_return_what_was_written
from spec.memory.premises import PREMISES, Premise
from spec.memory.state import Scene
from spec.registry import invariant_info


def against_integrity(premise: Premise) -> Found[Scene]:
    """A shortest trace against T1 where a premise is dropped, replayed; LookupError if there is none."""
    given, moves = CASES[premise.name]
    scene = after(start(premise), given)
    found = search(scene, moves, everything, lambda _: False, ended, is_bad_step=breaks_integrity)
    if not found.trace:
        raise LookupError(f"no trace against T1 without {premise.name}")
    *first, last = found.trace
    before = replayed(scene, first)
    if not breaks_integrity(before, last) or last.take(before, last.op).output != last.outcome.output:
        raise AssertionError(f"T1 without {premise.name}: the replay does not confirm it")
    return found


def breaks_integrity(before: Scene, taken: object) -> bool:
    """A read of the guest that is not what it last wrote."""
    return fails_of(private_reads_return_what_was_written, before, taken)  # type: ignore[arg-type]  # a scene for a world


TWO_RUNS = "   two runs, in which the guest keeps one secret or another; the last step tells them apart\n"


def text_of(against: Callable[[Premise], Found[Any]], premise: Premise, begins: str = "") -> str:
    """A trace, a line for each step."""
    return begins + against(premise).text()


def said(assumptions: tuple[Callable[..., object], ...]) -> tuple[str, ...]:
    """Assumptions in words."""
    return tuple((assumption.__doc__ or "").partition("\n")[0] for assumption in assumptions)


def runs_of(against: Callable[[Premise], Found[Any]], cases: Any, claim: str, begins: str = "") -> tuple[Run, ...]:
    """A run for each premise that has a case."""
    return tuple(Run(p.names, claim, partial(text_of, against, p, begins)) for p in PREMISES if p.name in cases)


KNOWN = {statement.__name__: invariant_info(statement) for statement in MEMORY_INVARIANTS}

T1 = Theorem(
    name="T1",
    title="integrity",
    words="A private read of a careful guest that completes returns what the guest last wrote at that address.",
    claims=tuple(name for name, info in KNOWN.items() if set(info.premises) <= set(INTEGRITY)),
    rules=INTEGRITY,
    given=said(ASSUMPTIONS),
    runs=runs_of(against_integrity, CASES, invariant_info(private_reads_return_what_was_written).identifier),
)
T2 = Theorem(
    name="T2",
    title="confidentiality",
    words="What the hypervisor and other guests see does not depend on what a careful guest keeps to itself.",
    claims=(CONFIDENTIALITY.name,),
    rules=CONFIDENTIALITY.premises,
    given=said((*ASSUMPTIONS, *OF_TWO_RUNS)),
    runs=runs_of(against_confidentiality, VIEWS, CONFIDENTIALITY.identifier, TWO_RUNS),
)
T7 = Theorem(
    name="T7",
    title="measured launch",
    words="A launch digest stands for one sequence of pages: addresses, types, permissions and contents.",
    claims=(LAUNCHED.name, *(i.__name__ for i in LAUNCH_INVARIANTS)),
    rules=LAUNCHED.premises,
    given=("the hash has no collisions",),
    runs=(Run(("R15",), LAUNCHED.identifier, permuted_legacy_launch),),
)


def dropped(theorem: Theorem, name: str) -> tuple[Premise, ...]:
    """The premises of a theorem that a name stands for."""
    return tuple(premise for premise in named(name.upper(), name) if premise.name in theorem.rules)
