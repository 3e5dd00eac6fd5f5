"""The theorems about memory: what each claims, its premises by name, and a trace for each premise that is dropped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proofs.kept import named
from proofs.memory_assumptions import ASSUMPTIONS
from proofs.search import Found, Move, replayed, search
from proofs.small_memory import CASES, after, ended, everything, start
from proofs.two_runs import ASSUMPTIONS as OF_TWO_RUNS
from proofs.two_runs import T2 as CONFIDENTIALITY
from proofs.witnesses import fails_of
from spec.everything import MEMORY_INVARIANTS
from spec.memory.integrity_invariants import INTEGRITY, private_reads_return_what_was_written
from spec.memory.premises import Premise
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
    traces: Mapping[str, tuple[tuple[Move[Scene], ...], tuple[Move[Scene], ...]]]
    """For each premise what has happened, and who may do what then."""

    def without(self, premise: Premise) -> Found[Scene]:
        """A shortest trace against the theorem where the premise is dropped, replayed; LookupError if there is none."""
        given, moves = self.traces[premise.name]
        scene = after(start(premise), given)
        found = search(scene, moves, everything, lambda _: False, ended, is_bad_step=breaks_integrity)
        if not found.trace:
            raise LookupError(f"{self.name}: no trace without {premise.name}")
        *first, last = found.trace
        before = replayed(scene, first)
        if not breaks_integrity(before, last) or last.take(before, last.op).output != last.outcome.output:
            raise AssertionError(f"{self.name}: the replay does not confirm it")
        return found


def breaks_integrity(before: Scene, taken: object) -> bool:
    """A read of the guest that is not what it last wrote."""
    return fails_of(private_reads_return_what_was_written, before, taken)  # type: ignore[arg-type]  # a scene for a world


KNOWN = [invariant_info(statement) for statement in MEMORY_INVARIANTS]

T1 = Theorem(
    name="T1",
    words="a private read of a careful guest that completes returns what the guest last wrote at that address",
    claims=tuple(i.identifier for i in KNOWN if set(i.premises) <= set(INTEGRITY)),
    premises=INTEGRITY,
    assumptions=ASSUMPTIONS,
    traces=CASES,
)
T2 = Theorem(
    name="T2",
    words="what the hypervisor and other guests see does not depend on what a careful guest keeps to itself",
    claims=(CONFIDENTIALITY.identifier,),
    premises=CONFIDENTIALITY.premises,
    assumptions=(*ASSUMPTIONS, *OF_TWO_RUNS),
    traces={},
)
THEOREMS = {theorem.name: theorem for theorem in (T1, T2)}


def dropped(theorem: Theorem, name: str) -> tuple[Premise, ...]:
    """The premises of a theorem that a name stands for."""
    return tuple(premise for premise in named(name.upper(), name) if premise.name in theorem.premises)
