"""A booted platform with one guest in launch, entries in each state, and how a refusal is checked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from proofs.explore import explore, unknown
from spec.features import MILAN
from spec.firmware.command import PageAddress
from spec.firmware.state import BOOTED, EMPTY_CONTEXT, GuestContext
from spec.maps import Map
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.entry import UNASSIGNED, RmpEntry, metadata_gfn
from spec.system.state import System
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import GuestState, PageSize, PlatformState, Status

ASID = 5
GFN = 0x200
CONTEXT_PAGE = 0x40
MASKS = VmplMasks(0xF, 3, 1, 0)

FIRMWARE = replace(UNASSIGNED, assigned=True, immutable=True, lock=True)
CONTEXT = replace(FIRMWARE, vmsa=True)
METADATA = replace(FIRMWARE, gfn=metadata_gfn(CONTEXT_PAGE))
RECLAIM = replace(UNASSIGNED, assigned=True)
GUEST_INVALID = replace(UNASSIGNED, assigned=True, asid=ASID, gfn=GFN, masks=MASKS)
GUEST_VALID = replace(GUEST_INVALID, validated=True)
PRE_GUEST = replace(GUEST_INVALID, immutable=True, lock=True)
PRE_SWAP = replace(PRE_GUEST, validated=True)
LARGE = {"page_size": PageSize.SIZE_2M}

GUEST = replace(EMPTY_CONTEXT, state=GuestState.LAUNCH, asid=ASID, oek=7, vek=8, launch_digest=0, iv_count=3)


def at(page: int, **flags: Any) -> PageAddress:
    return replace(PageAddress(spa=page << 12, in_rmp=False, forbidden=False), **flags)


def world(pages: dict[int, RmpEntry], guest: GuestContext = GUEST) -> System:
    """SNP initialised; the guest's context in `CONTEXT_PAGE`; the given entries, and hypervisor pages elsewhere."""
    rmp: Map[int, RmpEntry] = Map(UNASSIGNED)
    rmp = rmp.set(CONTEXT_PAGE, CONTEXT)
    for page, entry in pages.items():
        rmp = rmp.set(page, entry)
    contexts: Map[int, GuestContext] = Map(EMPTY_CONTEXT)
    contexts = contexts.set(CONTEXT_PAGE, guest)
    firmware = replace(BOOTED, state=PlatformState.INIT, contexts=contexts)
    return System(platform=MILAN, covered=Map(True), rmp=rmp, in_use=Map(False), asid_pages=Map(0), firmware=firmware)


def with_entry(system: System, page: int, **changes: Any) -> System:
    return replace(system, rmp=system.rmp.set(page, replace(system.rmp[page], **changes)))


def with_guest(system: System, **changes: Any) -> System:
    guest = replace(system.firmware.contexts[CONTEXT_PAGE], **changes)
    contexts = system.firmware.contexts.set(CONTEXT_PAGE, guest)
    return replace(system, firmware=replace(system.firmware, contexts=contexts))


def with_knobs(system: System, **changes: Any) -> System:
    return replace(system, platform=replace(system.platform, knobs=replace(system.platform.knobs, **changes)))


def uninitialised(system: System) -> System:
    return replace(system, firmware=replace(system.firmware, state=PlatformState.UNINIT))


def uncovered(system: System, page: int) -> System:
    return replace(system, covered=system.covered.set(page >> 9, False))


def guest(system: System) -> GuestContext:
    found: GuestContext = system.firmware.contexts[CONTEXT_PAGE]
    return found


@dataclass
class Case:
    """One refusal: how the working step is spoiled, and what comes out. `check` is also the test's name."""

    check: str
    result: Any
    op: dict[str, Any] = field(default_factory=dict)
    system: Callable[[System], System] = lambda system: system
    name: str = ""


def cases(*each: Case) -> Any:
    """The cases as parameters of a test."""
    return pytest.mark.parametrize("case", each, ids=[case.name or case.check for case in each])


def assert_refused(transition: Callable[..., Outcome], system: System, op: Any, case: Case) -> None:
    """The code, the check, and nothing changed."""
    spoiled = case.system(system)
    outcome = transition(spoiled, replace(op, **case.op))
    assert (outcome.result, outcome.check) == (case.result, case.check)
    assert outcome.system == spoiled


def every_check(transition: Callable[..., Outcome]) -> set[tuple[Any, str]]:
    """Result and check of each path."""
    return {(path.outcome.result, path.outcome.check) for path in explore(transition, unknown(System, "s"))}


def early(*, context: bool = True) -> tuple[Case, ...]:
    """The refusals in front of a command; up to GCTX_PADDR's where there is one."""
    common = (
        Case("reserved-bits", Status.INVALID_PARAM, {"reserved": True}),
        Case("platform-state", Status.INVALID_PLATFORM_STATE, system=uninitialised),
    )
    if not context:
        return common
    page = CONTEXT_PAGE
    return (
        *common,
        Case("reserved-bits", Status.INVALID_PARAM, {"context": at(page, spa=(page << 12) + 0x10)}, name="unaligned"),
        Case("address", Status.INVALID_ADDRESS, {"context": at(page, forbidden=True)}),
        Case("rmp-page", Status.INVALID_PARAM, {"context": at(page, in_rmp=True)}),
        Case("context", Status.INVALID_GUEST, system=lambda s: with_entry(s, page, vmsa=False)),
        Case(
            "context",
            Status.INVALID_GUEST,
            {"context": at(1 << 9)},
            lambda s: uncovered(s, 1 << 9),
            "context-uncovered",
        ),
    )
