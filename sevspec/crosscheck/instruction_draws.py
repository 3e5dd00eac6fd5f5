"""RMP instructions: operands to try, mostly sensible ones, and hostile ones among them."""

from collections.abc import Callable
from random import Random
from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.draws import (
    FRAMES,
    GUESTS,
    HEADS,
    OFTEN,
    RARELY,
    WIDE,
    a_guest,
    a_guest_page,
    a_host,
    a_page,
    a_translation,
    frame_for,
    likely,
)
from spec.rmp.authority import PFN_MAX, effective, head_of
from spec.rmp.psmash import Psmash
from spec.rmp.pvalidate import Pvalidate
from spec.rmp.rmpadjust import RmpAdjust
from spec.rmp.rmpquery import RmpQuery
from spec.rmp.rmpread import RmpRead
from spec.rmp.rmpupdate_operand import RmpUpdate
from spec.vocabulary import PAGE_SHIFT


def draw_rmpupdate(rng: Random, bench: Bench) -> RmpUpdate:
    """One page or region: given, taken back, made immutable, or changed."""
    large = likely(rng, 0.3)
    page = a_page(rng)
    page = head_of(page) if large and not likely(rng) else page
    entry = effective(bench.system.rmp, page)
    assigned = likely(rng, 0.75)
    asid = rng.choice((0, *GUESTS)) if assigned or likely(rng) else 0
    immutable = likely(rng, 0.4 if asid else OFTEN) and (assigned or likely(rng))
    gfn = rng.choice(FRAMES) if likely(rng, 0.2) else frame_for(page)
    if entry.asid and likely(rng, 0.5):
        assigned, asid, gfn, large = True, entry.asid, entry.gfn, bool(entry.page_size)
    low = rng.choice((0, 0xFFF)) if likely(rng, 0.05) else 0
    return RmpUpdate(
        cpu=a_host(rng),
        spa=page << PAGE_SHIFT | (8 if likely(rng, RARELY) else 0),
        gpa=gfn << PAGE_SHIFT | low | (0xFFF << 52 if likely(rng, RARELY) else 0),
        assigned=assigned,
        page_size=int(large),
        region_status=likely(rng, RARELY),
        immutable=immutable,
        reserved=likely(rng, RARELY),
        asid=rng.choice(WIDE) if likely(rng, RARELY) else asid,
        contended=likely(rng, RARELY),
        overlap_contended=likely(rng, RARELY),
    )


def draw_psmash(rng: Random, _bench: Bench) -> Psmash:
    """A region, or rarely something else."""
    page = rng.choice(HEADS) if likely(rng, OFTEN) else a_page(rng)
    return Psmash(a_host(rng), page << PAGE_SHIFT, likely(rng, RARELY))


def draw_rmpread(rng: Random, _bench: Bench) -> RmpRead:
    """Any page."""
    return RmpRead(a_host(rng), a_page(rng) << PAGE_SHIFT | (8 if likely(rng, RARELY) else 0))


def draw_pvalidate(rng: Random, bench: Bench) -> Pvalidate:
    """Mostly VMPL0 of the owner."""
    where, owner, large = a_translation(rng, bench, a_guest_page(rng, bench))
    size = int(large) if likely(rng, 0.85) else rng.choice((0, 1))
    cpu = a_guest(rng, owner, any_level=False)
    return Pvalidate(cpu, where, size, likely(rng, 0.7), likely(rng, RARELY) and where.gva >> 32 == 0)


def draw_rmpadjust(rng: Random, bench: Bench) -> RmpAdjust:
    """Any level of the owner, any target."""
    where, owner, large = a_translation(rng, bench, a_guest_page(rng, bench))
    size = int(large) if likely(rng, 0.85) else rng.choice((0, 1))
    cpu = a_guest(rng, owner)
    held = effective(bench.system.rmp, where.spa >> PAGE_SHIFT & PFN_MAX).masks.of(cpu.vmpl)
    target, mask = rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 255)), rng.choice((0, 1, 2, 3, 7, 0xF, 0x1F, 0xFF))
    if likely(rng, 0.7):
        target, mask = rng.randrange(cpu.vmpl, 3) + 1 if cpu.vmpl < 3 else 3, mask & held
    return RmpAdjust(
        cpu=cpu,
        translation=where,
        page_size=size,
        target_vmpl=target,
        mask=mask,
        vmsa=likely(rng, 0.3),
        reserved=likely(rng, RARELY),
    )


def draw_rmpquery(rng: Random, bench: Bench) -> RmpQuery:
    """Any level of the owner, any target."""
    where, owner, _ = a_translation(rng, bench, a_guest_page(rng, bench))
    return RmpQuery(a_guest(rng, owner), where, rng.choice((0, 1, 2, 3, 4, 255)))


DRAWS: dict[str, Callable[[Random, Bench], Any]] = {
    "rmpupdate": draw_rmpupdate,
    "psmash": draw_psmash,
    "rmpread": draw_rmpread,
    "pvalidate": draw_pvalidate,
    "rmpadjust": draw_rmpadjust,
    "rmpquery": draw_rmpquery,
}
