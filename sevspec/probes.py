"""The questions that are asked of a page: each instruction, access and simple command, run by the specification."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sevspec.scene import Scene
from spec.firmware.command import PageAddress
from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.registry import Outcome
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.authority import head_of
from spec.rmp.cpu import HOST_CPU, Cpu
from spec.rmp.psmash import Psmash, psmash
from spec.rmp.pvalidate import Pvalidate, pvalidate
from spec.rmp.rmpadjust import RmpAdjust, rmpadjust
from spec.rmp.rmpquery import RmpQuery, rmpquery
from spec.rmp.rmpread import RmpRead, rmpread
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.translation import Translation
from spec.vocabulary import PAGE_SHIFT, AccessCode, AgentCode, Permission

OTHER_GUEST = 77
"""An ASID that is not the owner's."""
HOST_GVA = 0xFFFF_8880_0000_0000


@dataclass(frozen=True)
class Probe:
    """One question."""

    agent: str
    step: str
    ask: Callable[[Scene], Outcome]


def rmpupdated(assigned: bool, immutable: bool, owner: int | None) -> Callable[[Scene], Outcome]:
    """RMPUPDATE with the page's own size and address; `owner` None keeps the guest."""

    def ask(scene: Scene) -> Outcome:
        kept = scene.system.rmp[scene.page].asid
        op = RmpUpdate(
            cpu=HOST_CPU, spa=scene.spa, gpa=scene.gfn << PAGE_SHIFT, assigned=assigned, page_size=scene.size,
            region_status=False, immutable=immutable, reserved=False, asid=kept if owner is None else owner,
            contended=False, overlap_contended=False,
        )  # fmt: skip
        return rmpupdate(scene.system, op)

    return ask


def guest(scene: Scene, vmpl: int = 0) -> Cpu:
    """A processor that runs the asking guest."""
    return Cpu(asid=scene.asid, vmpl=vmpl, cpl=0, snp_active=True)


def walked(scene: Scene, private: bool = True) -> Translation:
    """The hypervisor maps the entry's guest-physical address to the page, in the entry's size."""
    gpa = scene.gfn << PAGE_SHIFT
    return Translation(gva=gpa, gfn=scene.gfn, spa=scene.spa, mapping_size=scene.mapping, private=private)


def pvalidated(validate: bool) -> Callable[[Scene], Outcome]:
    """PVALIDATE at VMPL0 with the page's own size."""
    return lambda s: pvalidate(s.system, Pvalidate(guest(s), walked(s), s.size, validate))


def adjusted(scene: Scene) -> Outcome:
    """RMPADJUST at VMPL0: read and write for VMPL1."""
    mask = int(Permission.READ | Permission.WRITE)
    op = RmpAdjust(guest(scene), walked(scene), scene.size, target_vmpl=1, mask=mask, vmsa=False, reserved=False)
    return rmpadjust(scene.system, op)


def accessed(agent: AgentCode, kind: AccessCode, *, private: bool = False, vmpl: int = 0, other: bool = False) -> Any:
    """One memory access; a guest of another ASID if `other`."""

    def ask(scene: Scene) -> Outcome:
        runs = OTHER_GUEST if other or agent == AgentCode.NON_SNP_GUEST else scene.asid
        op = MemoryAccess(
            agent=agent, kind=kind, asid=0 if agent in (AgentCode.HOST, AgentCode.DEVICE) else runs, vmpl=vmpl, cpl=0,
            vmpl_sss=False, reflect_vc=False, translation=walked(scene, private),
        )  # fmt: skip
        return access(scene.system, op)

    return ask


def split(scene: Scene) -> Outcome:
    """PSMASH of the page's 2 MiB region, as kernels round the address down."""
    return psmash(scene.system, Psmash(HOST_CPU, head_of(scene.page) << PAGE_SHIFT, contended=False))


def reclaimed(scene: Scene) -> Outcome:
    """SNP_PAGE_RECLAIM with the page's own size."""
    address = PageAddress(scene.spa, in_rmp=False, forbidden=False)
    return page_reclaim(scene.system, PageReclaim(address, scene.size, reserved=False))


HOST, LEGACY, SNP, DEVICE = AgentCode.HOST, AgentCode.NON_SNP_GUEST, AgentCode.SNP_GUEST, AgentCode.DEVICE
READ, WRITE, FETCH = AccessCode.READ, AccessCode.WRITE, AccessCode.FETCH

PROBES = (
    Probe("hypervisor", "RMPUPDATE, take the page back", rmpupdated(assigned=False, immutable=False, owner=0)),
    Probe("hypervisor", "RMPUPDATE, same owner, Immutable", rmpupdated(assigned=True, immutable=True, owner=None)),
    Probe("hypervisor", "RMPUPDATE, to another guest", rmpupdated(assigned=True, immutable=False, owner=OTHER_GUEST)),
    Probe("hypervisor", "PSMASH of its region", split),
    Probe("hypervisor", "RMPREAD", lambda s: rmpread(s.system, RmpRead(HOST_CPU, s.spa))),
    Probe("hypervisor", "read", accessed(HOST, READ)),
    Probe("hypervisor", "write", accessed(HOST, WRITE)),
    Probe("non-SNP guest", "write", accessed(LEGACY, WRITE)),
    Probe("device", "write", accessed(DEVICE, WRITE)),
    Probe("owner, VMPL0", "PVALIDATE, accept", pvalidated(True)),
    Probe("owner, VMPL0", "PVALIDATE, rescind", pvalidated(False)),
    Probe("owner, VMPL0", "RMPADJUST, rw to VMPL1", adjusted),
    Probe("owner, VMPL0", "RMPQUERY of VMPL1", lambda s: rmpquery(s.system, RmpQuery(guest(s), walked(s), 1))),
    Probe("owner, VMPL0", "read, C=1", accessed(SNP, READ, private=True)),
    Probe("owner, VMPL0", "write, C=1", accessed(SNP, WRITE, private=True)),
    Probe("owner, VMPL0", "fetch", accessed(SNP, FETCH, private=True)),
    Probe("owner, VMPL1", "read, C=1", accessed(SNP, READ, private=True, vmpl=1)),
    Probe("owner, VMPL0", "read, C=0", accessed(SNP, READ)),
    Probe("owner, VMPL0", "write, C=0", accessed(SNP, WRITE)),
    Probe("another SNP guest", "read, C=1", accessed(SNP, READ, private=True, other=True)),
    Probe("firmware", "SNP_PAGE_RECLAIM", reclaimed),
)
