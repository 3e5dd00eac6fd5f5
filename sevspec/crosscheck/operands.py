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


NOT_RUN = (
    ("snp_init", "its operand is the whole new table; SNP_INIT builds one from a memory map, and has tests of its own"),
    ("snp_init_ex", "as snp_init"),
    ("page_set_state_walk", "the machine walks its list inside SNP_PAGE_SET_STATE, and `take` does"),
    ("iommu_page_release", "the machine releases all pages of IOMMUs inside SNP_SHUTDOWN_EX"),
    ("vlek_load", "the machine has no VLEK"),
    ("download_firmware_ex", "the machine's firmware is not replaced"),
    ("snp_commit", "the machine's firmware is not replaced"),
    ("guest_request", "guest messages are sealed with real keys, which an operand of the specification does not have"),
    ("guest_request_absorb", "as guest_request"),
    ("guest_request_absorb_noma", "as guest_request"),
    ("guest_request_export", "as guest_request"),
    ("guest_request_import", "as guest_request"),
    ("guest_request_vmrk", "as guest_request"),
    ("legacy_writeback", "the machine has no legacy SEV commands while SNP is initialised"),
)
"""Registered transitions that the machine does not take as such, and why."""


def take(bench: Bench, transition: Callable[..., Outcome], op: Any) -> Outcome:
    """Take one step on both sides and compare. A step that the machine cannot take raises `Inexpressible`."""
    name = transition_info(transition).name
    outcome = page_commands.answered(transition(bench.system, op))
    answer = RUNNERS[name](bench, op)
    require_agreement(bench, name, op, outcome, answer)
    return outcome
