"""Firmware commands: the command described gives the status that was returned."""

from collections.abc import Callable

from sevspec.blank import blank
from sevspec.observations.recorded import Observation, expect
from sevspec.page_states import example
from sevspec.scene import HEAD_PAGE, holding
from spec.firmware.command import PageAddress
from spec.firmware.id_block import ECDSA_P384_SHA384, IdBlock
from spec.firmware.init import SnpInit, snp_init
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.firmware.launched_page import LaunchedContent
from spec.firmware.machine import Machine
from spec.firmware.state import EMPTY_CONTEXT
from spec.record import fields_of, replace
from spec.registry import Outcome
from spec.rmp.page_state import page_state
from spec.system.initial import booted
from spec.system.state import System
from spec.vocabulary import PAGE_SHIFT, GuestState, LaunchPageType, PageState

GUEST = 1
CONTEXT_PAGE = HEAD_PAGE + 7
DIGEST = 0x1234
POLICY = 0x30000


def address(page: int) -> PageAddress:
    """A page that firmware may touch."""
    return PageAddress(spa=page << PAGE_SHIFT, in_rmp=False, forbidden=False)


def launching(observation: Observation) -> tuple[System, PageAddress]:
    """A guest in launch with its key, and one PRE_GUEST page of it."""
    scene = holding(example(PageState.PRE_GUEST, observation.platform), observation.platform)
    context = example(PageState.CONTEXT, observation.platform)
    guest = replace(EMPTY_CONTEXT, state=GuestState.LAUNCH, asid=GUEST, launch_digest=DIGEST, policy=POLICY)
    firmware = scene.system.firmware
    firmware = replace(firmware, contexts=firmware.contexts.set(CONTEXT_PAGE, guest))
    system = replace(scene.system, rmp=scene.system.rmp.set(CONTEXT_PAGE, context), firmware=firmware)
    return system, address(scene.page)


def cpuid_page(observation: Observation) -> str:
    """hw-028: a CPUID page that promises too much is given back, corrected."""
    system, page = launching(observation)
    op = replace(
        blank(LaunchUpdate), context=address(CONTEXT_PAGE), page=page, page_type=LaunchPageType.CPUID, cpuid_unsafe=True
    )
    outcome = launch_update(system, op)
    given(observation, outcome)
    expect("page given back", outcome.output, LaunchedContent.CORRECTED)
    expect("state", page_state(outcome.system.rmp[page.page]), PageState.PRE_GUEST)
    return f"SNP_LAUNCH_UPDATE ends at {outcome.check}, the page corrected"


def given(observation: Observation, outcome: Outcome) -> None:
    """The status is the one returned."""
    expect("status", outcome.result, int(observation.result or "", 16))


def finished(observation: Observation, **changes: object) -> str:
    """SNP_LAUNCH_FINISH with an ID block that fits but for the changes."""
    system, _ = launching(observation)
    block = replace(
        blank(IdBlock), block=address(1), authentication=address(2), launch_digest=DIGEST, policy=POLICY,
        id_key_algorithm=ECDSA_P384_SHA384, author_key_algorithm=ECDSA_P384_SHA384, id_key_valid=True,
        block_signed=True, author_key_valid=True, id_key_signed=True,
    )  # fmt: skip
    op = replace(
        blank(LaunchFinish), context=address(CONTEXT_PAGE), id_block_enabled=True, id_block=replace(block, **changes)
    )
    outcome = launch_finish(system, op)
    given(observation, outcome)
    return f"SNP_LAUNCH_FINISH ends at {outcome.check}"


def initialised_without(fact: str) -> Callable[[Observation], str]:
    """SNP_INIT on a machine that is as it should be but for one fact."""

    def judge(observation: Observation) -> str:
        good = {field.name: True for field in fields_of(Machine)} | {"rmp_base_encrypted": False, fact: False}
        outcome = snp_init(booted(observation.platform), replace(blank(SnpInit), machine=Machine(**good)))
        given(observation, outcome)
        return f"SNP_INIT ends at {outcome.check}"

    return judge


BY_ID: dict[str, Callable[[Observation], str]] = {
    "hw-028": cpuid_page,
    "hw-029": lambda observation: finished(observation, launch_digest=DIGEST + 1),
    "hw-031": lambda observation: finished(observation, block_signed=False),
    "hw-033": initialised_without("vmpl_everywhere"),
    "hw-034": initialised_without("iommu_protected"),
}
