"""The knobs that some invariant needs at their defaults; all others are arbitrary in every proof."""

from typing import Any

from spec.everything import (
    EVENT_INVARIANTS,
    GUEST_INVARIANTS,
    HV_INVARIANTS,
    INVARIANTS,
    MEMORY_INVARIANTS,
    PROTOCOL_INVARIANTS,
)
from spec.features import Platform
from spec.knobs import DEFAULT_KNOBS, KNOBS
from spec.logic import all_of
from spec.registry import invariant_info

STATED = (
    *INVARIANTS,
    *GUEST_INVARIANTS,
    *MEMORY_INVARIANTS,
    *PROTOCOL_INVARIANTS,
    *HV_INVARIANTS,
    *EVENT_INVARIANTS,
)
NEEDS = {name for i in STATED for name in invariant_info(i).needs}
NEEDED_KNOBS = tuple(knob for knob in KNOBS if knob.name in NEEDS)


def platform_of(state: Any) -> Platform:
    """The platform of a state of any kind."""
    while not hasattr(state, "platform"):
        state = state.world if hasattr(state, "world") else state.system
    platform: Platform = state.platform
    return platform


def needed_knobs_have_defaults(state: Any, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """The platform answers the needed knobs as the defaults do."""
    knobs = platform_of(state).knobs
    return all_of(*(getattr(knobs, k.field) == getattr(DEFAULT_KNOBS, k.field) for k in NEEDED_KNOBS))
