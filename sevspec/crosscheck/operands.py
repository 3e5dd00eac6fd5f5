"""Every registered transition, and how the machine takes the same step."""

from collections.abc import Callable
from typing import Any

from sevspec.crosscheck import (
    accesses,
    guest_commands,
    instructions,
    page_commands,
    platform_commands,
    running,
    status_commands,
    swap_commands,
)
from sevspec.crosscheck.agreement import Answer, require_agreement
from sevspec.crosscheck.bench import Bench
from spec.registry import Outcome, transition_info

RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {
    **instructions.RUNNERS,
    **accesses.RUNNERS,
    **running.RUNNERS,
    **platform_commands.RUNNERS,
    **guest_commands.RUNNERS,
    **page_commands.RUNNERS,
    **swap_commands.RUNNERS,
    **status_commands.RUNNERS,
}


def take(bench: Bench, transition: Callable[..., Outcome], op: Any) -> Outcome:
    """Take one step on both sides and compare. A step that the machine cannot take raises `Inexpressible`."""
    name = transition_info(transition).name
    outcome = transition(bench.system, op)
    answer = RUNNERS[name](bench, op)
    require_agreement(bench, name, op, outcome, answer)
    return outcome
