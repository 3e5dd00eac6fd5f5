"""What the registry and the source text of `spec/` say, as data: transitions, invariants, knobs, results."""

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from typing import Any, get_args

from sevspec.checks import Check, checks_of
from sevspec.documented import Operand, doc_line, operands
from sevspec.knob_use import knob_reads
from sevspec.source import Function, function_of, reached
from spec.everything import (
    ATTESTATION_INVARIANTS,
    ATTESTATION_TRANSITIONS,
    EVENT_INVARIANTS,
    EVENT_TRANSITIONS,
    GUEST_INVARIANTS,
    GUEST_TRANSITIONS,
    HV_INVARIANTS,
    HV_NO_INVARIANTS,
    HV_TRANSITIONS,
    INVARIANTS,
    MEMORY_INVARIANTS,
    MEMORY_TRANSITIONS,
    NO_INVARIANTS,
    PROTOCOL_INVARIANTS,
    PROTOCOL_TRANSITIONS,
    REGISTRATION_INVARIANTS,
    REGISTRATION_TRANSITIONS,
    TRANSITIONS,
)
from spec.knobs import KNOBS, Knob
from spec.registry import InvariantInfo, TransitionInfo, invariant_info, operands_of, transition_info
from spec.vocabulary import Actor, Result

FAMILIES: tuple[type[Enum], ...] = get_args(Result)
"""The families of results; no two members of one family are equal."""
OF_EVENTS = (*HV_TRANSITIONS, *EVENT_TRANSITIONS, *REGISTRATION_TRANSITIONS)
ABOUT_EVENTS = (*HV_INVARIANTS, *EVENT_INVARIANTS, *REGISTRATION_INVARIANTS, *HV_NO_INVARIANTS)
ALL_TRANSITIONS: tuple[Callable[..., Any], ...] = tuple(
    dict.fromkeys(
        (
            *TRANSITIONS,
            *GUEST_TRANSITIONS,
            *MEMORY_TRANSITIONS,
            *PROTOCOL_TRANSITIONS,
            *ATTESTATION_TRANSITIONS,
            *OF_EVENTS,
        )
    )
)
ALL_INVARIANTS: tuple[Callable[..., Any], ...] = tuple(
    dict.fromkeys(
        (
            *INVARIANTS,
            *GUEST_INVARIANTS,
            *MEMORY_INVARIANTS,
            *PROTOCOL_INVARIANTS,
            *ATTESTATION_INVARIANTS,
            *ABOUT_EVENTS,
            *NO_INVARIANTS,
        )
    )
)
"""Every statement that has an identifier, also those that nobody guarantees."""
EVENT_KINDS = {
    Actor.CAREFUL_GUEST: "step of a #HV handler and the code around it",
    Actor.HYPERVISOR: "step of a host that injects events",
    Actor.HARDWARE: "delivery of events",
    Actor.PARAVISOR: "step of a paravisor that injects events",
}
"""What the steps of `spec/hv/` are to a reader."""


@dataclass(frozen=True, eq=False)
class Step:
    """A transition of the registry."""

    call: Callable[..., Any]
    info: TransitionInfo
    function: Function

    @property
    def name(self) -> str:
        """Its name in `spec/`."""
        return self.info.name

    @property
    def is_command(self) -> bool:
        """A firmware command, which AMD's text names with `SNP_` in front."""
        return self.function.text.file.startswith("spec/firmware/")

    @property
    def kind(self) -> str:
        """What it is to a reader."""
        if self.is_command:
            return "firmware command"
        if self.function.text.file.startswith("spec/attestation/"):
            return "step of attestation"
        if self.function.text.file.startswith("spec/hv/"):
            return EVENT_KINDS[self.info.actor]
        if self.function.text.file.startswith(("spec/ghcb/", "spec/vc/")):
            return f"step of a {self.info.actor.value}"
        kinds = {Actor.CAREFUL_GUEST: "step of a careful guest", Actor.HARDWARE: "memory access"}
        return kinds.get(self.info.actor, "instruction")

    @property
    def title(self) -> str:
        """AMD's spelling, where it is AMD's."""
        if self.is_command:
            return f"SNP_{self.name.upper().removeprefix('SNP_')}"
        return self.name.upper() if self.kind == "instruction" else self.name

    @cached_property
    def summary(self) -> str:
        """The sentence of its module, or of the function where a module has several."""
        alone = sum(t.__module__ == self.call.__module__ for t in ALL_TRANSITIONS) == 1
        return doc_line(self.function.text.tree if alone else self.function.node)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Its ordered checks."""
        return checks_of(self.function)

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        """Its operands, nested records flattened."""
        return tuple(operands(operands_of(self.call)))

    @cached_property
    def knobs(self) -> tuple[Knob, ...]:
        """The knobs that it or a function it calls reads."""
        fields = {field for function in reached(self.function) for field, _ in knob_reads(function)}
        return tuple(knob for knob in KNOBS if knob.field in fields)


@dataclass(frozen=True, eq=False)
class Property:
    """An invariant of the registry."""

    info: InvariantInfo
    function: Function

    @property
    def doc(self) -> str:
        """What it says."""
        return inspect.cleandoc(ast.get_docstring(self.function.node) or "")


@dataclass(frozen=True)
class Catalogue:
    """The registry, read."""

    steps: tuple[Step, ...]
    properties: tuple[Property, ...]

    def giving(self, result: Any) -> Iterator[tuple[Step, Check]]:
        """The checks that give a result."""
        for step in self.steps:
            for check in step.checks:
                if any(result is r for r in check.results):
                    yield step, check

    def named(self, check: str) -> Iterator[tuple[Step, Check]]:
        """The checks of this name."""
        for step in self.steps:
            yield from ((step, one) for one in step.checks if one.name == check)


@cache
def catalogue() -> Catalogue:
    """The registry, read."""
    steps = tuple(Step(call, transition_info(call), function_of(call)) for call in ALL_TRANSITIONS)
    return Catalogue(steps, tuple(Property(invariant_info(i), function_of(i)) for i in ALL_INVARIANTS))
