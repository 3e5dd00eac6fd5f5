"""One guest with ASID 5, a few pages, and short names for the steps that host and guest take."""

from collections.abc import Callable
from typing import Any

import pytest

from proofs.explore import explore, unknown
from spec.features import MILAN, TURIN, Platform
from spec.firmware.state import BOOTED
from spec.maps import Map
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import HOST_CPU, Cpu
from spec.rmp.entry import UNASSIGNED, RmpEntry
from spec.rmp.psmash import Psmash, psmash
from spec.rmp.pvalidate import Pvalidate, pvalidate
from spec.rmp.rmpadjust import RmpAdjust, rmpadjust
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.translation import Translation
from spec.system.state import System
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import AccessCode, AgentCode, Eax, Event, MappingSize, PageSize, Result

ASID = 5
X, Y = 0x1003, 0x1403
"""Two system pages in different 2 MiB regions, neither a region's head."""
G = 0x100
LARGE_HEAD, LARGE_GFN = 0x2000, 0x400
"""A 2 MiB-aligned system page and guest frame."""
BASE = System(
    platform=MILAN, covered=Map(True), rmp=Map(UNASSIGNED), in_use=Map(False), asid_pages=Map(0), firmware=BOOTED
)
GUEST = Cpu(asid=ASID, vmpl=0, cpl=0, snp_active=True)
MASKS = VmplMasks(0xF, 0, 0, 0)
INVALID = replace(UNASSIGNED, assigned=True, asid=ASID, gfn=G, masks=MASKS)
VALID = replace(INVALID, validated=True)
LARGE_VALID = replace(VALID, page_size=PageSize.SIZE_2M, gfn=LARGE_GFN)


def with_knobs(system: System, **knobs: Any) -> System:
    """The system on a platform with other readings of open questions."""
    platform = replace(system.platform, knobs=replace(system.platform.knobs, **knobs))
    return replace(system, platform=platform)


def with_features(system: System, base: Platform = MILAN, **features: Any) -> System:
    """The system on another platform."""
    return replace(system, platform=replace(base, features=replace(base.features, **features)))


def holding(page: int, entry: RmpEntry, system: System = BASE) -> System:
    """The system with one entry set."""
    return replace(system, rmp=system.rmp.set(page, entry))


def in_use(page: int, system: System) -> System:
    """The system while VMRUN holds a page."""
    return replace(system, in_use=system.in_use.set(page, True))


ON_TURIN = with_features(BASE, TURIN)


def via(gfn: int, page: int, size: MappingSize = MappingSize.MAP_4K, private: bool = True) -> Translation:
    """A mapping whose virtual address is the guest-physical one."""
    return Translation(gva=gfn << 12, gfn=gfn, spa=page << 12, mapping_size=size, private=private)


def assign(page: int, gfn: int, asid: int = ASID, size: PageSize = PageSize.SIZE_4K, **more: Any) -> RmpUpdate:
    """The host's request to give a page to a guest."""
    plain = RmpUpdate(
        cpu=HOST_CPU,
        spa=page << 12,
        gpa=gfn << 12,
        assigned=True,
        page_size=size,
        region_status=False,
        immutable=False,
        reserved=False,
        asid=asid,
        contended=False,
        overlap_contended=False,
    )
    return replace(plain, **more)


def accept(gfn: int, page: int, value: bool = True, size: PageSize = PageSize.SIZE_4K, **more: Any) -> Pvalidate:
    """VMPL0's PVALIDATE, with a mapping of the size it asks for."""
    plain = Pvalidate(cpu=GUEST, translation=via(gfn, page, MappingSize(size)), page_size=size, validate=value)
    return replace(plain, **more)


def grant(gfn: int, page: int, target: int, mask: int, vmpl: int = 0, **more: Any) -> RmpAdjust:
    """A VMPL's RMPADJUST."""
    plain = RmpAdjust(
        cpu=replace(GUEST, vmpl=vmpl),
        translation=via(gfn, page),
        page_size=PageSize.SIZE_4K,
        target_vmpl=target,
        mask=mask,
        vmsa=False,
        reserved=False,
    )
    return replace(plain, **more)


def touch(kind: AccessCode, gfn: int, page: int, agent: AgentCode = AgentCode.SNP_GUEST, **more: Any) -> MemoryAccess:
    """An access, by the guest unless another agent is named."""
    plain = MemoryAccess(
        agent=agent,
        kind=kind,
        asid=ASID if agent == AgentCode.SNP_GUEST else 0,
        vmpl=0,
        cpl=0,
        vmpl_sss=False,
        reflect_vc=False,
        translation=via(gfn, page),
    )
    return replace(plain, **more)


STEPS: dict[type, Callable[[System, Any], Outcome]] = {
    RmpUpdate: rmpupdate,
    Psmash: psmash,
    Pvalidate: pvalidate,
    RmpAdjust: rmpadjust,
    MemoryAccess: access,
}


def done(system: System, *requests: Any) -> System:
    """The state after steps that all succeed."""
    for request in requests:
        outcome = STEPS[type(request)](system, request)
        assert outcome.result in (Eax.SUCCESS, Event.COMPLETES), (outcome.result, outcome.check)
        system = outcome.system
    return system


def deny(system: System, request: Any, result: Result, check: str) -> Outcome:
    """A step that is refused with this code, by this check, and changes nothing."""
    outcome = STEPS[type(request)](system, request)
    assert (outcome.result, outcome.check) == (result, check)
    assert outcome.system == system
    return outcome


def checks_of(step: Callable[..., Outcome]) -> set[tuple[Result, str]]:
    """Every result and check name that a step can end in, on a state of which nothing is known."""
    return {(path.outcome.result, path.outcome.check) for path in explore(step, unknown(System, "s"))}


def named(cases: dict[str, Any]) -> list[Any]:
    """Parameters of a test with their names as identifiers."""
    return [pytest.param(*case, id=name) for name, case in cases.items()]
