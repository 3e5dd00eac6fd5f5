"""Plain traces after which a statement does not hold: what is no invariant, and what each premise is for.

Each trace is found by search, a shortest one of its kind, and replayed before it is shown.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from proofs.induction import Predicate, free_parameters, is_state_invariant
from proofs.search import Found, Move, Taken, replayed, search
from proofs.small_world import FRAMES, has_ended
from spec.firmware.sealing import Iv
from spec.firmware.state import ContextPage, MetadataSlot, SealedSlot
from spec.guest.world import World
from spec.registry import invariant_info, parameters_of, transition_info
from spec.vocabulary import Gfn, Pfn


@dataclass(frozen=True, eq=False)
class Witness:
    """A statement, the premise that is dropped, and where a trace is looked for."""

    statement: Predicate
    without: str
    """In words; empty for what holds under no premise."""
    start: Callable[[], Any]
    moves: Callable[[], list[Move[Any]]]
    key: Callable[[Any], Hashable]
    begins: str = ""
    """What has happened before the trace begins, in words."""
    ended: Callable[[Any], bool] = has_ended
    """From there on nothing is promised."""
    seen: Callable[[World], bool] | None = None
    """What is looked for, if that shows more than the first state in which the statement fails."""

    @property
    def identifier(self) -> str:
        """Of the statement."""
        return invariant_info(self.statement).identifier

    @property
    def name(self) -> str:
        """Unique among all witnesses."""
        return f"{self.identifier} {self.without}".strip()

    def text(self) -> str:
        """The trace, a line for each step, and where the statement fails."""
        begins = [f"   {self.begins}"] if self.begins else []
        return "\n".join([*begins, shown(self).text(), f"   then {self.identifier} does not hold"])


def values_in(world: World, kind: Any) -> list[Any]:
    """The values of a type that matter in a plain world: keys of its tables, and the guest's addresses."""
    firmware = world.system.firmware
    tables: dict[Any, Any] = {
        Pfn: world.system.rmp,
        MetadataSlot: firmware.metadata,
        SealedSlot: firmware.sealed,
        Iv: world.ghost.live,
        ContextPage: firmware.contexts,
    }
    return list(FRAMES) if kind == Gfn else [key for key, _ in tables[kind].changed()] or [0]


def choices(world: World, statement: Predicate) -> Iterator[dict[str, Any]]:
    """The arbitrary values of a statement, in every combination."""
    kinds = free_parameters(statement)
    for values in product(*(values_in(world, kind) for kind in kinds.values())):
        yield dict(zip(kinds, values, strict=True))


def fails_in(statement: Predicate, world: World) -> bool:
    """Whether a statement about states is false of a plain one."""
    return any(not statement(world, **values) for values in choices(world, statement))


def fails_of(statement: Predicate, before: Any, taken: Taken) -> bool:
    """Whether a statement about steps is false of a plain one."""
    if not invariant_info(statement).speaks_of(transition_info(taken.take)):
        return False
    parts = {"before": before, "op": taken.op, "after": taken.outcome.system, "outcome": taken.outcome}
    named = {name: parts[name] for name in parameters_of(statement) if name in parts}
    return any(not statement(**named, **values) for values in choices(taken.outcome.system, statement))


@cache
def looked_for(witness: Witness) -> Found[World]:
    """The search for a witness; it may end without a trace."""
    if is_state_invariant(witness.statement):
        return search(
            witness.start(),
            witness.moves(),
            witness.key,
            witness.seen or (lambda world: fails_in(witness.statement, world)),
            witness.ended,
        )
    return search(
        witness.start(),
        witness.moves(),
        witness.key,
        lambda _: False,
        witness.ended,
        is_bad_step=lambda before, taken: fails_of(witness.statement, before, taken),
    )


def shown(witness: Witness) -> Found[World]:
    """The trace of a witness, replayed: the statement is false at its end."""
    found = looked_for(witness)
    if not found.trace:
        raise LookupError(f"no trace breaks {witness.name}")
    *first, last = found.trace
    before = replayed(witness.start(), first)
    after = replayed(before, [last])
    if is_state_invariant(witness.statement):
        confirmed = fails_in(witness.statement, after)
    else:
        confirmed = fails_of(witness.statement, before, Taken(last.take, last.op, last.take(before, last.op)))
    if not confirmed:
        raise AssertionError(f"{witness.name}: the replay does not confirm it")
    return found
