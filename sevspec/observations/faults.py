"""Faults: the word that the machine reported is the word that the specification composes."""

from collections.abc import Callable

from sevspec.blank import blank
from sevspec.observations.recorded import Observation, expect
from sevspec.page_states import example
from sevspec.scene import Scene, holding
from spec.features import TURIN
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import Cpu
from spec.rmp.pvalidate import Pvalidate, pvalidate
from spec.rmp.translation import Translation
from spec.vocabulary import PAGE_SHIFT, AccessCode, AgentCode, Event, MappingSize, PageSize, PageState

GUEST = 1
ANY_GVA = 0x7F79_0000
USER = 3


def accessed(scene: Scene, agent: AgentCode, kind: AccessCode, **more: int) -> Outcome:
    """One access to the scene's page; private if a guest's, unless `private=False`."""
    walked = Translation(
        gva=more.get("gva", ANY_GVA), gfn=scene.gfn, spa=scene.spa, mapping_size=more.get("size", MappingSize.MAP_4K),
        private=bool(more.get("private", agent == AgentCode.SNP_GUEST)),
    )  # fmt: skip
    asid = 0 if agent == AgentCode.HOST else GUEST
    op = replace(blank(MemoryAccess), agent=agent, kind=kind, asid=asid, cpl=more.get("cpl", 0), translation=walked)
    return access(scene.system, op)


def host_write(state: PageState) -> Callable[[Observation], str]:
    """The host writes a page of a state through a 4 KiB mapping."""

    def judge(observation: Observation) -> str:
        page = observation.number("pfn") if "pfn" in observation.raw else None
        scene = holding(example(state, observation.platform), observation.platform, page)
        outcome = accessed(scene, AgentCode.HOST, AccessCode.WRITE)
        expect("event", outcome.result, Event.PF)
        if "error_code" in observation.raw:
            expect("error code", outcome.output.error, observation.number("error_code"))
        return f"a host write to {state.value} ends at {outcome.check}, {outcome.output.error:#x}"

    return judge


def in_use_page(observation: Observation) -> str:
    """hw-021: an unassigned page that VMRUN holds; newer processors allow the write (HvInUseWrAllowed)."""
    entry = example(PageState.HYPERVISOR, observation.platform)
    scene = holding(entry, observation.platform, observation.number("pfn"), in_use=True)
    outcome = accessed(scene, AgentCode.HOST, AccessCode.WRITE)
    expect("error code", outcome.output.error, observation.number("error_code"))
    lifted = accessed(holding(entry, TURIN, in_use=True), AgentCode.HOST, AccessCode.WRITE)
    expect("with HvInUseWrAllowed", lifted.result, Event.COMPLETES)
    return f"the write ends at {outcome.check}; not where HvInUseWrAllowed is reported"


def large_mapping(observation: Observation) -> str:
    """hw-022: a shared page beside a private one, through a 2 MiB mapping and through a 4 KiB one."""
    private = example(PageState.GUEST_VALID, observation.platform)
    beside = holding(private, observation.platform)
    shared = Scene(beside.system, beside.page + 1, PageSize.SIZE_4K, 0, GUEST)
    expect("state", shared.state, PageState.HYPERVISOR)
    large = accessed(shared, AgentCode.HOST, AccessCode.WRITE, size=MappingSize.MAP_2M)
    expect("through 2 MiB", large.result, Event.PF)
    expect("through 4 KiB", accessed(shared, AgentCode.HOST, AccessCode.WRITE).result, Event.COMPLETES)
    return f"the 2 MiB write ends at {large.check}, a 4 KiB write is performed"


def small_request(observation: Observation) -> str:
    """hw-019: PVALIDATE of 4 KiB where mapping and entry are 2 MiB."""
    gpa = observation.number("gpa")
    entry = replace(
        example(PageState.GUEST_INVALID, observation.platform), page_size=PageSize.SIZE_2M, gfn=gpa >> 21 << 9
    )
    scene = holding(entry, observation.platform)
    page = scene.page | ((gpa >> PAGE_SHIFT) & 511)
    walked = Translation(
        gva=gpa, gfn=gpa >> PAGE_SHIFT, spa=page << PAGE_SHIFT, mapping_size=MappingSize.MAP_2M, private=True
    )
    cpu = Cpu(asid=GUEST, vmpl=0, cpl=0, snp_active=True)
    outcome = pvalidate(scene.system, Pvalidate(cpu, walked, PageSize.SIZE_4K, validate=True))
    expect("event", outcome.result, Event.NPF)
    expect("EXITINFO1", outcome.output.error, observation.number("exitinfo1"))
    expect("EXITINFO2", outcome.output.address, gpa)
    return f"PVALIDATE ends at {outcome.check}, {outcome.output.error:#x}"


def shared_read(observation: Observation) -> str:
    """hw-023: the owner's read with C=0 is not checked."""
    scene = holding(example(PageState.GUEST_VALID, observation.platform), observation.platform)
    outcome = accessed(scene, AgentCode.SNP_GUEST, AccessCode.READ, private=False)
    expect("event", outcome.result, Event.COMPLETES)
    return f"the read is {outcome.check}"


def not_accepted(kind: AccessCode, cpl: int) -> Callable[[Observation], str]:
    """An access of the owner to a page that it has not validated."""

    def judge(observation: Observation) -> str:
        gva = observation.number("cr2") if "cr2" in observation.raw else ANY_GVA
        scene = holding(example(PageState.GUEST_INVALID, observation.platform), observation.platform)
        outcome = accessed(scene, AgentCode.SNP_GUEST, kind, cpl=cpl, gva=gva)
        expect("event", outcome.result, Event.VC)
        code = observation.raw.get("exit_code") or observation.raw.get("error") or "0x404"
        expect("error code and CR2", (outcome.output.error, outcome.output.address), (int(code, 16), gva))
        return f"the access ends at {outcome.check}, #VC {outcome.output.error:#x}"

    return judge


BY_ID: dict[str, Callable[[Observation], str]] = {
    "hw-003": host_write(PageState.GUEST_VALID),
    "hw-005": host_write(PageState.FIRMWARE),
    "hw-019": small_request,
    "hw-021": in_use_page,
    "hw-022": large_mapping,
    "hw-023": shared_read,
    "hw-024": not_accepted(AccessCode.READ, USER),
    "hw-025": not_accepted(AccessCode.WRITE, 0),
    "hw-026": not_accepted(AccessCode.READ, USER),
    "hw-027": not_accepted(AccessCode.READ, 0),
    "hw-043": host_write(PageState.FIRMWARE_IOMMU),
}
