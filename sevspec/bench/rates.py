"""How many single-page transitions the specification takes in a second, operands made anew for each.

Of the rule's plain form (`sevspec/plain_rules.py`), which is what takes many steps, and of the rule as it is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

from sevspec.plain_rules import plain
from spec.features import GENOA
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.cpu import HOST_CPU, Cpu
from spec.rmp.entry import UNASSIGNED
from spec.rmp.pvalidate import Pvalidate, pvalidate
from spec.rmp.rmpadjust import RmpAdjust, rmpadjust
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.translation import Translation
from spec.system.initial import booted
from spec.system.state import System
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import FULL_WITH_SSS, PAGE_SHIFT, Eax, MappingSize, PageSize

FIRST_PAGE, GFN, ASID = 0x40001, 0x8000, 5
PAGES = 64
ROUNDS, REPEATS = 20_000, 5
Rule = Callable[[System, Any], Outcome]
GUEST = Cpu(asid=ASID, vmpl=0, cpl=0, snp_active=True)


@dataclass(frozen=True)
class Rate:
    """Transitions per second of processor time, the best of several repeats."""

    name: str
    per_second: float
    as_written: float


def rates() -> list[Rate]:
    """Of the instructions that guests and hypervisors use most."""
    fresh, owned = booted(GENOA), with_pages(validated=False)
    accepted = with_pages(validated=True)
    return [
        rate("RMPUPDATE", rmpupdate, lambda rule, n: rule(fresh, update(FIRST_PAGE + n))),
        rate("PVALIDATE", pvalidate, lambda rule, n: rule(owned, acceptance(n))),
        rate("RMPADJUST", rmpadjust, lambda rule, n: rule(accepted, adjustment(n))),
    ]


def rate(name: str, rule: Rule, step: Callable[[Rule, int], Outcome]) -> Rate:
    """Of one instruction, in both forms."""
    quick = plain(rule)
    return Rate(name, best(lambda n: step(quick, n)), best(lambda n: step(rule, n)))


def best(step: Callable[[int], Outcome]) -> float:
    """Rounds per second of the fastest repeat; every step succeeds."""
    assert all(step(position).result is Eax.SUCCESS for position in range(PAGES))
    shortest = min(duration(step) for _ in range(REPEATS))
    return ROUNDS / shortest


def duration(step: Callable[[int], Outcome]) -> float:
    """Seconds of processor time for all rounds; other work on the machine does not count."""
    begun = process_time()
    for number in range(ROUNDS):
        step(number % PAGES)
    return process_time() - begun


def with_pages(*, validated: bool) -> System:
    """A guest's pages."""
    system = booted(GENOA)
    rmp = system.rmp
    masks = VmplMasks(FULL_WITH_SSS, 0, 0, 0)
    for number in range(PAGES):
        entry = replace(UNASSIGNED, assigned=True, asid=ASID, gfn=GFN + number, validated=validated, masks=masks)
        rmp = rmp.set(FIRST_PAGE + number, entry)
    return replace(system, rmp=rmp)


def update(page: int) -> RmpUpdate:
    """The hypervisor gives a page to a guest."""
    return RmpUpdate(
        cpu=HOST_CPU, spa=page << PAGE_SHIFT, gpa=GFN << PAGE_SHIFT, assigned=True, page_size=PageSize.SIZE_4K,
        region_status=False, immutable=False, reserved=False, asid=ASID, contended=False, overlap_contended=False,
    )  # fmt: skip


def walked(number: int) -> Translation:
    """A private 4 KiB mapping."""
    gfn = GFN + number
    spa = (FIRST_PAGE + number) << PAGE_SHIFT
    return Translation(gva=gfn << PAGE_SHIFT, gfn=gfn, spa=spa, mapping_size=MappingSize.MAP_4K, private=True)


def acceptance(number: int) -> Pvalidate:
    """The guest accepts a page."""
    return Pvalidate(cpu=GUEST, translation=walked(number), page_size=PageSize.SIZE_4K, validate=True)


def adjustment(number: int) -> RmpAdjust:
    """VMPL0 lets VMPL1 read and write."""
    return RmpAdjust(
        cpu=GUEST, translation=walked(number), page_size=PageSize.SIZE_4K, target_vmpl=1, mask=3, vmsa=False,
        reserved=False,
    )  # fmt: skip
