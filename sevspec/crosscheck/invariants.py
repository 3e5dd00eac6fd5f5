"""The specification's invariants, evaluated on a plain state at the pages that steps touch."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sevspec.crosscheck.draws import GUESTS, PAGES
from spec.everything import INVARIANTS
from spec.knobs import DEFAULT_KNOBS, KNOBS, Knobs
from spec.registry import invariant_info, parameters_of
from spec.system.state import System
from spec.vocabulary import Asid, Pfn

FIELD_OF = {knob.name: knob.field for knob in KNOBS}
VALUES: dict[Any, tuple[int, ...]] = {Pfn: PAGES, Asid: GUESTS}


def applies(needs: Iterable[str], knobs: Knobs) -> bool:
    """The knobs that an invariant needs have their defaults."""
    return all(getattr(knobs, FIELD_OF[name]) == getattr(DEFAULT_KNOBS, FIELD_OF[name]) for name in needs)


def broken_invariants(system: System) -> Iterator[str]:
    """The state invariants that do not hold, with the page or ASID where they do not."""
    for invariant in INVARIANTS:
        info, parameters = invariant_info(invariant), parameters_of(invariant)
        if "system" not in parameters or not applies(info.needs, system.platform.knobs):
            continue
        arguments = {name: kind for name, kind in parameters.items() if name != "system"}
        if len(arguments) != 1:
            continue
        ((name, kind),) = arguments.items()
        for value in VALUES.get(kind, ()):
            holds: Callable[..., bool] = invariant
            if not holds(system, **{name: value}):
                yield f"{info.identifier} {info.name} at {name} {value:#x}"
