"""Premises looked up by name, and whether a scene keeps them."""

from typing import Any

from spec.logic import all_of
from spec.memory.premises import PREMISES, Premise
from spec.memory.state import Scene


def named(*names: str) -> tuple[Premise, ...]:
    """The premises of these names, in the order of the table."""
    return tuple(premise for premise in PREMISES if set(premise.names) & set(names))


def is_held(premise: Premise, scene: Any) -> bool:
    """The rule is kept in a scene, or in a world if it is one of the guest's discipline."""
    if premise.holder == "discipline":
        guest = scene.world.guest if isinstance(scene, Scene) else scene.guest
        return getattr(guest.rules, premise.field)  # type: ignore[no-any-return]  # every switch is a truth value
    return getattr(getattr(scene, premise.holder), premise.field)  # type: ignore[no-any-return]  # the same


def are_held(names: tuple[str, ...], scene: Any) -> bool:
    """All of them."""
    return all_of(*(is_held(premise, scene) for premise in PREMISES if premise.name in names))
