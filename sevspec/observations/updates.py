"""RMPUPDATE and PSMASH: the step described, in the state described, gives the code that was returned."""

from collections.abc import Callable

from sevspec.blank import blank
from sevspec.observations.recorded import Observation, expect
from sevspec.page_states import example
from sevspec.scene import Scene, holding
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.authority import head_of
from spec.rmp.cpu import HOST_CPU
from spec.rmp.psmash import Psmash, psmash
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.vocabulary import PAGE_SHIFT, PageState


def updated(scene: Scene, *, assigned: bool, asid: int) -> Outcome:
    """A 4 KiB RMPUPDATE of the scene's page."""
    op = replace(blank(RmpUpdate), cpu=HOST_CPU, spa=scene.spa, assigned=assigned, asid=asid)
    return rmpupdate(scene.system, op)


def running_vmsa(observation: Observation) -> str:
    """hw-001: the VMSA page of a running vCPU is not taken back."""
    entry = replace(example(PageState.GUEST_VALID, observation.platform), vmsa=True)
    scene = holding(entry, observation.platform, observation.number("pfn"), in_use=True)
    outcome = updated(scene, assigned=False, asid=0)
    expect("RMPUPDATE", outcome.result, int(observation.result or "", 16))
    expect("entry afterwards", outcome.system.rmp[scene.page], entry)
    return f"RMPUPDATE ends at {outcome.check}, the entry unchanged"


def fixed_page(observation: Observation) -> str:
    """hw-007: an HV_FIXED page is given to nobody."""
    entry = example(PageState.HV_FIXED, observation.platform)
    scene = holding(entry, observation.platform, observation.number("pfn"))
    outcome = updated(scene, assigned=True, asid=1)
    expect("RMPUPDATE", outcome.result, int(observation.result or "", 16))
    return f"RMPUPDATE ends at {outcome.check}"


def split_again(observation: Observation) -> str:
    """hw-018: PSMASH of a region whose head is a 4 KiB entry."""
    checks = set()
    for text in observation.raw["pfns"]:
        entry = example(PageState.GUEST_VALID, observation.platform)
        scene = holding(entry, observation.platform, head_of(int(text, 16)))
        outcome = psmash(scene.system, replace(blank(Psmash), cpu=HOST_CPU, spa=scene.page << PAGE_SHIFT))
        expect("PSMASH", outcome.result, int(observation.result or "", 16))
        checks.add(outcome.check)
    return f"PSMASH ends at {', '.join(checks)}"


BY_ID: dict[str, Callable[[Observation], str]] = {
    "hw-001": running_vmsa,
    "hw-007": fixed_page,
    "hw-018": split_again,
}
