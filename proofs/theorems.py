"""The theorems about memory: what each claims, its premises by name, and a trace for each premise that is dropped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from proofs.two_runs import ASSUMPTIONS as OF_TWO_RUNS
from proofs.two_runs import T2 as CONFIDENTIALITY
from proofs.witnesses import fails_of
from spec.everything import MEMORY_INVARIANTS
from spec.guest.launch_invariants import INVARIANTS as LAUNCH_INVARIANTS
from spec.memory.integrity_invariants import INTEGRITY, private_reads_return_what_was_written
from spec.memory.premises import PREMISES, Premise
from spec.memory.state import Scene
from spec.registry import invariant_info


@dataclass(frozen=True)
class Theorem:
    """A theorem by its short name."""

    name: str
    words: str
    claims: tuple[str, ...]
    """Identifiers of the statements that it consists of; their own hypotheses are proved beside them."""
    premises: tuple[str, ...]
    assumptions: tuple[Callable[..., object], ...]
    traces: Mapping[str, Callable[[], str]]
    """For each premise whose need is shown, a shortest trace without it, replayed."""


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


KNOWN = [invariant_info(statement) for statement in MEMORY_INVARIANTS]

T1 = Theorem(
    name="T1",
    words="a private read of a careful guest that completes returns what the guest last wrote at that address",
    claims=tuple(i.identifier for i in KNOWN if set(i.premises) <= set(INTEGRITY)),
    premises=INTEGRITY,
    assumptions=ASSUMPTIONS,
    traces={p.name: partial(text_of, against_integrity, p) for p in PREMISES if p.name in CASES},
)
T2 = Theorem(
    name="T2",
    words="what the hypervisor and other guests see does not depend on what a careful guest keeps to itself",
    claims=(CONFIDENTIALITY.identifier,),
    premises=CONFIDENTIALITY.premises,
    assumptions=(*ASSUMPTIONS, *OF_TWO_RUNS),
    traces={p.name: partial(text_of, against_confidentiality, p, TWO_RUNS) for p in PREMISES if p.name in VIEWS},
)
T7 = Theorem(
    name="T7",
    words="a launch digest stands for one sequence of pages: addresses, types, permissions and contents",
    claims=(LAUNCHED.identifier, *(invariant_info(i).identifier for i in LAUNCH_INVARIANTS)),
    premises=LAUNCHED.premises,
    assumptions=(),
    traces={"R15": permuted_legacy_launch},
)
THEOREMS = {theorem.name: theorem for theorem in (T1, T2, T7)}


def dropped(theorem: Theorem, name: str) -> tuple[Premise, ...]:
    """The premises of a theorem that a name stands for."""
    return tuple(premise for premise in named(name.upper(), name) if premise.name in theorem.premises)
