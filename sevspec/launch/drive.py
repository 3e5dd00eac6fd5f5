"""A launch from power-on to a running guest, on the specification and on the machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from impl.hypervisor.pages import LaunchPage
from impl.hypervisor.plan import LaunchPlan
from sevspec.launch import steps
from sevspec.launch.agreement import FRAME, guest, same_content, same_digest, same_guest
from sevspec.launch.life import CONTEXT_PAGE, Life, Region, lived, region_of
from sevspec.launch.placement import ASID, CONTEXT, guest_page
from sevspec.launch.platform import initialise
from sevspec.launch.twins import Disagreement, Twins
from spec.record import replace
from spec.vocabulary import PageState

Progress = Callable[[int], None]
"""Hears how many pages have been launched."""


@dataclass(frozen=True)
class Launched:
    """A launch that was carried out."""

    measurement: bytes
    lives: tuple[Life, ...]
    taken: dict[tuple[str, str], int]
    """How often each transition gave each result."""
    seconds: dict[str, float]


def launch(plan: LaunchPlan, known: Sequence[Region] = (), progress: Progress = lambda _: None) -> Launched:
    """Every step of the plan; Disagreement if the two sides differ anywhere."""
    twins = Twins()
    initialise(twins)
    context = begun(twins)
    seeded(twins, plan.initial_digest)
    lives = [context]
    for position, page in enumerate(plan.pages):
        lives.append(launched(twins, page, guest_page(position), region_of(page, known)))
        progress(position + 1)
    steps.finish(twins)
    same_guest(twins, "SNP_LAUNCH_FINISH")
    twins.same_table("SNP_LAUNCH_FINISH")
    return Launched(guest(twins).launch_digest, tuple(lives), dict(twins.taken), dict(twins.seconds))


def begun(twins: Twins) -> Life:
    """The guest's context: donated, created, launched under a policy, bound to an ASID."""
    states = [twins.state("before RMPUPDATE", CONTEXT)]
    steps.assign(twins, CONTEXT, asid=0, gpa=0)
    states.append(twins.state("RMPUPDATE", CONTEXT))
    steps.create(twins)
    states.append(twins.state("SNP_GCTX_CREATE", CONTEXT))
    steps.start(twins)
    same_guest(twins, "SNP_LAUNCH_START")
    steps.bind(twins)
    same_guest(twins, "SNP_ACTIVATE")
    names = ("RMPUPDATE", "SNP_GCTX_CREATE")
    return lived(CONTEXT_PAGE, "", wanted(states, PageState.HYPERVISOR, PageState.FIRMWARE, PageState.CONTEXT), names)


def seeded(twins: Twins, digest: bytes) -> None:
    """The digest of pages that are not launched here stands in for them. No step of the platform does this."""
    contexts = twins.system.firmware.contexts
    context = replace(contexts[FRAME], launch_digest=int.from_bytes(digest, "little"))
    twins.system = replace(twins.system, firmware=replace(twins.system.firmware, contexts=contexts.set(FRAME, context)))
    guest(twins).launch_digest = digest


def launched(twins: Twins, page: LaunchPage, spa: int, region: str) -> Life:
    """One page: copied, assigned to the guest, launched."""
    steps.copy(twins, spa, page.content)
    states = [twins.state("host write", spa)]
    steps.assign(twins, spa, ASID, page.gpa)
    states.append(twins.state("RMPUPDATE", spa))
    content = steps.load(twins, page, spa)
    states.append(twins.state("SNP_LAUNCH_UPDATE", spa))
    same_digest(twins, f"SNP_LAUNCH_UPDATE of {spa:#x}")
    same_content(twins, page, spa, content)
    names = ("RMPUPDATE", "SNP_LAUNCH_UPDATE")
    path = wanted(states, PageState.HYPERVISOR, PageState.PRE_GUEST, PageState.GUEST_VALID)
    return lived(region, page.page_type.name, path, names)


def wanted(found: Sequence[PageState], *states: PageState) -> Sequence[PageState]:
    """Both sides agree on these states already; they must be those of a launch."""
    if tuple(found) != states:
        raise Disagreement("launch", "states", [s.value for s in states], [s.value for s in found])
    return found
